"""Numbers and names inside sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesgmm.digits import decimals, number


def share(value: float) -> str:
    """Write a share or a probability in per cent, never as certain unless it is.

    Examples
    --------
    >>> from bayesgmm.report.words import share
    >>> share(0.038), share(0.9999), share(1.0), share(0.0004), share(0.0)
    ('4%', '>99%', '100%', '<1%', '0%')
    """
    if 0 < value < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= value < 1 else f"{value:.0%}"


def in_a_row(names: Sequence[Any], *, most: int = 8) -> str:
    """Write names as a sentence lists them, no more than so many.

    Examples
    --------
    >>> from bayesgmm.report.words import in_a_row
    >>> in_a_row(["a"]), in_a_row(["a", "b", "c"])
    ('a', 'a, b and c')
    >>> in_a_row(list("abcdef"), most=3)
    'a, b, c and 3 more'
    """
    words = [str(name) for name in names]
    if len(words) > most:
        words = [*words[:most], f"{len(words) - most} more"]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def component_title(name: Any) -> str:
    """Return what a component is called: by its name if it has one, else by its number.

    Examples
    --------
    >>> from bayesgmm.report.words import component_title
    >>> component_title(2), component_title("Adelie")
    ('component 2', 'Adelie')
    """
    text = str(name)
    return f"component {text}" if text.isdigit() else text


def component_heading(name: Any) -> str:
    """Return the same as the start of a line: "component" is capitalized, names are unchanged.

    Examples
    --------
    >>> from bayesgmm.report.words import component_heading
    >>> component_heading(2), component_heading("mcDonald")
    ('Component 2', 'mcDonald')
    """
    text = str(name)
    return f"Component {text}" if text.isdigit() else text


def measured(value: float, spread: float) -> str:
    """Format a measurement with the digits that are relevant for a given spread.

    Examples
    --------
    >>> from bayesgmm.report.words import measured
    >>> measured(4201.754, 801.9), measured(0.012345, 0.004)
    ('4202', '0.0123')
    """
    return number(value, decimals(spread))


def rounded(value: float, *, digits: int = 2) -> str:
    """Write a number with so many significant digits and no power of ten if possible.

    Examples
    --------
    >>> from bayesgmm.report.words import rounded
    >>> rounded(1603.9), rounded(0.04567), rounded(3.2e-9)
    ('1600', '0.046', '3.2e-09')
    """
    if not np.isfinite(value) or value == 0:
        return f"{value:g}"
    leading = int(np.floor(np.log10(abs(value))))
    nearest = round(value, digits - 1 - leading)
    if not -5 <= leading < 9:
        return f"{value:.{digits - 1}e}"
    return f"{nearest:.{max(0, digits - 1 - leading)}f}"


def capitalized(text: str) -> str:
    """Return a sentence with a capital first letter, all others as they were."""
    return text[:1].upper() + text[1:]
