"""Intervals that posterior draws give: how wide they are, and what they are called."""

from __future__ import annotations

from typing import Any

from bayesgmm.options import expect_fraction

NO_INTERVAL = "none: a point estimate has no uncertainty"
"""What stands in the place of the kind of interval, where sd and ends are NaN."""

DEFAULT_PROBABILITY = 0.89
"""Of intervals, as in ArviZ; an odd number, lest it be taken for a test."""


def equal_tails(probability: Any) -> tuple[float, float]:
    """Return the two quantiles between which the given probability lies, once it is checked."""
    expect_fraction("ci_prob", probability)
    tail = (1 - probability) / 2
    return tail, 1 - tail


def interval_name(probability: float) -> str:
    """Return what to write beside the numbers.

    Examples
    --------
    >>> from bayesgmm.analysis.intervals import interval_name
    >>> interval_name(0.89)
    '89% equal-tailed interval'
    """
    return f"{100 * probability:g}% equal-tailed interval"
