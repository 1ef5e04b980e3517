"""A diagnosis as a piece of a page, for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.html import Markup, element

if TYPE_CHECKING:
    import xarray as xr

    from bayesgmm.analysis.diagnosis.value import Finding

_LARGEST_RHAT = 100  # what is larger is written as larger than this
_HEADINGS = ("worst entry of", "R-hat", "bulk ESS", "tail ESS")
# Translucent, so that they suit dark pages as well as light ones.
GOOD, NEUTRAL, BAD = "#2e9e5b", "#8a8a8a", "#d0542c"


def as_html(
    passed: bool, verdict: str, findings: tuple[Finding, ...], figures: xr.Dataset
) -> Markup:
    """Return the verdict, what was found, and the table of figures as HTML."""
    return element(
        "div",
        element("p", element("strong", verdict), style="margin:0 0 0.5em"),
        findings_as_html(findings),
        _table(figures),
        style=f"border-left:4px solid {GOOD if passed else BAD};padding-left:0.8em;max-width:50em",
    )


def rhat_in_words(rhat: float) -> str:
    """Write R-hat, which is huge where a chain never moved.

    Examples
    --------
    >>> from bayesgmm.analysis.diagnosis.page import rhat_in_words
    >>> rhat_in_words(1.0042), rhat_in_words(float("nan")), rhat_in_words(1e15)
    ('1.004', '-', '> 100')
    """
    if np.isnan(rhat):
        return "-"
    return f"{rhat:.3f}" if rhat <= _LARGEST_RHAT else f"> {_LARGEST_RHAT}"


def rhat_beyond(rhat: float, limit: float) -> str:
    """Write R-hat and the limit that it exceeds, with digits enough to tell them apart.

    Examples
    --------
    >>> from bayesgmm.analysis.diagnosis.page import rhat_beyond
    >>> rhat_beyond(1.0104, 1.01), rhat_beyond(1.2, 1.0134)
    ('1.0104, above 1.0100', '1.200, above 1.013')
    """
    if not rhat <= _LARGEST_RHAT:
        return f"{rhat_in_words(rhat)}, above {limit:.3f}"
    digits = next((n for n in range(3, 12) if f"{rhat:.{n}f}" != f"{limit:.{n}f}"), 12)
    return f"{rhat:.{digits}f}, above {limit:.{digits}f}"


def findings_as_html(findings: tuple[Finding, ...]) -> Markup:
    """Return findings as a list, or nothing where there are none."""
    if not findings:
        return Markup()
    items = []
    for finding in findings:
        colour = BAD if finding.serious else NEUTRAL
        kind = element("span", f"{finding.kind}.", style=f"color:{colour}") if finding.kind else ""
        remedy = element("em", finding.remedy)
        items.append(element("li", kind, f" {finding.problem} ", remedy, style="margin:0.3em 0"))
    return element("ul", items, style="margin:0.4em 0 0.6em;padding-left:1.4em;max-width:50em")


def _table(figures: xr.Dataset) -> Markup:
    head = [_cell(text, "th", left=not place) for place, text in enumerate(_HEADINGS)]
    rows = []
    for name in figures["variable"].values:
        entry = figures.sel(variable=name)
        rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
        texts = (rhat_in_words(rhat), f"{bulk:.0f}", f"{tail:.0f}")
        rows.append(element("tr", _cell(str(name), left=True), map(_cell, texts)))
    return element(
        "table",
        element("thead", element("tr", head)),
        element("tbody", rows),
        style="margin:0;font-size:inherit",
    )


def _cell(text: str, tag: str = "td", *, left: bool = False) -> Markup:
    side = "left" if left else "right"
    return element(tag, text, style=f"text-align:{side};padding:0.15em 0.8em")
