"""The distribution of one feature, under everything that has been learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.errors import DataError
from bayesgmm.options import expect_whole_number
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import FEATURE

POINT = "point"


def marginal_density(tree: Fitted, feature: str, grid: Any, *, draws: int = 400) -> xr.DataArray:
    """Return what each component adds to the density of one feature, draw by draw.

    pi_k N(x | mu_kj, sigma_kj^2) at every x of the grid. Summed over ``component`` it is the
    density of feature j under one draw; the mean of that over draws is the posterior predictive
    density, and its spread over draws shows how well the density is known.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    feature : str
        Name of the feature.
    grid : array, shape (m,)
        Where to evaluate, in the units of the feature.
    draws : int, default 400
        About how many draws to use, spread evenly over all chains.

    Returns
    -------
    xarray.DataArray
        Densities in one over the unit of the feature, dims ``chain, draw, component, point``;
        the coordinate ``point`` is the grid.

    Raises
    ------
    DataError
        If the fit has no such feature, or the grid is not a list of finite numbers.
    SpecificationError
        If ``draws`` is not a positive whole number.
    SchemaError
        If ``tree`` is not a result of ``fit``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.marginal import marginal_density
    >>> density = marginal_density(bg.example_fit(), "bill_depth_mm", [13.0, 15.0, 17.0, 19.0])
    >>> dict(density.sizes)
    {'chain': 4, 'draw': 100, 'component': 3, 'point': 4}
    >>> predictive = density.sum("component").mean(("chain", "draw"))
    """
    fit = Fit.of(tree)
    _expect_feature(fit, feature)
    expect_whole_number("draws", draws)
    points = xr.DataArray(_checked(grid), dims=POINT, coords={POINT: _checked(grid)})
    posterior = fit.thinned(draws).sel({FEATURE: feature}, drop=True)
    distances = (points - posterior["means"]) / posterior["scales"]
    heights = posterior["weights"] / (posterior["scales"] * np.sqrt(2 * np.pi))
    densities = heights * np.exp(-0.5 * distances**2)
    return densities.transpose(..., POINT).rename("marginal_density")


def _expect_feature(fit: Fit, feature: str) -> None:
    names = [str(name) for name in fit.posterior[FEATURE].values]
    if feature not in names:
        raise DataError(f"There is no feature {feature!r}; the fit has {names}.")


def _checked(grid: Any) -> np.ndarray:
    points = np.asarray(grid)
    is_number = points.dtype.kind in "iuf"
    if points.ndim != 1 or points.size == 0 or not is_number or not np.isfinite(points).all():
        raise DataError(f"grid must be a list of finite numbers, not {grid!r}.")
    return points.astype(float)
