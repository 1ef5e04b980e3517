"""Applying permutations to everything in a tree that has a ``component`` axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.schema import CHAIN, COMPONENT, DRAW


@dataclass(frozen=True)
class Permutations:
    """One permutation of the components for every draw.

    Attributes
    ----------
    orders : integer array, shape (chain, draw, k)
        ``orders[c, s, j]`` is the component of the raw draw that takes place j.
    agreement : array, shape (chain, draw)
        Fraction of the rows that the relabelled draw allocates as the pivot does.
    method : str
        What found them, in words.
    """

    orders: Int[np.ndarray, "chain draw k"]
    agreement: Float[np.ndarray, "chain draw"]
    method: str

    @classmethod
    def identity(cls, tree: xr.DataTree) -> Permutations:
        """Return permutations that leave every draw as it is."""
        shape = tree["posterior"]["weights"].shape
        orders = np.broadcast_to(np.arange(shape[-1]), shape).copy()
        return cls(orders, np.ones(shape[:-1]), method="none: the prior tells components apart")


def apply_permutations(tree: xr.DataTree, permutations: Permutations) -> xr.DataTree:
    """Return the tree with every draw's components in the given order, which it keeps.

    The group ``relabelling`` holds the permutations from the raw order of the engine.
    """
    posterior = tree["posterior"].to_dataset()
    orders = xr.DataArray(
        permutations.orders,
        dims=(CHAIN, DRAW, COMPONENT),
        coords={name: posterior[name] for name in (CHAIN, DRAW, COMPONENT)},
    )
    by_component = {
        name: _permuted(variable, permutations.orders)
        for name, variable in posterior.data_vars.items()
        if COMPONENT in variable.dims
    }
    agreement = xr.DataArray(permutations.agreement, dims=(CHAIN, DRAW))
    relabelling = xr.Dataset({"permutation": orders, "agreement": agreement})
    relabelling.attrs["method"] = permutations.method
    groups = {name: node.to_dataset() for name, node in tree.children.items()}
    groups["posterior"] = posterior.assign(by_component)
    groups["relabelling"] = relabelling
    relabelled = xr.DataTree.from_dict(groups)
    relabelled.attrs.update(tree.attrs)
    return relabelled


def in_raw_order(tree: xr.DataTree) -> xr.DataTree:
    """Return the tree with every draw's components in the order in which the engine drew them."""
    orders = tree["relabelling"]["permutation"].values
    back = Permutations(np.argsort(orders, axis=-1), np.ones(orders.shape[:-1]), "none")
    raw = apply_permutations(tree, back)
    raw["relabelling"]["permutation"][:] = np.arange(orders.shape[-1])
    return raw


def _permuted(variable: xr.DataArray, orders: Int[np.ndarray, "chain draw k"]) -> xr.DataArray:
    """Reorder the component axis, which follows chain and draw, draw by draw."""
    extra = variable.ndim - orders.ndim
    index = orders.reshape(*orders.shape, *(1,) * extra)
    return variable.copy(data=np.take_along_axis(variable.values, index, axis=2))
