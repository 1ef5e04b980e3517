"""Tables in which every row stands once, with its count: the same whatever the order of the rows.

A weight is a count, and a row that is repeated is a row of weight two. What is computed from this
table knows neither which of the two was meant, nor in which order rows came.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.annotated_rows import AnnotatedRows, Rows, values_of

_MIXING = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits everywhere (Knuth's golden ratio)
_SHIFT = np.uint64(29)
_MOST_DISTINCT = 0.5  # of the rows of a table that is one of counts
_SOON_LOOKED_AT = 10_000  # rows; of more, some are drawn


def distinct_rows(values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"]) -> Rows:
    """Return the rows of which anything is known, each once, in an order of their own."""
    counts = weights if weights.size else np.ones(values.shape[0])
    speaks = (counts > 0) & ~np.isnan(values).all(axis=1)
    values, counts = values[speaks], counts[speaks]
    first, place = _places(values)
    counts, rows = np.bincount(place, counts), np.ascontiguousarray(values[first])
    if np.all(counts == 1):
        return AnnotatedRows(rows) if np.isnan(rows).any() else rows
    return AnnotatedRows(rows, counts)


def at_least(X: Rows, least: int) -> Rows:
    """Return no fewer rows than asked for: where need be, each several times for what it counts."""
    times = -(-least // X.shape[0])
    if times <= 1:
        return X
    counts = X.counts if isinstance(X, AnnotatedRows) else np.ones(X.shape[0])
    return AnnotatedRows(np.repeat(values_of(X), times, axis=0), np.repeat(counts / times, times))


def is_table_of_counts(values: Float[np.ndarray, "n d"], least: int) -> bool:
    """Whether at least half of the rows repeat others, and so many are distinct.

    Such a table has the fewest equal pairs where every row stands twice, n / 2. Of m rows drawn
    from n, some m^2 / 2n pairs are equal then, here 32, and none with a probability of e^-32.
    """
    n_rows = values.shape[0]
    if n_rows > _SOON_LOOKED_AT:
        n_drawn = int(8 * math.sqrt(n_rows))
        drawn = np.random.default_rng(0).choice(n_rows, n_drawn, replace=False, shuffle=False)
        if _n_distinct(values[drawn]) == n_drawn:
            return False
    return least <= _n_distinct(values) <= _MOST_DISTINCT * n_rows


def _n_distinct(values: Float[np.ndarray, "n d"]) -> int:
    codes = np.sort(_codes(values))  # forty times sooner than np.unique, which hashes them again
    return 1 + int(np.count_nonzero(codes[1:] != codes[:-1]))


def _places(
    values: Float[np.ndarray, "n d"],
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]]:
    """Return where each distinct row is first, and which of them every row is."""
    _, first, place = np.unique(_codes(values), return_index=True, return_inverse=True)
    if np.array_equal(values[first][place], values, equal_nan=True):
        return first, place
    # Two rows have one code: less probable than a fault of the machine, and slow.
    _, first, place = np.unique(values, axis=0, return_index=True, return_inverse=True)
    return first, place


def _codes(values: Float[np.ndarray, "n d"]) -> np.ndarray:
    """Return a number for each row, the same for the same cells wherever the row stands."""
    cells = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and one zero
    codes = np.zeros(values.shape[0], dtype=np.uint64)
    for column in cells.T:
        codes = (codes ^ np.ascontiguousarray(column).view(np.uint64)) * _MIXING
        codes ^= codes >> _SHIFT
    return codes
