"""How probable rows are under everything that has been learnt."""

from __future__ import annotations

from typing import Any

import xarray as xr

from bayesgmm.analysis.rows import asked_rows, on_standard_scale
from bayesgmm.numerics.statistics import predictive_log_densities
from bayesgmm.schema import ROW


def log_density(tree: xr.DataTree, X: Any | None = None) -> xr.DataArray:
    """Return the posterior predictive log density of rows.

    log E[ sum_k pi_k N(x_i | mu_k, Sigma_k) ], the expectation being over the posterior draws;
    in one over the units of the data.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    X : table with the features of the fit, optional
        Rows to evaluate; those of the fit by default.

    Returns
    -------
    xarray.DataArray
        Natural logarithms, dim ``obs_id``.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``.
    DataError
        If the features of ``X`` are not those of the fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]]).values.round(1)
    array([-13.4])
    """
    rows, draws, log_jacobian = on_standard_scale(tree, data := asked_rows(tree, X))
    plain = rows.without_labels().rows
    values = predictive_log_densities(plain, draws) - log_jacobian
    return xr.DataArray(values, coords={ROW: data.row_names}, dims=ROW, name="log_density")
