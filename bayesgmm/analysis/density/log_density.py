"""Posterior predictive densities of rows, and of one feature."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.errors import DataError
from bayesgmm.numerics.statistics import log_densities_of_draws, predictive_log_densities
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import CHAIN, DRAW, FEATURE, ROW
from bayesgmm.tree.fit import Fit, Fitted


def log_density(
    mixture: Fitted,
    X: Any | None = None,
    *,
    per_draw: bool = False,
    max_draws: int | None = None,
) -> xr.DataArray:
    """Return the posterior predictive log density of rows, or the log density under each draw.

    log E[ sum_k pi_k N(x_i | mu_k, Sigma_k) ], the expectation being over the posterior draws;
    in inverse units of the data. Under each draw it is the log of the sum: quantiles of its
    exponential are a band for the density.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    X : table with the features of the fit, optional
        Rows to evaluate; those of the fit by default.
    per_draw : bool, default False
        Whether to return the log density under each draw.
    max_draws : int, optional
        Draws that are used, spread evenly over the chains. By default all; without ``per_draw``
        beyond 25,000 rows fewer of them, so that rows times draws are 100 million, but no fewer
        than 500. The Monte Carlo error is largest for rows far from all components.

    Returns
    -------
    xarray.DataArray
        Natural logarithms, dim ``obs_id``; dims ``chain, draw, obs_id`` under each draw.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    DataError
        If the features of ``X`` are not those of the fit.
    SpecificationError
        If ``max_draws`` is not a positive whole number.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]]).values.round(1)
    array([-13.4])
    >>> bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]], per_draw=True, max_draws=100).shape
    (4, 25, 1)
    """
    fit = Fit.of(mixture)
    data = fit.rows(X)
    if max_draws is not None or not per_draw:
        max_draws = draws_to_use(fit, data.n_rows, max_draws)
    rows, mixtures, log_jacobian = fit.on_standard_scale(data, n_draws=max_draws)
    plain, coords = rows.without_labels().rows, {ROW: data.row_names}
    if not per_draw:
        values = predictive_log_densities(plain, mixtures) - log_jacobian
        return xr.DataArray(values, coords=coords, dims=ROW, name="log_density")
    used = fit.thinned(max_draws)
    return xr.DataArray(
        log_densities_of_draws(plain, mixtures) - log_jacobian,
        coords={CHAIN: used[CHAIN].values, DRAW: used[DRAW].values, **coords},
        dims=(CHAIN, DRAW, ROW),
        name="log_density",
    )


POINT = "point"


def marginal_density(tree: Fitted, feature: str, grid: Any, *, draws: int = 400) -> xr.DataArray:
    """Return the contribution of each component to the density of one feature, for each draw.

    pi_k N(x | mu_kj, sigma_kj^2) at every x of the grid. Summed over ``component`` it is the
    density of feature j under one draw; the mean of that over draws is the posterior predictive
    density, and its spread over draws shows the uncertainty of the density.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    feature : str
        Name of the feature.
    grid : array, shape (m,)
        Where to evaluate, in the units of the feature.
    draws : int, default 400
        Approximate number of draws to use, thinned evenly.

    Returns
    -------
    xarray.DataArray
        Densities in inverse units of the feature, dims ``chain, draw, component, point``;
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
    >>> from bayesgmm.analysis.density.log_density import marginal_density
    >>> density = marginal_density(bg.example_fit(), "bill_depth_mm", [13.0, 15.0, 17.0, 19.0])
    >>> dict(density.sizes)
    {'chain': 4, 'draw': 100, 'component': 3, 'point': 4}
    >>> predictive = density.sum("component").mean(("chain", "draw"))
    """
    fit = Fit.of(tree)
    _expect_feature(fit, feature)
    expect_whole_number("max_draws", draws)
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
