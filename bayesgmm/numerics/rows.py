"""Rows with missing cells, weights or labels.

Passes use ``Rows``: blocks of rows, and sums over them. Code that needs all rows at once, to take a
subset, to sort, repeat or scale them, takes ``RowsInMemory``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.blocks import for_each_block, row_blocks, sum_over_blocks
from bayesgmm.numerics.patterns import Patterns


def _none() -> Float[np.ndarray, " 0"]:
    return np.empty(0)


def _nothing() -> Float[np.ndarray, "0 0"]:
    return np.empty((0, 0))


class Block(NamedTuple):
    """A stretch of rows with all that is known of them, as kernels take it.

    Attributes
    ----------
    start, stop : int
        Where it begins and ends in the table.
    rows : array, shape (m, d), or Patterns
        The latter where cells are missing in the table.
    weights : array, shape (m,) or (0,)
    label_log_likelihoods : array, shape (m, k) or (0, 0)
        In the order of ``rows``.
    """

    start: int
    stop: int
    rows: Float[np.ndarray, "m d"] | Patterns
    weights: Float[np.ndarray, " _"]
    label_log_likelihoods: Float[np.ndarray, "_ _"]

    @property
    def row_arguments(self) -> tuple[np.ndarray, ...]:
        """``(X,)`` or the patterns, for kernels that take either."""
        return self.rows if isinstance(self.rows, Patterns) else (self.rows,)


@runtime_checkable
class Rows(Protocol):
    """A table as passes over it see it: one block after the other, wherever they are kept."""

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""

    @property
    def n_features(self) -> int:
        """Number of features, d."""

    @property
    def has_gaps(self) -> bool:
        """Whether cells are missing."""

    @property
    def total_weight(self) -> float:
        """How often all rows count together."""

    def blocks(self) -> Sequence[Block]:
        """Return all blocks in the order of the rows; how they are cut depends on n alone."""

    def sum(self, work: Callable[[Block], tuple], *, cores: int | None = None) -> tuple:
        """Return the sum of ``work(block)``, entry by entry, in the order of the rows."""

    def for_each(self, work: Callable[[Block], object]) -> None:
        """Call ``work(block)`` for all blocks, in any order."""

    def moments(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
        """Return mean and covariance matrix of rows without gaps, each counted once."""


@dataclass(frozen=True, eq=False)
class RowsInMemory:
    """A table in which cells may be missing, rows weighted, and components partly known.

    Where none of this is so, the other parts are empty, and cost nothing.

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
    def n_rows(self) -> int:
        """Number of rows, n."""
        return self.values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self.values.shape[1]

    @cached_property
    def has_gaps(self) -> bool:
        """Whether cells are missing."""
        return bool(np.isnan(self.values).any())

    @property
    def has_labels(self) -> bool:
        """Whether anything is known of components."""
        return self.label_log_likelihoods.size > 0

    @property
    def is_plain(self) -> bool:
        """Whether all cells are observed, each row counts once, and no component is known."""
        return not (self.weights.size or self.has_labels or self.has_gaps)

    @property
    def total_weight(self) -> float:
        """How often all rows count together."""
        return float(self.weights.sum()) if self.weights.size else float(self.n_rows)

    @property
    def counts(self) -> Float[np.ndarray, " n"]:
        """How often each row counts."""
        return self.weights if self.weights.size else np.ones(self.n_rows)

    def blocks(self) -> Sequence[Block]:
        """Return all blocks in the order of the rows; how they are cut depends on n alone."""
        return list(self._blocks.values())

    def sum(self, work: Callable[[Block], tuple], *, cores: int | None = None) -> tuple:
        """Return the sum of ``work(block)``, entry by entry, in the order of the rows."""
        blocks = self._blocks
        return sum_over_blocks(self.n_rows, lambda start, _: work(blocks[start]), cores=cores)

    def for_each(self, work: Callable[[Block], object]) -> None:
        """Call ``work(block)`` for all blocks, in any order."""
        blocks = self._blocks
        for_each_block(self.n_rows, lambda start, _: work(blocks[start]))

    def moments(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
        """Return mean and covariance matrix of rows without gaps, each counted once."""
        covariance = np.cov(self.values.T, bias=True).reshape(self.n_features, self.n_features)
        return self.values.mean(axis=0), covariance

    def as_one_block(self) -> Block:
        """Return all rows as one block."""
        return self._block(0, self.n_rows)

    def subset(self, chosen: Int[np.ndarray, " m"]) -> RowsInMemory:
        """Return some of the rows."""
        parts = (self.values, self.weights, self.label_log_likelihoods)
        some = RowsInMemory(*(part[chosen] if part.shape[0] else part for part in parts))
        return told(some, has_gaps=False) if not self.has_gaps else some

    def evenly(self, most: int) -> RowsInMemory:
        """Return so many rows at most, at equal distances."""
        return self.subset(np.arange(0, self.n_rows, -(-self.n_rows // most)))

    def without_labels(self) -> RowsInMemory:
        """Return the rows with nothing known of their components."""
        return self.with_labels(_nothing())

    def with_labels(self, label_log_likelihoods: Float[np.ndarray, "_ _"]) -> RowsInMemory:
        """Return the rows with this known of their components."""
        changed = replace(self, label_log_likelihoods=label_log_likelihoods)
        return told(changed, has_gaps=self.has_gaps)

    def with_values(self, values: Float[np.ndarray, "n d"]) -> RowsInMemory:
        """Return the same rows in other coordinates, or with their gaps filled."""
        changed = replace(self, values=values)
        return changed if self.has_gaps else told(changed, has_gaps=False)

    @cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, weights and label log likelihoods as kernels take them."""
        parts = (self.values, self.weights, self.label_log_likelihoods)
        return as_compiled(parts[0]), as_compiled(parts[1]), as_compiled(parts[2])

    @cached_property
    def _blocks(self) -> dict[int, Block]:
        """The blocks by their first row."""
        return {start: self._block(start, stop) for start, stop in row_blocks(self.n_rows)}

    def _block(self, start: int, stop: int) -> Block:
        values, weights, labels = (part[start:stop] for part in self.arrays)
        if not self.has_gaps:
            return Block(start, stop, values, weights, labels)
        patterns = Patterns.of(values)
        return Block(start, stop, patterns, patterns.sorted(weights), patterns.sorted(labels))


def complete_rows(values: Float[np.ndarray, "n d"]) -> RowsInMemory:
    """Return plain rows that are known to have no gaps, without a look at every cell."""
    return told(RowsInMemory(values), has_gaps=False)


def as_rows[R: Rows](X: R | Float[np.ndarray, "n d"]) -> R | RowsInMemory:
    """Return a table as rows; an array is one of which no more is known than its cells."""
    return RowsInMemory(X) if isinstance(X, np.ndarray) else X


def told(rows: RowsInMemory, *, has_gaps: bool) -> RowsInMemory:
    """Return rows that know whether cells are missing, and need not look."""
    vars(rows)["has_gaps"] = has_gaps
    return rows


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
