"""The card of a posterior: components with intervals, and the verdict on the draws."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.stored import stored_diagnosis
from bayesgmm.analysis.summarize import summarize
from bayesgmm.digits import counted
from bayesgmm.estimators.card import Card, ComponentLine, Figure
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE, ROW

_STATISTICS = ["mean", "sd", "lower", "upper"]


def card_of(tree: xr.DataTree) -> Card:
    """Return the card of a fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.posterior_card import card_of
    >>> print(card_of(bg.example_fit()).method)
    3 components (Full) of 342 rows and 4 features; NUTS, 4 chains of 1000 draws
    """
    diagnosis, summary = stored_diagnosis(tree), summarize(tree)
    return Card(
        method=_method(tree),
        passed=diagnosis.passed,
        verdict=diagnosis.verdict,
        findings=diagnosis.findings,
        features=tuple(str(name) for name in summary[FEATURE].values),
        components=_components(summary),
        caption=f"Weights, and means of features: posterior mean and {summary.attrs['interval']}",
    )


def _method(tree: xr.DataTree) -> str:
    fit = Fit(tree)
    posterior, spec = fit.posterior, fit.spec
    engine = str(fit.record["engine"]).partition("(")[0]
    n_chains, n_draws = posterior.sizes[CHAIN], posterior.sizes[DRAW]
    chains = f"{n_chains} chains of " if n_chains > 1 else ""
    return (
        f"{counted(spec.n_components, 'component')} ({type(spec.covariances).__name__}) of "
        f"{counted(tree['observed_data'].sizes[ROW], 'row')} and "
        f"{counted(posterior.sizes[FEATURE], 'feature')}; {engine}, {chains}{n_draws} draws"
    )


def _components(summary: xr.Dataset) -> tuple[ComponentLine, ...]:
    weights = _statistics(summary["weights"], COMPONENT)
    means = _statistics(summary["means"], COMPONENT, FEATURE)
    return tuple(
        ComponentLine(
            name=str(name),
            weight=float(weight[0]),
            weight_figure=Figure.with_interval(*map(float, weight)),
            means=tuple(Figure.with_interval(*map(float, mean)) for mean in of_component),
        )
        for name, weight, of_component in zip(
            summary[COMPONENT].values, weights, means, strict=True
        )
    )


def _statistics(values: xr.DataArray, *dims: str) -> np.ndarray:
    return values.sel(statistic=_STATISTICS).transpose(*dims, "statistic").values
