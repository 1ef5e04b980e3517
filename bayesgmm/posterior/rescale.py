"""From the standard scale, on which engines work, to the units of the data."""

from __future__ import annotations

import xarray as xr

from bayesgmm.data.standardize import Scaling
from bayesgmm.schema import DATA, FEATURE, FEATURE_BIS, RIVAL

_PARAMETER_GROUPS = ("posterior", "point_estimate", RIVAL, "chain_starts")


def rescale(tree: xr.DataTree, scaling: Scaling) -> xr.DataTree:
    """Return the tree with its parameters and rows in the units of the data.

    Weights and correlations have no units and stay as they are. The scaling is kept in the
    group ``constant_data``.
    """
    features = tree["observed_data"][FEATURE]
    shift = xr.DataArray(scaling.shift, coords={FEATURE: features}, dims=FEATURE)
    factor = xr.DataArray(scaling.factor, coords={FEATURE: features}, dims=FEATURE)
    groups = {name: node.to_dataset() for name, node in tree.children.items()}
    for name in groups.keys() & set(_PARAMETER_GROUPS):
        groups[name] = _rescale_parameters(groups[name], shift, factor)
    rows = groups["observed_data"]
    groups["observed_data"] = rows.assign({DATA: rows[DATA] * factor + shift})
    known = groups.get("constant_data", xr.Dataset())
    groups["constant_data"] = known.assign(shift=shift, factor=factor)
    restored = xr.DataTree.from_dict(groups)
    restored.attrs.update(tree.attrs)
    return restored


def _rescale_parameters(group: xr.Dataset, shift: xr.DataArray, factor: xr.DataArray) -> xr.Dataset:
    factor_bis = factor.rename({FEATURE: FEATURE_BIS})
    return group.assign(
        means=group["means"] * factor + shift,
        scales=group["scales"] * factor,
        covariances=group["covariances"] * factor * factor_bis,
    )
