"""Conversion of draws and point estimates to the variables of a tree, and back."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm import __version__
from bayesgmm.data.dataset import Dataset
from bayesgmm.errors import SchemaError
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import (
    ALTERNATIVE_MODE,
    ATTRIBUTE,
    CHAIN,
    COMPONENT,
    DATA,
    DRAW,
    FEATURE,
    FEATURE_BIS,
    LABEL_LIKELIHOOD,
    PARAMETER_DIMS,
    ROW,
    ROW_WEIGHT,
    START,
    START_DISTANCES,
    START_OBJECTIVES,
)


def figures_of(point: PointEstimate) -> dict[str, Any]:
    """Write log-likelihood, objective, and the results of the EM starts, if EM ran."""
    figures = {"log_likelihood": point.log_likelihood, "objective": point.objective}
    if point.status is Status.DRAW:
        return figures
    return {
        **figures,
        START_OBJECTIVES: (START, point.starts.objectives),
        START_DISTANCES: (START, point.starts.distances),
    }


def read_starts(estimate: xr.DataTree) -> Starts:
    """Return the results of the EM starts, from the group of the point estimate.

    Raises
    ------
    SchemaError
        If the group does not hold it.
    """
    if START_OBJECTIVES not in estimate or START_DISTANCES not in estimate:
        raise SchemaError(
            "The tree does not say what the starts of EM led to, as trees of older versions and "
            "of mixtures made from a fit do not. Use bayesgmm.fit."
        )
    return Starts(estimate[START_OBJECTIVES].values, estimate[START_DISTANCES].values)


def draws_tree(
    draws: MixtureParameters,
    *,
    data: Dataset,
    spec: MixtureSpec | None,
    start: PointEstimate,
    chain_starts: MixtureParameters | None = None,
    sample_stats: dict[str, np.ndarray],
    **record: Any,
) -> xr.DataTree:
    """Collect draws, data and point estimate in a tree, in the units of ``data``.

    Parameters
    ----------
    draws : MixtureParameters
        Batch axes chain and draw.
    data, spec, start
        The input of the engine; no spec if the prior is not known.
    chain_starts : MixtureParameters, optional
        Batch axis chain: where each chain began, if that is known.
    sample_stats : dict of arrays
        Axes chain and draw.
    **record
        Further entries for the record of the tree.
    """
    coords = {
        COMPONENT: _component_names(data, draws.n_components),
        FEATURE: list(data.feature_names),
        FEATURE_BIS: list(data.feature_names),
    }
    estimate = parameters_dataset(
        start.parameters, (), _first(coords, start.parameters.n_components)
    )
    estimate = estimate.assign(figures_of(start))
    estimate.attrs["status"] = start.status.value
    if start.status is not Status.DRAW:
        estimate.attrs["starts"] = str(start.starts)
    groups = {
        "posterior": parameters_dataset(draws, (CHAIN, DRAW), coords),
        "sample_stats": _with_chain_and_draw(
            xr.Dataset({name: ((CHAIN, DRAW), values) for name, values in sample_stats.items()})
        ),
        "point_estimate": estimate,
        "observed_data": rows_dataset(data),
        "constant_data": _known_dataset(data, coords),
    }
    if chain_starts is not None:
        groups["chain_starts"] = parameters_dataset(chain_starts, (CHAIN,), coords)
    if spec is not None and start.alternative is not None:
        known = start.parameters.n_components
        alternative = parameters_dataset(start.alternative, (), _first(coords, known))
        groups[ALTERNATIVE_MODE] = alternative.assign(
            gap=_gap(start, spec.given(known), data.for_components(known))
        )
    tree = xr.DataTree.from_dict(groups)
    plain = None if spec is None else json.loads(spec.to_json())
    tree.attrs[ATTRIBUTE] = json.dumps({"spec": plain, "versions": _versions(), **record})
    return tree


def _first(coords: dict[str, Any], n_components: int) -> dict[str, Any]:
    """Return the coordinates of some components, or of more of them."""
    names = np.asarray(coords[COMPONENT])
    if names.size < n_components:
        numbers = np.arange(names.size, n_components)
        names = np.concatenate([names, numbers.astype(names.dtype)])
    return {**coords, COMPONENT: names[:n_components]}


@cache
def _versions() -> dict[str, str]:
    """Return the versions of what trees are made with."""
    others = ("pymc", "nutpie", "numba", "numpy", "xarray")
    return {"bayesgmm": __version__, **{name: version(name) for name in others}}


def _gap(start: PointEstimate, spec: MixtureSpec, data: Dataset) -> float:
    """Return the gap in log posterior density to the best alternative mode."""
    objective, rows = Objective(spec, data.n_features), data.fitted_rows
    assert start.alternative is not None
    return objective.height(rows, start.parameters) - objective.height(rows, start.alternative)


def parameters_dataset(
    parameters: MixtureParameters, batch_dims: tuple[str, ...], coords: dict[str, Any]
) -> xr.Dataset:
    """Write parameters, covariances included, as labeled arrays."""
    values = {
        "weights": parameters.weights,
        "means": parameters.means,
        "scales": parameters.scales,
    }
    correlations = parameters.correlations
    if isinstance(correlations, FactoredCorrelations):
        # A matrix of all features for each draw is for whom asks for it.
        values["loadings"] = correlations.loadings * parameters.scales[..., None]
        values["uniquenesses"] = correlations.uniquenesses * parameters.scales**2
        coords = {name: coords[name] for name in coords if name != FEATURE_BIS}
    else:
        values["covariances"] = parameters.covariances
        if correlations is not None:
            values["correlations"] = correlations
    variables = {
        name: ((*batch_dims, *PARAMETER_DIMS[name]), array) for name, array in values.items()
    }
    return _with_chain_and_draw(xr.Dataset(variables, coords=coords))


def rows_dataset(data: Dataset) -> xr.Dataset:
    """Write a table as labeled array ``x`` (obs_id, feature)."""
    coords = {ROW: data.row_names, FEATURE: list(data.feature_names)}
    return xr.Dataset({DATA: ((ROW, FEATURE), np.array(data.values))}, coords=coords)


def _known_dataset(data: Dataset, coords: dict[str, Any]) -> xr.Dataset:
    """Write weights and label likelihoods of the rows."""
    known = xr.Dataset(coords={ROW: data.row_names})
    if data.weights.size:
        known[ROW_WEIGHT] = (ROW, np.array(data.weights))
    if data.label_log_likelihoods.size:
        known = known.assign_coords({COMPONENT: coords[COMPONENT]})
        known[LABEL_LIKELIHOOD] = ((ROW, COMPONENT), np.exp(data.label_log_likelihoods))
    return known if known.data_vars else xr.Dataset()


def _component_names(data: Dataset, n_components: int) -> np.ndarray:
    """Return the numbers of the components, or the names from labels."""
    names = data.component_names
    numbers = np.arange(n_components)
    return np.array([*names, *map(str, numbers[len(names) :])]) if names else numbers


def _with_chain_and_draw(dataset: xr.Dataset) -> xr.Dataset:
    numbered = {dim: np.arange(dataset.sizes[dim]) for dim in (CHAIN, DRAW) if dim in dataset.dims}
    return dataset.assign_coords(numbered)
