"""A few draws that stand for all of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.schema import CHAIN, DRAW


def thinned(posterior: xr.DataTree, n_draws: int | None) -> xr.Dataset:
    """Return about ``n_draws`` draws, as many from each chain and spread evenly over it, or all."""
    if n_draws is None:
        return posterior.to_dataset()
    available = posterior.sizes[DRAW]
    per_chain = min(available, -(-n_draws // posterior.sizes[CHAIN]))
    chosen = np.linspace(0, available - 1, per_chain).round().astype(int)
    return posterior.to_dataset().isel({DRAW: chosen})


def thinned_tree(tree: xr.DataTree, n_draws: int) -> xr.DataTree:
    """Return the tree with about ``n_draws`` draws in its posterior, for questions about densities.

    Groups other than the posterior stay as they are.
    """
    few = tree.copy()
    few["posterior"] = xr.DataTree(thinned(tree["posterior"], n_draws))
    return few
