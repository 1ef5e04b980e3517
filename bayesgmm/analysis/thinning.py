"""A few draws that stand for all of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.schema import CHAIN, DRAW


def thinned(posterior: xr.DataTree, n_draws: int) -> xr.Dataset:
    """Return about ``n_draws`` draws, as many from each chain and spread evenly over it."""
    available = posterior.sizes[DRAW]
    per_chain = min(available, -(-n_draws // posterior.sizes[CHAIN]))
    chosen = np.linspace(0, available - 1, per_chain).round().astype(int)
    return posterior.to_dataset().isel({DRAW: chosen})
