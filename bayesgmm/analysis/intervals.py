"""Posterior intervals: their probability, and their name."""

from __future__ import annotations

from typing import Any

from bayesgmm.options import expect_fraction

NO_INTERVAL = "none: a point estimate has no uncertainty"
"""Kind of interval for point estimates, where sd and ends are NaN."""

DEFAULT_PROBABILITY = 0.89
"""Default probability of intervals, as in ArviZ; unlike 0.95, it does not suggest a test."""


def equal_tails(probability: Any) -> tuple[float, float]:
    """Check a probability, and return the two quantiles of its equal-tailed interval."""
    expect_fraction("ci_prob", probability)
    tail = (1 - probability) / 2
    return tail, 1 - tail


def interval_name(probability: float) -> str:
    """Return the name of the interval.

    Examples
    --------
    >>> from bayesgmm.analysis.intervals import interval_name
    >>> interval_name(0.89)
    '89% equal-tailed interval'
    """
    return f"{100 * probability:g}% equal-tailed interval"
