"""How good draws are: the smallest effective sample size and the largest R-hat."""

from __future__ import annotations

import arviz_stats
import numpy as np
import xarray as xr


def quantities(posterior: xr.DataTree) -> np.ndarray:
    """Return weights, means and scales side by side, (chain, draw, quantity)."""
    arrays = [posterior[name].values for name in ("weights", "means", "scales")]
    return np.concatenate([array.reshape(*array.shape[:2], -1) for array in arrays], axis=-1)


def convergence(draws: np.ndarray) -> tuple[float, float]:
    """Return the smallest effective sample size and the largest R-hat of (chain, draw, q)."""
    dataset = xr.Dataset({"q": (("chain", "draw", "quantity"), draws)})
    r_hat = arviz_stats.rhat(dataset)["q"].max() if draws.shape[0] > 1 else np.nan
    return float(arviz_stats.ess(dataset)["q"].min()), float(r_hat)
