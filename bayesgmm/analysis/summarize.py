"""The table that a person wants to see first."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, NO_INTERVAL, equal_tails, interval_name
from bayesgmm.data.answers import Tabular
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import CHAIN, DRAW


def summarize(tree: Fitted, *, probability: float = DEFAULT_PROBABILITY) -> xr.Dataset:
    """Return posterior means and equal-tailed intervals of weights, means and scales.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    probability : float, default 0.89
        Posterior probability of the intervals, which leave equal tails on both sides.

    Returns
    -------
    xarray.Dataset
        ``weights`` (statistic, component), ``means`` and ``scales`` (statistic, component,
        feature), in the units of the data; shown as a table, and with :func:`bayesgmm.table` a
        data frame. ``statistic`` is mean, sd, lower, upper; the attribute ``interval`` names the
        kind of interval. A point estimate does not say how sure it is: ``mean`` is the estimate,
        and the rest NaN.

    Raises
    ------
    SpecificationError
        If ``probability`` does not lie between 0 and 1.
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> summary = bg.summarize(bg.example_fit())
    >>> summary["means"].sel(statistic="mean", feature="flipper_length_mm").values.round()
    array([190., 217., 197.])
    >>> summary.attrs["interval"]
    '89% equal-tailed interval'
    """
    tails = equal_tails(probability)
    fit = Fit.of(tree)
    parameters = fit.posterior.to_dataset()[["weights", "means", "scales"]]
    draws = parameters.sizes[CHAIN] * parameters.sizes[DRAW]
    statistics = [
        parameters.mean((CHAIN, DRAW)),
        parameters.std((CHAIN, DRAW), ddof=min(1, draws - 1)),
        *(parameters.quantile(q, (CHAIN, DRAW)).drop_vars("quantile") for q in tails),
    ]
    names = np.array(["mean", "sd", "lower", "upper"])
    summary = xr.concat(statistics, dim=xr.DataArray(names, dims="statistic", name="statistic"))
    if fit.is_point:
        summary = summary.where(summary["statistic"] == "mean")
    summary.attrs["interval"] = NO_INTERVAL if fit.is_point else interval_name(probability)
    return Tabular.of(summary)
