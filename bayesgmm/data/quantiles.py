"""Quantiles of columns with missing cells, whose rows count more or less than once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def column_quantiles(
    values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"], levels: Sequence[float]
) -> Float[np.ndarray, "levels d"]:
    """Return quantiles of what is observed of each column; rows count ``weights`` times, or once.

    They interpolate linearly between neighbours, as NumPy does by default, so that a row of
    weight 2 is the same as two rows.
    """
    if not weights.size and not np.isnan(values).any():
        return np.quantile(values, levels, axis=0)
    columns = []
    for column in values.T:
        observed = ~np.isnan(column)
        counts = weights[observed] if weights.size else np.ones(int(observed.sum()))
        columns.append(_quantiles(column[observed], counts, np.asarray(levels)))
    return np.stack(columns, axis=1)


def _quantiles(values: np.ndarray, counts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Interpolate in the list in which every value stands as often as it counts."""
    order = np.argsort(values)
    values, ends = values[order], np.cumsum(counts[order])
    places = levels * max(ends[-1] - 1, 0)
    below = np.floor(places + 1e-9)  # sums of weights have rounding errors
    last = values.size - 1

    def value_at(place: np.ndarray) -> np.ndarray:
        return values[np.minimum(np.searchsorted(ends, place + 1e-9, side="right"), last)]

    low, high = value_at(below), value_at(below + 1)
    return low + (places - below) * (high - low)
