"""A diagnosis as a piece of a page, for notebooks."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

    from bayesgmm.analysis.diagnosis.value import Finding

_LARGEST_RHAT = 100  # what is larger is written as larger than this
_HEADINGS = ("worst entry of", "R-hat", "bulk ESS", "tail ESS")
# Translucent, so that they suit dark pages as well as light ones.
GOOD, NEUTRAL, BAD = "#2e9e5b", "#8a8a8a", "#d0542c"


def as_html(passed: bool, verdict: str, findings: tuple[Finding, ...], figures: xr.Dataset) -> str:
    """Return the verdict, what was found, and the table of figures as HTML."""
    listed = "".join(finding_as_html(finding) for finding in findings)
    found = f'<ul style="margin:0.4em 0 0.6em;padding-left:1.4em">{listed}</ul>' if listed else ""
    colour = GOOD if passed else BAD
    return (
        f'<div style="border-left:4px solid {colour};padding-left:0.8em;max-width:50em">'
        f'<p style="margin:0 0 0.5em"><strong>{escape(verdict)}</strong></p>'
        f"{found}{_table(figures)}</div>"
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


def finding_as_html(finding: Finding) -> str:
    """Return a finding as an item of a list."""
    colour = BAD if finding.serious else NEUTRAL
    kind = f'<span style="color:{colour}">{escape(finding.kind)}.</span> ' if finding.kind else ""
    return (
        f'<li style="margin:0.3em 0">{kind}{escape(finding.problem)} '
        f"<em>{escape(finding.remedy)}</em></li>"
    )


def _table(figures: xr.Dataset) -> str:
    head = "".join(_cell(text, tag="th", left=not place) for place, text in enumerate(_HEADINGS))
    lines = []
    for name in figures["variable"].values:
        entry = figures.sel(variable=name)
        rhat, bulk, tail = (float(entry[key]) for key in ("rhat", "ess_bulk", "ess_tail"))
        cells = [_cell(str(name), left=True), _cell(rhat_in_words(rhat))]
        lines.append("".join([*cells, _cell(f"{bulk:.0f}"), _cell(f"{tail:.0f}")]))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<table style="margin:0;font-size:inherit"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cell(text: str, *, tag: str = "td", left: bool = False) -> str:
    side = "left" if left else "right"
    return f'<{tag} style="text-align:{side};padding:0.15em 0.8em">{escape(text)}</{tag}>'
