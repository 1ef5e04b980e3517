"""Draws that another program made, as the raw tree that an engine would have returned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.target import Target
from bayesgmm.estimation.draws import draws_tree
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status, distance
from bayesgmm.numerics.likeness import alike
from bayesgmm.numerics.statistics import log_densities_of_draws, sufficient_statistics
from bayesgmm.numerics.unconstrained import made_regular
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import EXCHANGEABLE

_DRAWS_LOOKED_AT = 100  # of each chain, for the optimum that it is at


@dataclass(frozen=True, eq=False)
class Given:
    """Draws on the scale of the rows, and what their sampler says of them.

    Attributes
    ----------
    draws : MixtureParameters
        Batch axes chain, draw.
    sample_stats : dict of arrays
        Axes chain, draw.
    origin : str
        What made the draws.
    exchangeable : bool
        Whether the prior treats components alike.
    """

    draws: MixtureParameters
    sample_stats: dict[str, np.ndarray]
    origin: str
    exchangeable: bool

    def tree(self, spec: MixtureSpec | None, data: Dataset, *, start: PointEstimate) -> xr.DataTree:
        """Return the tree, with the log posterior where the spec tells it.

        ``start`` is the posterior mode, or without a spec the draw that stands for it.
        """
        statistics, known = self.sample_stats, {}
        if spec is not None:
            statistics = {**statistics, "lp": log_posteriors(Target(spec, data), self.draws)}
            known["chain_optima"] = _nearest_optima(spec, data, start, self.draws)
        return draws_tree(
            self.draws,
            data=data,
            spec=spec,
            start=start,
            sample_stats=statistics,
            engine=self.origin,
            partial=False,
            **{EXCHANGEABLE: self.exchangeable},
            **known,
        )


def log_posteriors(target: Target, draws: MixtureParameters) -> Float[np.ndarray, "chain draw"]:
    """Return the log posterior density of draws, on the unconstrained space."""
    inner = replace(draws, weights=np.maximum(draws.weights, np.finfo(float).tiny))
    if target.layout.correlated:
        inner = replace(inner, correlations=made_regular(draws.correlations))
    positions = target.layout.pack(inner)
    return np.array([[target(position)[0] for position in chain] for chain in positions])


def highest_draw(
    draws: MixtureParameters, data: Dataset, heights: Float[np.ndarray, "chain draw"] | None
) -> PointEstimate:
    """Return the draw of the highest log posterior, or where that is not known, log-likelihood.

    It stands for the mode of a posterior that is known by its draws only.
    """
    if heights is None:
        densities = log_densities_of_draws(data.rows, draws)
        heights = densities @ data.weights if data.weights.size else densities.sum(axis=-1)
    index = np.unravel_index(np.nan_to_num(heights, nan=-np.inf).argmax(), heights.shape)
    highest, height = draws.draw(index), float(heights[index])
    log_likelihood = sufficient_statistics(data.evidence, highest).log_likelihood
    return PointEstimate(
        parameters=highest,
        log_likelihood=float(log_likelihood),
        objective=height,
        trace=np.array([height]),
        status=Status.DRAW,
        starts=Starts(np.array([height]), np.zeros(1)),
    )


def _nearest_optima(
    spec: MixtureSpec, data: Dataset, start: PointEstimate, draws: MixtureParameters
) -> list[int]:
    """Say of each chain whether it is at the best optimum of EM, 0, or at the next, 1."""
    if start.rival is None:
        return [0] * draws.batch_shape[0]
    groups = alike(spec.of_each_component(draws.n_features), data.plausibilities)
    chosen = np.linspace(0, draws.batch_shape[1] - 1, _DRAWS_LOOKED_AT).round().astype(int)
    nearer = [
        [
            distance(start.rival, draw, groups) < distance(start.parameters, draw, groups)
            for draw in (draws.draw((chain, place)) for place in np.unique(chosen))
        ]
        for chain in range(draws.batch_shape[0])
    ]
    return [int(np.mean(chain) > 0.5) for chain in nearer]
