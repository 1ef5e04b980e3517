"""Similarity of partitions, and point estimates of partitions from draws.

Axes: leading batch axes, n rows, g groups of one partition, k of the other. A contingency table (g,
k) counts the rows in every pair of groups. Logarithms are natural: divided by log 2 they are bits.

Representative partitions summarize many draws, each for the draws that are closest to it.

The draws are replaced by n partitions with weights so that the distance between the two
distributions (Wasserstein, order 1) is small: every draw is assigned to its closest partition, and
every partition becomes that with the smallest expected loss over its draws, in turn, until
convergence (Balocchi & Wade, 2025). The distance never rises.

References
----------
Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218.
Meila, M. (2007). Comparing clusterings: an information based distance. Journal of Multivariate
Analysis 98, 873-895.
Vinh, N. X., Epps, J. and Bailey, J. (2010). Information theoretic measures for clusterings
comparison. Journal of Machine Learning Research 11, 2837-2854.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Int16, Int32, Num, Shaped
from scipy.special import entr, xlogy

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.kernels.partitions import (
    ADJUSTED_RAND,
    BINDER,
    NORMALIZED,
    VARIATION_OF_INFORMATION,
    losses,
    search,
)


def contingency(
    groups: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], n_groups: int, n_labels: int
) -> Int[np.ndarray, "g k"]:
    """Count the rows in every pair of a group and a label, both numbered from zero."""
    pairs = groups.astype(np.int64) * n_labels + labels
    return np.bincount(pairs, minlength=n_groups * n_labels).reshape(n_groups, n_labels)


def adjusted_rand(tables: Num[np.ndarray, "*batch g k"]) -> Float[np.ndarray, "*batch"]:
    """Return the adjusted Rand index: 1 for equal partitions, 0 expected for unrelated ones."""
    n = tables.sum(axis=(-2, -1)).astype(float)
    together = _ordered_pairs(tables, (-2, -1))
    in_groups = _ordered_pairs(tables.sum(axis=-1), -1)
    in_labels = _ordered_pairs(tables.sum(axis=-2), -1)
    one_only, other_only = in_groups - together, in_labels - together
    neither = n * (n - 1) - together - one_only - other_only
    # Written in counts of pairs, as scikit-learn does: no division before the last.
    above = 2.0 * (together * neither - one_only * other_only)
    below = in_groups * (one_only + neither) + in_labels * (other_only + neither)
    equal = (one_only == 0) & (other_only == 0)  # then the index may be 0 / 0
    return np.where(equal, 1.0, above / np.where(equal, 1.0, below))


def variation_of_information(
    tables: Num[np.ndarray, "*batch g k"],
) -> Float[np.ndarray, "*batch"]:
    """Return H(one | other) + H(other | one): 0 for equal partitions, at most log n."""
    shares = _shares(tables)
    of_groups, of_labels = shares.sum(axis=-1), shares.sum(axis=-2)
    # Cell by cell, log(a p) and log(b p) instead of entropies: no term is below zero.
    surprise = xlogy(shares, of_groups[..., :, None]) + xlogy(shares, of_labels[..., None, :])
    total = (surprise - 2.0 * xlogy(shares, shares)).sum(axis=(-2, -1))
    return np.where(total > 0.0, total, 0.0)


def normalized_mutual_information(
    tables: Num[np.ndarray, "*batch g k"],
) -> Float[np.ndarray, "*batch"]:
    """Return mutual information over the mean of both entropies; 1 where both are zero."""
    shares = _shares(tables)
    of_groups, of_labels = shares.sum(axis=-1), shares.sum(axis=-2)
    expected = xlogy(shares, of_groups[..., :, None]) + xlogy(shares, of_labels[..., None, :])
    information = (xlogy(shares, shares) - expected).sum(axis=(-2, -1))
    entropies = 0.5 * (entr(of_groups).sum(axis=-1) + entr(of_labels).sum(axis=-1))
    trivial = entropies == 0.0
    ratio = information / np.where(trivial, 1.0, entropies)
    return np.where(trivial, 1.0, np.clip(ratio, 0.0, 1.0))


def brier(
    shares: Float[np.ndarray, "n k"],
    groups: Int[np.ndarray, " n"],
    group_of_label: Int[np.ndarray, " k"],
) -> float:
    """Return the Brier score of soft labels, each of which predicts a group or none (-1).

    The mean over rows of the sum over groups of (probability - indicator)^2, where labels that
    predict none count together as one more group, in which no row is. A group that no label
    predicts has probability zero.
    """
    n_rows, k = shares.shape
    predictions = np.zeros((n_rows, k + 1))  # of the group of each label, and of none
    for label, group in enumerate(group_of_label):
        predictions[:, label if group >= 0 else k] += shares[:, label]
    hits = group_of_label == groups[:, None]
    predictions[:, :k] -= hits
    missed = 1.0 - hits.any(axis=1)
    return float(np.mean(np.square(predictions).sum(axis=1) + missed))


def _shares(tables: np.ndarray) -> np.ndarray:
    return tables / tables.sum(axis=(-2, -1), keepdims=True)


def _ordered_pairs(counts: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    """Return the number of ordered pairs of rows that are in one cell."""
    counts = counts.astype(float)
    return (counts * (counts - 1.0)).sum(axis=axes)


MOST_SEARCHED = 5_000
"""Rows that are searched at once; of more, a sample is."""

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
    """A loss between two partitions, for compiled code.

    Attributes
    ----------
    kind : str
        One of ``KINDS``.
    a : float
        Cost of splitting true clusters, between 0 and 2; that of joining different ones
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
        The group of every row; numbers from zero without gaps. In two bytes, as there are many.
    """

    labels: Int16[np.ndarray, "draws n"]

    @classmethod
    def of(cls, labels: Int[np.ndarray, "draws n"]) -> PartitionDraws:
        """Number the groups, counted from zero, that occur in each draw."""
        compact = np.empty(labels.shape, np.int16)
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
    def by_row(self) -> Int16[np.ndarray, "n draws"]:
        """The same, row by row."""
        return np.ascontiguousarray(self.labels.T)

    def subset(self, chosen: np.ndarray) -> PartitionDraws:
        """Return some of the draws."""
        return PartitionDraws(np.ascontiguousarray(self.labels[chosen]))

    def of_rows(self, chosen: Int[np.ndarray, " m"]) -> PartitionDraws:
        """Return the partitions of some of the rows."""
        return PartitionDraws.of(self.labels[:, chosen])

    def partition(self, draw: int) -> Int32[np.ndarray, " n"]:
        """Return one of the draws, as a candidate."""
        return self.labels[draw].astype(np.int32)

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
            expected[number] = self.losses(self.partition(chosen[number]), loss).mean()

        for_each(expected.size, evaluate)
        return expected


@dataclass(frozen=True, eq=False)
class Found:
    """The result of one run of the search.

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
    """Improve one partition; rows labeled -1 are allocated first.

    ``attempts`` clusters are dissolved and reallocated.
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


def rows_to_search(n_rows: int, seed: np.random.SeedSequence) -> Int[np.ndarray, " m"]:
    """Return the positions of the rows whose partition is searched: all, or a random sample."""
    if n_rows <= MOST_SEARCHED:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(seed).choice(n_rows, MOST_SEARCHED, replace=False))


def extended(
    draws: PartitionDraws,
    loss: LossFunction,
    rows: Int[np.ndarray, " m"],
    labels: Int[np.ndarray, " m"],
    *,
    most_clusters: int,
    seed: np.random.SeedSequence,
) -> Found:
    """Allocate all other rows to a partition of some; then move rows while the loss decreases."""
    start = np.full(draws.n_rows, -1, np.int32)
    start[rows] = labels
    return improve(draws, loss, start, most_clusters=most_clusters, seed=seed, attempts=0)


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


_MOST_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class Representatives:
    """Representative partitions of draws.

    Attributes
    ----------
    labels : integer array, shape (p, n)
    losses : array, shape (p, draws)
        The loss of every partition beside every draw.
    """

    labels: Int32[np.ndarray, "p n"]
    losses: Float[np.ndarray, "p draws"]

    @property
    def closest(self) -> Int[np.ndarray, " draws"]:
        """Index of the closest representative of every draw."""
        return self.losses.argmin(axis=0)

    @property
    def distance(self) -> float:
        """Mean distance of draws from their representatives."""
        return float(self.losses.min(axis=0).mean())

    def extended(
        self,
        draws: PartitionDraws,
        loss: LossFunction,
        rows: Int[np.ndarray, " m"],
        seed: np.random.SeedSequence,
    ) -> Representatives:
        """Allocate all other rows, to each partition for the draws that are closest to it."""
        labels = np.empty((len(self.labels), draws.n_rows), np.int32)
        for number, of_rows in enumerate(self.labels):
            own = np.flatnonzero(self.closest == number)
            labels[number] = extended(
                draws.subset(own) if own.size else draws, loss, rows, of_rows,
                most_clusters=draws.n_groups, seed=seed,
            ).labels  # fmt: skip
        return Representatives(labels, np.array([draws.losses(each, loss) for each in labels]))


def representatives(
    draws: PartitionDraws,
    loss: LossFunction,
    n_partitions: int,
    *,
    runs: int,
    seed: np.random.SeedSequence,
) -> Representatives:
    """Return the best of several runs, each from draws that are far apart."""
    found: list[Representatives | None] = [None] * runs
    seeds = seed.spawn(runs)

    def run(number: int) -> None:
        found[number] = _run(draws, loss, n_partitions, seeds[number])

    for_each(runs, run)
    return min((one for one in found if one is not None), key=lambda one: one.distance)


def _run(
    draws: PartitionDraws,
    loss: LossFunction,
    n_partitions: int,
    seed: np.random.SeedSequence,
) -> Representatives:
    current = _far_apart(draws, loss, n_partitions, np.random.default_rng(seed))
    for _ in range(_MOST_ROUNDS):
        better = _improved(draws, loss, current, seed)
        if better.distance >= current.distance:
            break
        current = better
    return current


def _far_apart(
    draws: PartitionDraws, loss: LossFunction, n_partitions: int, rng: np.random.Generator
) -> Representatives:
    """Pick draws one after another, each with probability proportional to its distance."""
    n_draws = draws.labels.shape[0]
    chosen = [int(rng.integers(n_draws))]
    losses = [draws.losses(draws.partition(chosen[0]), loss)]
    while len(chosen) < n_partitions:
        away = np.maximum(np.min(losses, axis=0), 0.0)
        total = away.sum()
        # All draws may be alike; a partition is then there twice, and one of the two has no draws.
        chosen.append(int(rng.choice(n_draws, p=away / total if total > 0 else None)))
        losses.append(draws.losses(draws.partition(chosen[-1]), loss))
    return Representatives(draws.labels[chosen].astype(np.int32), np.array(losses))


def _improved(
    draws: PartitionDraws,
    loss: LossFunction,
    current: Representatives,
    seed: np.random.SeedSequence,
) -> Representatives:
    """Return improved partitions for the draws that are closest to them."""
    labels, closest = current.labels.copy(), current.closest
    for number in range(len(labels)):
        own = np.flatnonzero(closest == number)
        if own.size:
            labels[number] = improve(
                draws.subset(own), loss, labels[number],
                most_clusters=draws.n_groups, seed=seed,
            ).labels  # fmt: skip
    return Representatives(labels, np.array([draws.losses(each, loss) for each in labels]))
