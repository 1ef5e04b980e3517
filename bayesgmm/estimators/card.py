"""What a fitted estimator says of itself in a notebook, below scikit-learn's diagram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bayesgmm.analysis.diagnosis.page import BAD, GOOD, NEUTRAL, findings_as_html
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.digits import counted, decimals, interval, number
from bayesgmm.html import Content, Markup, element

# Translucent or of middle lightness, so that they suit dark pages as well as light ones.
_LINE, _BAR = "rgba(128,128,128,0.35)", "rgba(70,140,210,0.8)"

MOST_COMPONENTS, MOST_FEATURES = 12, 6
"""That a card has room for."""


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
        >>> from bayesgmm.estimators.card import Figure
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
        >>> from bayesgmm.estimators.card import Figure
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
class Card:
    """What a card says.

    Attributes
    ----------
    method : str
        How the fit came about.
    passed : bool
        Whether it can be used as it is.
    verdict : str
        That in words.
    findings : tuple of Finding
        What was found, with remedies.
    features : tuple of str
        Whose means the components have.
    components : tuple of ComponentLine
    caption : str
        What the numbers are.
    """

    method: str
    passed: bool
    verdict: str
    findings: tuple[Finding, ...]
    features: tuple[str, ...]
    components: tuple[ComponentLine, ...]
    caption: str


class ShownWithCard:
    """What adds a card to the diagram of an estimator; to be inherited before ``BaseEstimator``.

    The estimator has a method ``_card`` that returns a :class:`Card`, or ``None`` before a fit.
    """

    def _card(self) -> Card | None:
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
        card = self._card()
        return "" if card is None else as_html(card)


def as_html(card: Card) -> Markup:
    """Return a card as a piece of a page that needs no script and no style sheet."""
    return element(
        "div",
        element("div", card.method, style=f"color:{NEUTRAL}"),
        element("div", element("strong", card.verdict), style="margin:0.2em 0"),
        findings_as_html(card.findings),
        _table(card),
        element("div", _caption(card), style=f"color:{NEUTRAL}"),
        style=f"border-left:4px solid {GOOD if card.passed else BAD};padding:0.1em 0 0.1em 0.8em;"
        "margin:0.6em 0;font-size:90%;font-family:sans-serif",
    )


def _table(card: Card) -> Markup:
    features = card.features[:MOST_FEATURES]
    shown = card.components[:MOST_COMPONENTS]
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


def _caption(card: Card) -> str:
    left_out = [
        counted(count, f"more {noun}")
        for count, noun in (
            (len(card.components) - MOST_COMPONENTS, "component"),
            (len(card.features) - MOST_FEATURES, "feature"),
        )
        if count > 0
    ]
    return f"{card.caption}. Not shown: {' and '.join(left_out)}." if left_out else card.caption
