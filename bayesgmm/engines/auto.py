"""The choice of an engine for a posterior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import xarray as xr

from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.engines.gibbs import MOST_ROWS, Gibbs
from bayesgmm.engines.importance import CLOSE, ESS_LIMIT
from bayesgmm.engines.laplace import Laplace
from bayesgmm.engines.nuts import NUTS
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.schema import record, with_record
from bayesgmm.seeds import RandomSeed, spawn

_MOST_PARAMETERS = 250
"""Above, importance resampling rarely succeeds, and its passes would be for nothing."""

_MANY_FEATURES = 8
"""From here on Gibbs sampling gives more effective draws a second than NUTS, even where
components overlap: a gradient costs more, and trajectories take more of them."""


@dataclass(frozen=True)
class Auto:
    """The engine that ``engine="auto"`` stands for: it chooses one by the table and the spec.

    Importance resampling of the Laplace approximation comes first if there are at most 250
    parameters, and is the result if Pareto k is below 0.5 and there are at least 400 effective
    draws. Otherwise it is Gibbs sampling from eight features on, if it accepts the weights of rows,
    and NUTS below. For :class:`Factors` it is Gibbs sampling at once: loadings can be rotated, so
    that their posterior is far from normal. The tree is that of the engine chosen, and
    :func:`bayesgmm.diagnose` says which and why.
    """

    in_words: ClassVar[str] = "an engine that was chosen by the table"
    draws: ClassVar[int] = 2000  # at most, for the memory that is needed
    chains: ClassVar[int] = 4

    def run(
        self,
        spec: MixtureSpec,
        data: Dataset,
        *,
        start: PointEstimate,
        seed: RandomSeed,
        progress: bool = False,
    ) -> xr.DataTree:
        """Sample the posterior of ``spec`` given ``data``, in the units of ``data``."""
        first, second = spawn(seed, 2)
        size, why = layout_of(spec, data.n_features).size, ""
        covariances = layout_of(spec, data.n_features).covariances
        if size <= _MOST_PARAMETERS and not covariances.n_factors:
            laplace = Laplace(resample=True)
            tree = laplace.run(spec, data, start=start, seed=first, progress=progress)
            k, effective = record(tree)["pareto_k"], record(tree)["importance_ess"]
            if k < CLOSE and effective >= ESS_LIMIT:
                choice = "Laplace(resample=True), because the posterior is nearly normal"
                return with_record(tree, choice=choice)
            why = "the posterior is not nearly normal and "
        engine, reason = _sampler(data, has_factors=covariances.n_factors > 0)
        tree = engine.run(spec, data, start=start, seed=second, progress=progress)
        return with_record(tree, choice=f"{type(engine).__name__}(), because {why}{reason}")


def _sampler(data: Dataset, *, has_factors: bool = False) -> tuple[Gibbs | NUTS, str]:
    """Return an engine that runs chains, and why it suits table and spec."""
    rows, features = data.fitted, counted(data.n_features, "feature")
    if data.n_features < _MANY_FEATURES and not has_factors:
        return NUTS(), f"there are only {features}"
    if not np.all(rows.weights == np.floor(rows.weights)):
        return NUTS(), "rows have weights with fractions"
    if rows.weights.size and rows.total_weight > MOST_ROWS:
        return NUTS(), "the weights of rows are too large for Gibbs sampling"
    return Gibbs(), "loadings can be rotated" if has_factors else f"there are {features}"
