"""Mixtures derived from those of a source: parameters from parameters, a tree from a tree."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import xarray as xr

from bayesgmm.analysis.mixtures import read_mixtures
from bayesgmm.data.dataset import default_names
from bayesgmm.data.standardize import Scaling
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import (
    ATTRIBUTE,
    CHAIN,
    COMPONENT,
    DERIVED,
    DRAW,
    EVIDENCE,
    FEATURE,
    FEATURE_BIS,
    ROW,
    record,
    validate,
)
from bayesgmm.tree.fit import Fit, Fitted, read_parameters
from bayesgmm.tree.write import parameters_dataset

type Source = Fitted | MixtureParameters
Change = Callable[[MixtureParameters], MixtureParameters]

_OF_THE_FIT = ("spec", *EVIDENCE)
"""Entries of the record that are valid for a mixture of all features only."""


def source_features(source: Any) -> tuple[str, ...]:
    """Return the names of the features of a source."""
    if isinstance(source, PointEstimate):
        return source.feature_names
    if isinstance(source, MixtureParameters):  # with any batch axes
        return default_names(source.n_features)
    return read_mixtures(source).features


def derived(
    source: Source,
    features: tuple[int, ...],
    change: Change,
    *,
    keeps_rows: bool,
    step: dict[str, Any],
) -> Source:
    """Return the transformed mixtures of a source.

    Parameters
    ----------
    source : xarray.DataTree, PointEstimate or MixtureParameters
    features : tuple of int
        The remaining features, in their new order.
    change : callable
        From parameters with any batch axes to parameters of these features.
    keeps_rows : bool
        Whether the rows of a fit, reduced to these features, are rows of the result.
    step : dict
        The transformation, for the record of the tree.
    """
    if isinstance(source, PointEstimate | Fit):
        source = Fit.of(source).tree
    if isinstance(source, MixtureParameters):
        return change(source)
    chosen = list(features)
    if "posterior" not in source.children:
        return xr.DataTree.from_dict({"prior": _changed(source["prior"], chosen, change)})
    tree = xr.DataTree.from_dict(
        {
            "posterior": _changed(source["posterior"], chosen, change),
            "sample_stats": source["sample_stats"].to_dataset(),
            "point_estimate": _changed(source["point_estimate"], chosen, change),
            "observed_data": _rows(source["observed_data"], chosen, keeps_rows),
            "constant_data": source["constant_data"].to_dataset().isel({FEATURE: chosen}),
            "relabeling": source["relabeling"].to_dataset(),
        }
    )
    tree.attrs.update(source.attrs)
    tree.attrs[ATTRIBUTE] = json.dumps(_record(source, chosen, step))
    validate(tree)
    return tree


def _changed(group: xr.DataTree, chosen: list[int], change: Change) -> xr.Dataset:
    """Return the transformed parameters of a group, with their coordinates."""
    if "weights" not in group:  # engines without a point estimate leave the group empty
        return group.to_dataset()
    names = group[FEATURE].values[chosen]
    coords = {COMPONENT: group[COMPONENT].values, FEATURE: names, FEATURE_BIS: names}
    batch = tuple(dim for dim in (CHAIN, DRAW) if dim in group.dims)
    changed = parameters_dataset(change(read_parameters(group)), batch, coords)
    # Likelihoods of the point estimate are left out: they are those of complete rows.
    attributes = {name: group.attrs[name] for name in ("status",) if name in group.attrs}
    return changed.assign_coords({dim: group[dim].values for dim in batch}).assign_attrs(attributes)


def _rows(observed: xr.DataTree, chosen: list[int], keeps_rows: bool) -> xr.Dataset:
    rows = observed.to_dataset().isel({FEATURE: chosen})
    return rows if keeps_rows else rows.isel({ROW: slice(0)})


def _record(source: xr.DataTree, chosen: list[int], step: dict[str, Any]) -> dict[str, Any]:
    known = record(source)
    scaling = Scaling.from_plain(known["scaling"])
    entries = {name: value for name, value in known.items() if name not in _OF_THE_FIT}
    entries["scaling"] = Scaling(scaling.shift[chosen], scaling.factor[chosen]).to_plain()
    return {**entries, DERIVED: [*known.get(DERIVED, []), step]}
