"""Draws of another program, as the raw tree of an engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status, share_nearer
from bayesgmm.numerics.exchangeability import exchangeable_groups
from bayesgmm.numerics.statistics import log_densities_of_draws, sufficient_statistics
from bayesgmm.numerics.unconstrained import made_regular
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import EXCHANGEABLE
from bayesgmm.tree.write import draws_tree

_DRAWS_LOOKED_AT = 100  # of each chain, for the optimum that it is at


def given_tree(
    draws: MixtureParameters,
    *,
    spec: MixtureSpec | None,
    data: Dataset,
    start: PointEstimate,
    sample_stats: dict[str, np.ndarray],
    origin: str,
    exchangeable: bool,
) -> xr.DataTree:
    """Return the tree of draws on the scale of the rows, with the log posterior if there is a spec.

    Parameters
    ----------
    draws : MixtureParameters
        Batch axes chain, draw.
    spec : MixtureSpec or None
    data : Dataset
    start : PointEstimate
        The posterior mode, or without a spec the draw that replaces it.
    sample_stats : dict of arrays
        Axes chain, draw.
    origin : str
        What made the draws.
    exchangeable : bool
        Whether components are exchangeable a priori.
    """
    known: dict[str, Any] = {EXCHANGEABLE: exchangeable}
    if spec is not None:
        sample_stats = {**sample_stats, "lp": log_posteriors(Target(spec, data), draws)}
        known["chain_optima"] = _nearest_optima(spec, data, start, draws)
    return draws_tree(
        draws,
        data=data,
        spec=spec,
        start=start,
        sample_stats=sample_stats,
        engine=origin,
        partial=False,
        **known,
    )


def log_posteriors(target: Target, draws: MixtureParameters) -> Float[np.ndarray, "chain draw"]:
    """Return the log posterior density of draws, on the unconstrained space."""
    inner = replace(draws, weights=np.maximum(draws.weights, np.finfo(float).tiny))
    if target.layout.covariances.correlated and not target.layout.covariances.n_factors:
        assert draws.correlations is not None
        inner = replace(inner, correlations=made_regular(np.asarray(draws.correlations)))
    positions = target.layout.pack(inner)
    return np.array([[target(position)[0] for position in chain] for chain in positions])


def highest_draw(
    draws: MixtureParameters, data: Dataset, heights: Float[np.ndarray, "chain draw"] | None
) -> PointEstimate:
    """Return the draw with the highest log posterior, or if that is not known, log-likelihood.

    It replaces the mode if the posterior is known by its draws only.
    """
    if heights is None:
        densities = log_densities_of_draws(data.rows, draws)
        heights = densities @ data.weights if data.weights.size else densities.sum(axis=-1)
    index = np.unravel_index(np.nan_to_num(heights, nan=-np.inf).argmax(), heights.shape)
    highest, height = draws.draw(index), float(heights[index])
    log_likelihood = sufficient_statistics(data.fitted_rows, highest).log_likelihood
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
    """Return for each chain whether it is nearest to the best optimum of EM, 0, or the next, 1."""
    if start.alternative is None:
        return [0] * draws.batch_shape[0]
    groups = exchangeable_groups(
        spec.of_each_component(draws.n_features), data.label_log_likelihoods
    )
    n_chains, n_draws = draws.batch_shape
    chosen = np.unique(np.linspace(0, n_draws - 1, _DRAWS_LOOKED_AT).round().astype(int))
    return [
        int(
            share_nearer(start.alternative, start.parameters, draws.draw((chain, chosen)), groups)
            > 0.5
        )
        for chain in range(n_chains)
    ]
