"""How probable rows are under everything that has been learnt."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesgmm.numerics.statistics import log_densities_of_draws, predictive_log_densities
from bayesgmm.options import expect_whole_number
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import CHAIN, DRAW, ROW


def log_density(
    tree: Fitted,
    X: Any | None = None,
    *,
    per_draw: bool = False,
    draws: int | None = None,
) -> xr.DataArray:
    """Return the posterior predictive log density of rows, or the log density under each draw.

    log E[ sum_k pi_k N(x_i | mu_k, Sigma_k) ], the expectation being over the posterior draws;
    in one over the units of the data. Under each draw it is the sum alone: quantiles of its
    exponential are a band for the density.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    X : table with the features of the fit, optional
        Rows to evaluate; those of the fit by default.
    per_draw : bool, default False
        Whether to return the log density under each draw.
    draws : int, optional
        About how many draws to use, spread evenly over all chains; all by default.

    Returns
    -------
    xarray.DataArray
        Natural logarithms, dim ``obs_id``; dims ``chain, draw, obs_id`` under each draw.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.
    DataError
        If the features of ``X`` are not those of the fit.
    SpecificationError
        If ``draws`` is not a positive whole number.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]]).values.round(1)
    array([-13.4])
    >>> bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]], per_draw=True, draws=100).shape
    (4, 25, 1)
    """
    if draws is not None:
        expect_whole_number("draws", draws)
    fit = Fit.of(tree)
    data = fit.rows(X)
    rows, mixtures, log_jacobian = fit.on_standard_scale(data, n_draws=draws)
    plain, coords = rows.without_labels().rows, {ROW: data.row_names}
    if not per_draw:
        values = predictive_log_densities(plain, mixtures) - log_jacobian
        return xr.DataArray(values, coords=coords, dims=ROW, name="log_density")
    used = fit.thinned(draws)
    return xr.DataArray(
        log_densities_of_draws(plain, mixtures) - log_jacobian,
        coords={CHAIN: used[CHAIN].values, DRAW: used[DRAW].values, **coords},
        dims=(CHAIN, DRAW, ROW),
        name="log_density",
    )
