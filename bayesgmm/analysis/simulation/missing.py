"""Which cells of a table are taken away, by mechanisms that are known.

A row always keeps at least one cell. Axes: rows n, features d.

References
----------
Rubin, D. B. (1976). Inference and missing data. Biometrika 63, 581-592.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import rankdata

Mechanism = Literal["MCAR", "MAR"]

_STEEPNESS = 4.0
"""From the smallest to the largest value of the guide, on the scale of log odds."""


def most_missing(n_features: int) -> float:
    """Return the share of cells below which every row can keep one: (d - 1) / d."""
    return (n_features - 1) / n_features


def missing_at_random(
    rows: Float[np.ndarray, "n d"], share: float, mechanism: Mechanism, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Say which cells are missing, so that the expected share of all cells is as asked."""
    if share == 0:
        return np.zeros(rows.shape, dtype=bool)
    return _MECHANISMS[mechanism](rows, share, rng)


def _completely(
    rows: Float[np.ndarray, "n d"], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Each cell by itself with one probability p, drawn anew for rows that would lose all.

    Of a row that keeps something a cell is missing with probability (p - p^d) / (1 - p^d).
    """
    d = rows.shape[1]
    p = brentq(lambda p: (p - p**d) / (1 - p**d) - share, 0.0, 1.0 - 1e-9)
    missing = rng.random(rows.shape) < p
    while (empty := np.flatnonzero(missing.all(axis=1))).size:
        missing[empty] = rng.random((empty.size, d)) < p
    return missing


def _guided(
    rows: Float[np.ndarray, "n d"], share: float, rng: np.random.Generator
) -> Bool[np.ndarray, "n d"]:
    """Cells of all features but the first, more often the larger the first one is.

    With u the rank of the first feature, 0 to 1, the log odds are alpha + 4 (u - 1/2). The first
    feature is never missing, so that what is missing depends on what is observed alone.
    """
    n, d = rows.shape
    pull = _STEEPNESS * ((rankdata(rows[:, 0]) - 0.5) / n - 0.5)
    of_others = share * d / (d - 1)
    alpha = brentq(lambda alpha: expit(alpha + pull).mean() - of_others, -100.0, 100.0)
    missing = np.zeros(rows.shape, dtype=bool)
    missing[:, 1:] = rng.random((n, d - 1)) < expit(alpha + pull)[:, None]
    return missing


_MECHANISMS: dict[str, Callable[..., Bool[np.ndarray, "n d"]]] = {
    "MCAR": _completely,
    "MAR": _guided,
}
