"""Sums, extremes and quantiles of columns, in as little more than one pass as can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

_FOLD = 64  # rows that are taken together as one long one


def over_rows(operation: np.ufunc, values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Return ``operation.reduce(values, axis=0)``, up to the order of the rows.

    Along rows of a few cells NumPy takes ten times as long for each as along long ones.
    """
    n_rows, d = values.shape
    folds = n_rows // _FOLD
    if not folds or not values.flags.c_contiguous:
        return operation.reduce(values, axis=0)
    long = values[: folds * _FOLD].reshape(folds, _FOLD * d)
    parts = [operation.reduce(long, axis=0).reshape(_FOLD, d), values[folds * _FOLD :]]
    return operation.reduce(np.concatenate(parts), axis=0)


def column_quantiles(
    values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"], levels: Sequence[float]
) -> Float[np.ndarray, "levels d"]:
    """Return quantiles of what is observed of each column; rows count ``weights`` times, or once.

    They interpolate linearly between neighbours, as NumPy does by default, so that a row of
    weight 2 is the same as two rows.
    """
    columns = []
    for column in values.T:
        observed = ~np.isnan(column)
        if weights.size:
            order = np.argsort(column[observed])
            cells, ends = column[observed][order], np.cumsum(weights[observed][order])
        else:
            cells = np.sort(column[observed])
            ends = np.arange(1.0, cells.size + 1)
        columns.append(_quantiles(cells, ends, np.asarray(levels)))
    return np.stack(columns, axis=1)


def _quantiles(values: np.ndarray, ends: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Interpolate in the list in which every value stands as often as it counts.

    ``values`` rise, and so does the number of entries up to each of them, ``ends``.
    """
    places = levels * max(ends[-1] - 1, 0)
    below = np.floor(places + 1e-9)  # sums of weights have rounding errors
    last = values.size - 1

    def value_at(place: np.ndarray) -> np.ndarray:
        return values[np.minimum(np.searchsorted(ends, place + 1e-9, side="right"), last)]

    low, high = value_at(below), value_at(below + 1)
    return low + (places - below) * (high - low)
