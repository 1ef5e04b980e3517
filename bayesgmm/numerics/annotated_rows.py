"""Rows with missing cells, weights or labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeGuard

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.blocks import row_blocks
from bayesgmm.numerics.patterns import Patterns


def _none() -> Float[np.ndarray, " 0"]:
    return np.empty(0)


def _nothing() -> Float[np.ndarray, "0 0"]:
    return np.empty((0, 0))


@dataclass(frozen=True, eq=False)
class AnnotatedRows:
    """A table in which cells may be missing, rows weighted, and components partly known.

    Attributes
    ----------
    values : array, shape (n, d)
        NaN where a cell is missing.
    weights : array, shape (n,) or (0,)
        How often each row counts; once where there are none.
    label_log_likelihoods : array, shape (n, k) or (0, 0)
        Logarithms of factors that the component
        densities are multiplied by (Côme et al., 2009), zero for a missing label and -inf where
        a component is excluded.

    References
    ----------
    Côme, E., Oukhellou, L., Denoeux, T. and Aknin, P. (2009). Learning from partially supervised
    data using mixture models and belief functions. Pattern Recognition 42, 334-348.
    """

    values: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " _"] = field(default_factory=_none)
    label_log_likelihoods: Float[np.ndarray, "_ _"] = field(default_factory=_nothing)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and features."""
        return self.values.shape

    @cached_property
    def has_gaps(self) -> bool:
        """Whether cells are missing."""
        return bool(np.isnan(self.values).any())

    @property
    def counts(self) -> Float[np.ndarray, " n"]:
        """How often each row counts."""
        return self.weights if self.weights.size else np.ones(self.values.shape[0])

    def subset(self, chosen: Int[np.ndarray, " m"]) -> AnnotatedRows:
        """Return some of the rows."""
        parts = (self.values, self.weights, self.label_log_likelihoods)
        return AnnotatedRows(*(part[chosen] if part.shape[0] else part for part in parts))

    def without_labels(self) -> AnnotatedRows:
        """Return the rows without labels."""
        return AnnotatedRows(self.values, self.weights)

    @cached_property
    def patterns(self) -> dict[int, Patterns]:
        """The rows of every block, sorted by missing features, by its first row."""
        blocks = row_blocks(self.values.shape[0])
        return {start: Patterns.of(self.values[start:stop]) for start, stop in blocks}


Rows = Float[np.ndarray, "_ _"] | AnnotatedRows
"""Plain rows: all cells observed, each counts once, components unknown; or annotated ones."""


def has_gaps(X: Rows) -> TypeGuard[AnnotatedRows]:
    """Whether cells are missing."""
    return isinstance(X, AnnotatedRows) and X.has_gaps


def some_rows(X: Rows, most: int) -> Rows:
    """Return so many rows at most, at equal distances."""
    chosen = np.arange(0, X.shape[0], -(-X.shape[0] // most))
    return X.subset(chosen) if isinstance(X, AnnotatedRows) else np.ascontiguousarray(X[chosen])


def total_weight(X: Rows) -> float:
    """Return how often all rows count together."""
    if isinstance(X, AnnotatedRows) and X.weights.size:
        return float(X.weights.sum())
    return float(X.shape[0])


def values_of(X: Rows) -> Float[np.ndarray, "n d"]:
    """Return the cells."""
    return X.values if isinstance(X, AnnotatedRows) else X


def compiled_rows(X: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return values, weights and label log likelihoods for kernels."""
    rows = X if isinstance(X, AnnotatedRows) else AnnotatedRows(X)
    return (
        as_compiled(rows.values),
        as_compiled(rows.weights),
        as_compiled(rows.label_log_likelihoods),
    )


def described(X: Rows) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, np.ndarray]]:
    """Return the rows of one block, ``(X,)`` or its patterns, weights and label log likelihoods."""
    values, weights, label_log_likelihoods = compiled_rows(X)
    if not has_gaps(X):
        return (values,), (weights, label_log_likelihoods)
    patterns = Patterns.of(values)
    return patterns, (patterns.sorted(weights), patterns.sorted(label_log_likelihoods))


def as_compiled(X: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
    """Return an array as the one kind that kernels are compiled for.

    Contiguous, and not marked read-only, as arrays behind a C pointer never are: every further
    kind would compile every kernel again. No kernel writes to its rows.
    """
    rows = np.ascontiguousarray(X, dtype=np.float64).view()
    if not rows.flags.writeable:
        try:
            rows.flags.writeable = True
        except ValueError:  # memory that belongs to others
            rows = rows.copy()
    return rows
