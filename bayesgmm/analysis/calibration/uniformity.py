"""Are ranks uniform? An exact test by the simultaneous band of their distribution function."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int
from scipy import stats

_CLEAR = 1e-9
"""Below, the union bound replaces the exact probability, of which rounding leaves no digits."""


def uniformity_p_value(ranks: Int[np.ndarray, " replication"], n_draws: int) -> float:
    """Return the p-value of the hypothesis that ranks are uniform on 0, ..., ``n_draws``.

    At every i, the number of ranks below i is binomial under the hypothesis. The statistic is the
    least of the two-sided probabilities of these numbers (Saeilynoja et al., 2022, section 2):
    how wide a band must be to hold the whole empirical distribution function. The probability
    that it would be as small by chance is exact, by a recursion over i, not simulated.

    References
    ----------
    Saeilynoja, T., Buerkner, P.-C. and Vehtari, A. (2022). Graphical test for discrete uniformity
    and its applications in goodness-of-fit evaluation and multiple sample comparison. Statistics
    and Computing 32, 32.
    """
    n_replications = ranks.size
    below = np.cumsum(np.bincount(ranks, minlength=n_draws + 1))[:-1]
    expected = stats.binom(n_replications, np.arange(1, n_draws + 1) / (n_draws + 1))
    least = 2 * float(np.minimum(expected.cdf(below), expected.sf(below - 1)).min())
    if least * n_draws < _CLEAR:
        return least * n_draws
    low, high = _band(n_replications, n_draws, least)
    if np.any(low > high):
        return 1.0
    return float(np.clip(1.0 - _probability_inside(low, high, n_replications), 0.0, 1.0))


def _band(
    n_replications: int, n_draws: int, level: float
) -> tuple[Int[np.ndarray, " draw"], Int[np.ndarray, " draw"]]:
    """Return the least and largest numbers whose two-sided probabilities exceed the level.

    Where there are none, the first is above the second.
    """
    shares = np.arange(1, n_draws + 1) / (n_draws + 1)
    numbers = np.arange(n_replications + 1)[:, None]
    # What equals the level but for rounding lies on the edge of the band: outside of it.
    above = level / 2 * (1 + 1e-9)
    inside = stats.binom.cdf(numbers, n_replications, shares) > above
    inside &= stats.binom.sf(numbers - 1, n_replications, shares) > above
    low = np.where(inside.any(axis=0), inside.argmax(axis=0), n_replications + 1)
    return low, n_replications - inside[::-1].argmax(axis=0)


def _probability_inside(
    low: Int[np.ndarray, " draw"], high: Int[np.ndarray, " draw"], n_replications: int
) -> float:
    """Return the probability that the counts below every i stay within the band.

    Given C ranks below i - 1, the others fall evenly on the bins that are left.
    """
    counts, probabilities = np.array([0]), np.array([1.0])
    n_bins = low.size + 1
    for step, (least, most) in enumerate(zip(low, high, strict=True)):
        following = np.arange(least, most + 1)
        steps = following[:, None] - counts
        chances = stats.binom.pmf(steps, n_replications - counts, 1 / (n_bins - step))
        counts, probabilities = following, chances @ probabilities
    return float(probabilities.sum())
