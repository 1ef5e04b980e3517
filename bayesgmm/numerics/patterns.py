"""Rows with missing cells, sorted by missing features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Patterns(NamedTuple):
    """Rows in which cells are missing, grouped by missing features.

    A named tuple, because these can enter compiled functions.

    Attributes
    ----------
    rows : integer array, shape (n,)
        Where each row of this order is in the table.
    cells : array, shape (c,)
        The observed cells, pattern by pattern and row by row.
    cells_starts, starts : integer arrays, shape (p + 1,)
        Where the cells and the rows of each pattern begin, and where the last ends.
    features : integer array, shape (p, d)
        The features of each pattern, the observed ones first.
    n_observed : integer array, shape (p,)
        How many of them are observed.
    """

    rows: Int[np.ndarray, " n"]
    cells: Float[np.ndarray, " c"]
    cells_starts: Int[np.ndarray, " p_and_one"]
    starts: Int[np.ndarray, " p_and_one"]
    features: Int[np.ndarray, "p d"]
    n_observed: Int[np.ndarray, " p"]

    @classmethod
    def of(cls, X: Float[np.ndarray, "n d"]) -> Patterns:
        """Sort the rows of a table, whose missing cells are NaN."""
        missing = np.isnan(X)
        kinds, kind_of_row = np.unique(missing, axis=0, return_inverse=True)
        rows = np.argsort(kind_of_row, kind="stable")
        sizes = np.bincount(kind_of_row, minlength=len(kinds))
        n_observed = X.shape[1] - kinds.sum(axis=1)
        return cls(
            rows,
            X[rows][~missing[rows]],
            _starts(sizes * n_observed),
            _starts(sizes),
            np.argsort(kinds, axis=1, kind="stable"),
            n_observed,
        )

    def each(self) -> Iterator[tuple[np.ndarray, np.ndarray, int, np.ndarray]]:
        """Yield, pattern by pattern, rows of the table, features, how many of them, and cells."""
        for pattern, size in enumerate(self.n_observed):
            rows = self.rows[self.starts[pattern] : self.starts[pattern + 1]]
            cells = self.cells[self.cells_starts[pattern] : self.cells_starts[pattern + 1]]
            yield rows, self.features[pattern], size, cells.reshape(rows.size, size)

    def sorted(self, of_rows: Float[np.ndarray, "m ..."]) -> Float[np.ndarray, "m ..."]:
        """Return entries of the rows of the table in this order; empty if there are none."""
        return of_rows[self.rows] if of_rows.shape[0] else of_rows


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes)])
