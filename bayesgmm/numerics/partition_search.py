"""The partition of rows that is closest, on average, to draws of partitions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Int32, Shaped
from scipy.special import xlogy

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.kernels.partitions import (
    ADJUSTED_RAND,
    BINDER,
    NORMALIZED,
    VARIATION_OF_INFORMATION,
    losses,
    search,
)

_FIRST_ROOM = 8  # clusters that a candidate may have before its tables are made larger
_MOST_ATTEMPTS = 10  # clusters that are taken apart and allocated anew

KINDS = {
    "variation of information": VARIATION_OF_INFORMATION,
    "Binder": BINDER,
    "adjusted Rand": ADJUSTED_RAND,
    "normalized variation of information": NORMALIZED,
}


@dataclass(frozen=True)
class LossFunction:
    """How far two partitions are apart, as compiled code takes it.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    a : float
        Cost of splitting what belongs together, between 0 and 2; that of joining what does not
        is 2 - a. The last two kinds have no costs.
    """

    kind: str
    a: float = 1.0

    def heights(self, n_rows: int) -> Float[np.ndarray, " sizes"]:
        """Return h(0), ..., h(n), which every loss sums over sizes: x log x, or x^2 for pairs."""
        sizes = np.arange(n_rows + 1.0)
        return sizes**2 if self.kind in ("Binder", "adjusted Rand") else xlogy(sizes, sizes)


@dataclass(frozen=True, eq=False)
class PartitionDraws:
    """Draws of partitions of n rows.

    Attributes
    ----------
    labels : integer array, shape (draws, n)
        The group of every row; numbers from zero without gaps.
    """

    labels: Int32[np.ndarray, "draws n"]

    @classmethod
    def of(cls, labels: Int[np.ndarray, "draws n"]) -> PartitionDraws:
        """Number the groups, counted from zero, that occur in each draw."""
        compact = np.empty(labels.shape, np.int32)
        for number, draw in enumerate(labels):
            compact[number] = (np.cumsum(np.bincount(draw) > 0) - 1)[draw]
        return cls(compact)

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return self.labels.shape[1]

    @cached_property
    def n_groups(self) -> int:
        """The most groups that a draw has."""
        return int(self.labels.max()) + 1

    @cached_property
    def by_row(self) -> Int32[np.ndarray, "n draws"]:
        """The same, row by row."""
        return np.ascontiguousarray(self.labels.T)

    def subset(self, chosen: np.ndarray) -> PartitionDraws:
        """Return some of the draws."""
        return PartitionDraws(np.ascontiguousarray(self.labels[chosen]))

    def losses(
        self, candidate: Int32[np.ndarray, " n"], loss: LossFunction
    ) -> Float[np.ndarray, " draws"]:
        """Return the loss of a partition beside every draw."""
        output, n_clusters = np.empty(self.labels.shape[0]), int(candidate.max()) + 1
        losses(
            self.labels, self.n_groups, candidate, n_clusters, loss.heights(self.n_rows),
            KINDS[loss.kind], loss.a, output,
        )  # fmt: skip
        return output

    def expected_losses(
        self, loss: LossFunction, chosen: Int[np.ndarray, " c"]
    ) -> Float[np.ndarray, " c"]:
        """Return the expected loss of some draws, the expectation being over all draws."""
        expected = np.empty(chosen.size)

        def evaluate(number: int) -> None:
            expected[number] = self.losses(self.labels[chosen[number]], loss).mean()

        for_each(expected.size, evaluate)
        return expected


@dataclass(frozen=True, eq=False)
class Found:
    """What one run of the search found.

    Attributes
    ----------
    labels : integer array, shape (n,)
        Numbered by size, largest first; clusters of equal size in the order of their first rows.
    loss : float
        The expected loss.
    """

    labels: Int[np.ndarray, " n"]
    loss: float


def improve(
    draws: PartitionDraws,
    loss: LossFunction,
    start: Int32[np.ndarray, " n"],
    *,
    most_clusters: int,
    seed: np.random.SeedSequence,
    attempts: int = _MOST_ATTEMPTS,
) -> Found:
    """Improve one partition; rows labelled -1 are allocated first.

    ``attempts`` clusters are taken apart and allocated anew.
    """
    limit, number = most_clusters, np.uint64(seed.generate_state(1, np.uint64)[0])
    room = min(limit, max(_FIRST_ROOM, draws.n_groups, int(start.max()) + 1))
    while True:
        labels = np.array(start)
        expected, n_clusters = search(
            draws.by_row, draws.n_groups, np.diff(loss.heights(draws.n_rows)), KINDS[loss.kind],
            loss.a, limit, attempts, room, number, labels,
        )  # fmt: skip
        if n_clusters:
            return Found(by_size(labels), expected)
        room = min(limit, 2 * room)


def best_partitions(
    draws: PartitionDraws,
    loss: LossFunction,
    starts: list[Int32[np.ndarray, " n"]],
    *,
    most_clusters: int,
    seed: np.random.SeedSequence,
) -> list[Found]:
    """Improve every start, side by side on all cores; return what was found in the same order."""
    found: list[Found | None] = [None] * len(starts)
    seeds = seed.spawn(len(starts))

    def run(number: int) -> None:
        found[number] = improve(
            draws, loss, starts[number], most_clusters=most_clusters, seed=seeds[number]
        )

    for_each(len(starts), run)
    return [one for one in found if one is not None]


def random_starts(
    n_starts: int, draws: PartitionDraws, most_clusters: int, rng: np.random.Generator
) -> list[Int32[np.ndarray, " n"]]:
    """Return starts for the search: rows without a cluster, and rows in clusters at random."""
    starts = []
    for number in range(n_starts):
        labels = np.full(draws.n_rows, -1, np.int32)
        if number % 2:
            n_clusters = rng.integers(1, min(draws.n_groups, most_clusters) + 1)
            labels = numbered(rng.integers(n_clusters, size=draws.n_rows))
        starts.append(labels)
    return starts


def numbered(labels: Shaped[np.ndarray, " n"]) -> Int32[np.ndarray, " n"]:
    """Number the groups 0, 1, 2, ... without gaps."""
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def by_size(labels: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """Number the clusters by size, largest first, then by their first rows."""
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    places = np.empty(sizes.size, int)
    places[np.lexsort((first, -sizes))] = np.arange(sizes.size)
    return places[inverse]
