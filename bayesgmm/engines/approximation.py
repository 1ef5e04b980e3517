"""Independent draws from a normal approximation, as a tree of one chain, with their weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.target import Target
from bayesgmm.estimation.draws import draws_tree
from bayesgmm.estimation.point_estimate import PointEstimate

PARETO_LIMIT = 0.7
"""Beyond, importance weights cannot mend an approximation (Yao et al., 2018, section 2.1)."""

_FEWEST_DRAWS = 30  # with fewer, the tail that Pareto k describes has less than six


def approximation_tree(
    target: Target,
    normal: NormalApproximation,
    *,
    n_draws: int,
    start: PointEstimate,
    seed: np.random.SeedSequence,
    **record: Any,
) -> xr.DataTree:
    """Draw from an approximation of the posterior, and say how far it is from the posterior.

    The statistics ``lp`` and ``log_q`` of a draw are its log density under the posterior and
    under the approximation, both on the unconstrained space; their difference is the log of its
    importance weight. ``pareto_k`` goes into the record.
    """
    noise = np.random.default_rng(seed).standard_normal((1, n_draws, normal.centre.size))
    positions = normal.positions(noise)
    posterior = np.array([[target(position)[0] for position in positions[0]]])
    approximate = normal.log_density(noise)
    return draws_tree(
        target.layout.unpack(positions),
        data=target.data,
        spec=target.spec,
        start=start,
        chain_starts=target.layout.unpack(normal.centre[None]),
        sample_stats={"lp": posterior, "log_q": approximate},
        pareto_k=pareto_k(posterior[0] - approximate[0]),
        **record,
    )


def pareto_k(log_weights: Float[np.ndarray, " draw"]) -> float | None:
    """Return the shape of the tail of importance weights; ``None`` for too few draws.

    Below 0.5 the approximation is near, above 0.7 it is too far away for importance weights to
    mend it (Yao et al., 2018; Vehtari et al., 2024). The tail is the largest fifth, or the
    3 sqrt(n) largest where those are fewer. Where its weights are all equal they are bounded, and
    the shape is 0: no tail. Where one is all that numbers can tell from zero, it is infinite.

    References
    ----------
    Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Yes, but did it work? Evaluating
    variational inference. Proceedings of Machine Learning Research 80, 5581-5590.

    Vehtari, A., Simpson, D., Gelman, A., Yao, Y. and Gabry, J. (2024). Pareto smoothed
    importance sampling. Journal of Machine Learning Research 25(72), 1-58.
    """
    if log_weights.size < _FEWEST_DRAWS:
        return None
    tail_size = min(log_weights.size // 5, math.floor(3 * math.sqrt(log_weights.size)))
    if np.ptp(np.sort(log_weights)[-tail_size:]) == 0:
        return 0.0
    from arviz_stats.base import array_stats

    with np.errstate(all="ignore"):  # of the weights that it smooths, which nobody asks for
        shape = float(array_stats.psislw(-log_weights)[1])  # it takes the negative logarithms
    return math.inf if math.isnan(shape) else shape
