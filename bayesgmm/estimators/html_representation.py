"""HTML representation of fitted estimators in notebooks, below scikit-learn's diagram.

For point estimates: components without intervals, and convergence. For posteriors: components with
intervals, and the verdict on the draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesgmm.analysis.diagnosis.value import (
    BAD,
    GOOD,
    NEUTRAL,
    Finding,
    findings_as_html,
    stored_diagnosis,
)
from bayesgmm.data.dataset import default_names
from bayesgmm.digits import counted, decimals, interval, number
from bayesgmm.estimators.spec_from_parameters import STRUCTURES, from_sklearn
from bayesgmm.html import Content, Markup, element
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE, ROW

if TYPE_CHECKING:
    import xarray as xr

    from bayesgmm.estimators.gaussian_mixture import GaussianMixture


# Translucent or of middle lightness, so that they suit dark pages as well as light ones.
_LINE, _BAR = "rgba(128,128,128,0.35)", "rgba(70,140,210,0.8)"

MOST_COMPONENTS, MOST_FEATURES = 12, 6
"""Maximum numbers in the HTML summary."""


@dataclass(frozen=True)
class Figure:
    """A number as written, and its interval as written, or nothing."""

    text: str
    interval: str = ""

    @classmethod
    def with_interval(cls, mean: float, deviation: float, lower: float, upper: float) -> Figure:
        """Write a number with two digits of its standard deviation, and an interval.

        Examples
        --------
        >>> from bayesgmm.estimators.html_representation import Figure
        >>> Figure.with_interval(38.8284, 0.28, 38.38, 39.3)
        Figure(text='38.83', interval='[38.38, 39.30]')
        """
        digits = decimals(deviation)
        return cls(number(mean, digits), interval(lower, upper, digits))

    @classmethod
    def alone(cls, value: float, spread: float) -> Figure:
        """Write a number with two digits of a tenth of the spread around it.

        Examples
        --------
        >>> from bayesgmm.estimators.html_representation import Figure
        >>> Figure.alone(38.8284, 2.8).text
        '38.83'
        """
        return cls(number(value, decimals(spread / 10)))


@dataclass(frozen=True)
class ComponentLine:
    """A component: its name, its weight as a number and as written, and its means."""

    name: str
    weight: float
    weight_figure: Figure
    means: tuple[Figure, ...]


@dataclass(frozen=True)
class Summary:
    """The content of an HTML summary.

    Attributes
    ----------
    method : str
        How the fit was made.
    passed : bool
        Whether it can be used as it is.
    verdict : str
        The verdict as text.
    findings : tuple of Finding
        The findings, with remedies.
    features : tuple of str
        Features of the means.
    components : tuple of ComponentLine
    caption : str
        Description of the numbers.
    """

    method: str
    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    features: tuple[str, ...]
    components: tuple[ComponentLine, ...]
    caption: str


class WithSummary:
    """Mixin that adds an HTML summary to the diagram of an estimator; inherit it first.

    The estimator has a method ``_summary`` that returns a :class:`Summary`, or ``None`` before a
    fit.
    """

    def _summary(self) -> Summary | None:
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        estimator: Any = super()  # which this is mixed into
        bundle = estimator._repr_mimebundle_(**options)
        if "text/html" in bundle:
            bundle["text/html"] += self._card_html()
        return bundle

    @property
    def _repr_html_(self) -> Any:
        estimator: Any = super()
        diagram = estimator._repr_html_  # an AttributeError where diagrams are switched off
        return lambda: diagram() + self._card_html()

    def _card_html(self) -> str:
        summary = self._summary()
        return "" if summary is None else as_html(summary)


def as_html(summary: Summary) -> Markup:
    """Return a summary as HTML without scripts and style sheets."""
    return element(
        "div",
        element("div", summary.method, style=f"color:{NEUTRAL}"),
        element("div", element("strong", summary.verdict), style="margin:0.2em 0"),
        findings_as_html(summary.findings),
        _table(summary),
        element("div", _caption(summary), style=f"color:{NEUTRAL}"),
        style=f"border-left:4px solid {GOOD if summary.passed else BAD};"
        "padding:0.1em 0 0.1em 0.8em;margin:0.6em 0;font-size:90%;font-family:sans-serif",
    )


def _table(summary: Summary) -> Markup:
    features = summary.features[:MOST_FEATURES]
    shown = summary.components[:MOST_COMPONENTS]
    headings = ("component", "weight", *features)
    head = [_cell(text, "th", left=not place) for place, text in enumerate(headings)]
    rows = (element("tr", _line(component, len(features))) for component in shown)
    whole = element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", rows),
        style="margin:0.4em 0;border-collapse:collapse;font-size:inherit",
    )
    return element("div", whole, style="overflow-x:auto")


def _line(component: ComponentLine, n_features: int) -> list[Markup]:
    share = f"{100 * min(max(component.weight, 0.0), 1.0):.1f}%"
    bar = f"background:linear-gradient({_BAR},{_BAR}) left bottom/{share} 3px no-repeat;"
    means = [_cell(_written(figure)) for figure in component.means[:n_features]]
    weight = _cell(_written(component.weight_figure), style=bar)
    return [_cell(component.name, left=True), weight, *means]


def _written(figure: Figure) -> Content:
    if not figure.interval:
        return figure.text
    return [figure.text, element("div", figure.interval, style=f"font-size:85%;color:{NEUTRAL}")]


def _cell(content: Content, tag: str = "td", *, left: bool = False, style: str = "") -> Markup:
    side = "left" if left else "right"
    return element(
        tag,
        content,
        style=f"text-align:{side};vertical-align:top;padding:0.2em 0.8em 0.4em;"
        f"border-bottom:1px solid {_LINE};white-space:nowrap;{style}",
    )


def _caption(summary: Summary) -> str:
    left_out = [
        counted(count, f"more {noun}")
        for count, noun in (
            (len(summary.components) - MOST_COMPONENTS, "component"),
            (len(summary.features) - MOST_FEATURES, "feature"),
        )
        if count > 0
    ]
    return (
        f"{summary.caption}. Not shown: {' and '.join(left_out)}." if left_out else summary.caption
    )


_NOT_CONVERGED = Finding(
    "EM stopped at max_iter, before a step changed less than tol.",
    "Raise max_iter or tol, or try other starts.",
    kind="not converged",
)


def summary_of_estimate(mixture: GaussianMixture) -> Summary:
    """Return the HTML summary of a point estimate.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.html_representation import summary_of_estimate
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> summary_of_estimate(bg.GaussianMixture(3, random_state=0).fit(X)).method
    '3 components (full) of 2 features; maximum likelihood by EM, from 1 start'
    """
    scales = _scales(mixture)
    features = getattr(mixture, "feature_names_in_", default_names(mixture.n_features_in_))
    steps = counted(mixture.n_iter_, "step")
    return Summary(
        method=_method_of_estimate(mixture),
        passed=mixture.converged_,
        verdict=f"{'Converged' if mixture.converged_ else 'Not converged'} after {steps}.",
        findings=() if mixture.converged_ else (_NOT_CONVERGED,),
        features=tuple(map(str, features)),
        components=tuple(
            ComponentLine(
                str(number),
                float(weight),
                Figure.alone(float(weight), 0.1),
                tuple(map(Figure.alone, mean.tolist(), scale.tolist())),
            )
            for number, (weight, mean, scale) in enumerate(
                zip(mixture.weights_, mixture.means_, scales, strict=True)
            )
        ),
        caption="Weights, and means of features: point estimates",
    )


def _method_of_estimate(mixture: GaussianMixture) -> str:
    goal = "maximum likelihood" if mixture.prior is None else "posterior mode"
    return (
        f"{counted(len(mixture.weights_), 'component')} ({mixture.covariance_type}) of "
        f"{counted(mixture.n_features_in_, 'feature')}; {goal} by EM, from "
        f"{counted(mixture.n_init, 'start')}"
    )


def _scales(mixture: GaussianMixture) -> np.ndarray:
    """Return standard deviations of every feature in every component, (k, d)."""
    structure = STRUCTURES[mixture.covariance_type]
    matrices = from_sklearn(structure, np.asarray(mixture.covariances_))
    variances = np.diagonal(matrices, axis1=1, axis2=2) if structure.correlated else matrices
    return np.broadcast_to(np.sqrt(variances), mixture.means_.shape)


_STATISTICS = ["mean", "sd", "lower", "upper"]


def summary_of(tree: xr.DataTree) -> Summary:
    """Return the HTML summary of a fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.html_representation import summary_of
    >>> print(summary_of(bg.example_fit()).method)
    3 components (Full) of 342 rows and 4 features; NUTS, 4 chains of 1000 draws
    """
    from bayesgmm.analysis.summarize import summarize  # a point estimate needs no xarray

    diagnosis, summary = stored_diagnosis(tree), summarize(tree)
    return Summary(
        method=_method_of_posterior(tree),
        passed=diagnosis.passed,
        verdict=diagnosis.verdict,
        findings=diagnosis.findings,
        features=tuple(str(name) for name in summary[FEATURE].values),
        components=_components(summary),
        caption=f"Weights, and means of features: posterior mean and {summary.attrs['interval']}",
    )


def _method_of_posterior(tree: xr.DataTree) -> str:
    from bayesgmm.tree.fit import Fit

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
