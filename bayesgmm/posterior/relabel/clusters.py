"""Draws with one number of clusters, out of a fit with an unknown number of components.

Components of draws with different numbers of clusters cannot be matched. Questions about named
components, such as their means, are therefore answered for the draws with the most probable number
of clusters, all of them: filled components only, their weights divided by their sum, relabeled.
These are draws from the posterior given that number. As they are scattered over the chains they
form one chain.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.exchangeability import any_exchangeable
from bayesgmm.options import is_whole
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.posterior.relabel.by_rows import ECR
from bayesgmm.posterior.relabel.order import BY_WEIGHT, Direction
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations
from bayesgmm.posterior.relabel.relabel import Relabeling, relabeled
from bayesgmm.schema import (
    CHAIN,
    CLUSTERS_OF_DRAWS,
    DRAW,
    LEFT_OUT,
    N_CLUSTERS,
    with_record,
)
from bayesgmm.tree.fit import Fit, read_parameters
from bayesgmm.tree.write import draws_tree


def most_probable(fit: Fit) -> int:
    """Return the most probable number of clusters."""
    return int(np.bincount(fit.posterior[N_CLUSTERS].values.ravel()).argmax())


def named(fit: Fit) -> Fit:
    """Return the fit with named components: itself, or its draws with one number of clusters.

    The result is kept with the fit.
    """
    if not fit.infers_number:
        return fit
    if "_named" not in vars(fit):
        vars(fit)["_named"] = Fit(with_n_clusters(fit, most_probable(fit)))
    return vars(fit)["_named"]


def with_n_clusters(
    fit: Fit,
    n_clusters: Any,
    method: Relabeling | None = None,
    *,
    order_by: Direction = BY_WEIGHT,
) -> xr.DataTree:
    """Return the draws with this number of clusters as a tree of its own, relabeled.

    Raises
    ------
    SpecificationError
        If it is not a whole number, or no draw has so many clusters.
    """
    numbers = fit.posterior[N_CLUSTERS].values
    if not is_whole(n_clusters) or not np.any(numbers == n_clusters):
        known = ", ".join(map(str, np.unique(numbers)))
        raise SpecificationError(
            f"n_clusters must be a number of clusters that draws have, one of {known}, not "
            f"{n_clusters!r}."
        )
    k, chosen = int(n_clusters), numbers == n_clusters
    draws = _filled(read_parameters(fit.posterior), chosen, k)
    whole = Problem(fit.data, fit.whole_spec)
    problem = Problem(fit.problem.data.for_components(k), fit.whole_spec.given(k))
    point = EM(n_starts=5).run(problem.scaled_spec, problem.scaled_data, seed=fit.seed)
    point = point.moved(whole.scaling.restore)
    if point.status is Status.COLLAPSED:  # a draw then serves as well
        point = replace(point, parameters=draws.draw((0, -1)))
    stats = fit.tree["sample_stats"]
    sample_stats = {
        str(name): stats[name].values[chosen][None]
        for name in stats.data_vars
        if stats[name].dims == (CHAIN, DRAW)
    }
    tree = draws_tree(
        draws, data=problem.data, spec=problem.spec, start=point, sample_stats=sample_stats
    )
    units = fit.tree["constant_data"].to_dataset()[["shift", "factor"]]
    tree["constant_data"] = xr.DataTree(tree["constant_data"].to_dataset().assign(units))
    entries: dict[str, Any] = {**fit.record, "spec": json.loads(problem.spec.to_json())}
    entries.pop(LEFT_OUT, None)  # the tree holds the rows that were passed
    entries[CLUSTERS_OF_DRAWS] = {
        "n_clusters": k, "n_draws": int(chosen.sum()), "share": float(chosen.mean())
    }  # fmt: skip
    tree = with_record(tree, **entries)
    tree = apply_permutations(tree, Permutations.identity(tree))
    raw = Fit(tree)
    if k == 1 or any_exchangeable(raw.groups):
        return relabeled(raw, method or ECR(), order_by)
    return tree


def _filled(draws: MixtureParameters, chosen: np.ndarray, k: int) -> MixtureParameters:
    """Return the first components of some draws as one chain, weights divided by their sum."""
    weights = draws.weights[chosen][None, :, :k]
    correlations = draws.correlations
    if isinstance(correlations, FactoredCorrelations):
        correlations = FactoredCorrelations(
            correlations.loadings[chosen][None, :, :k],
            correlations.uniquenesses[chosen][None, :, :k],
        )
    elif correlations is not None:
        correlations = np.asarray(correlations)[chosen][None, :, :k]
    return MixtureParameters(
        weights / weights.sum(axis=-1, keepdims=True),
        draws.means[chosen][None, :, :k],
        draws.scales[chosen][None, :, :k],
        correlations,
    )
