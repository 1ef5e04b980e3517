"""The order in which components come: a name for each that a reader can rely on."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Int

from bayesgmm.errors import SpecificationError
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE, RIVAL

BY_WEIGHT = "weights"


def expect_order(order_by: str, feature_names: tuple[str, ...]) -> None:
    """Raise unless components can be ordered by this."""
    if order_by != BY_WEIGHT and order_by not in feature_names:
        raise SpecificationError(
            f"order_by must be {BY_WEIGHT!r} or one of the features {list(feature_names)}, "
            f"not {order_by!r}."
        )


def order_of(posterior: xr.Dataset, order_by: str) -> Int[np.ndarray, " k"]:
    """Return the order of the components: weights falling, or means of a feature rising."""
    if order_by == BY_WEIGHT:
        return np.argsort(-posterior["weights"].mean((CHAIN, DRAW)).values, kind="stable")
    means = posterior["means"].sel({FEATURE: order_by}).mean((CHAIN, DRAW))
    return np.argsort(means.values, kind="stable")


def reorder(tree: xr.DataTree, order: Int[np.ndarray, " k"]) -> xr.DataTree:
    """Return the tree with the components of all its groups in another order.

    The permutations in the group ``relabelling`` still lead from the raw order of the engine.
    """
    groups = {
        name: node.to_dataset().isel({COMPONENT: order}).assign_coords({COMPONENT: node[COMPONENT]})
        if COMPONENT in node.dims and name != RIVAL
        else node.to_dataset()
        for name, node in tree.children.items()
    }
    reordered = xr.DataTree.from_dict(groups)
    reordered.attrs.update(tree.attrs)
    return reordered
