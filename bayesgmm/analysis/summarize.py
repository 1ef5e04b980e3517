"""Posterior summaries of the parameters, and the discriminating features."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, NO_INTERVAL, equal_tails, interval_name
from bayesgmm.data.answers import Tabular
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE
from bayesgmm.tree.fit import Fit, Fitted


def summarize(mixture: Fitted, *, ci_prob: float = DEFAULT_PROBABILITY) -> xr.Dataset:
    """Return posterior means and equal-tailed intervals of weights, means and scales.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    ci_prob : float, default 0.89
        Posterior probability of the equal-tailed intervals.

    Returns
    -------
    xarray.Dataset
        ``weights`` (statistic, component), ``means`` and ``scales`` (statistic, component,
        feature), in the units of the data; shown as a table, and with :func:`bayesgmm.table` a
        data frame. ``statistic`` is mean, sd, lower, upper; the attribute ``interval`` names the
        kind of interval. A point estimate has no uncertainty: ``mean`` is the estimate,
        the rest is NaN.

    Raises
    ------
    SpecificationError
        If ``ci_prob`` does not lie between 0 and 1.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> summary = bg.summarize(bg.example_fit())
    >>> summary["means"].sel(statistic="mean", feature="flipper_length_mm").values.round()
    array([190., 217., 197.])
    >>> summary.attrs["interval"]
    '89% equal-tailed interval'
    """
    tails = equal_tails(ci_prob)
    fit = named(Fit.of(mixture))
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
    summary.attrs["interval"] = NO_INTERVAL if fit.is_point else interval_name(ci_prob)
    return Tabular.of(summary)


def discriminating_features(tree: Fitted, count: int) -> list[str]:
    """Return the features, in their order, in which the components differ most.

    A feature discriminates between components if the variance between the posterior means of the
    component means is a large fraction of the total variance of the mixture.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.analysis.summarize import discriminating_features
    >>> discriminating_features(bg.example_fit(), 2)
    ['bill_length_mm', 'flipper_length_mm']
    """
    fit = named(Fit.of(tree))
    mean = fit.posterior.to_dataset()[["weights", "means", "scales"]].mean((CHAIN, DRAW))
    weights, means = mean["weights"], mean["means"]
    between = (weights * (means - (weights * means).sum(COMPONENT)) ** 2).sum(COMPONENT)
    shares = between / (between + (weights * mean["scales"] ** 2).sum(COMPONENT))
    best = sorted((-shares).values.argsort(kind="stable")[:count])
    return [str(name) for name in fit.posterior[FEATURE].values[best]]
