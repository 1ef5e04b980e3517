"""A few partitions that stand for many draws, each for those that are closest to it.

The draws are replaced by n partitions with weights so that the distance between the two
distributions (Wasserstein, order 1) is small: every draw goes to its closest partition, and every
partition becomes that with the smallest expected loss over its draws, in turn, until neither
changes anything (Balocchi & Wade, 2025). The distance never rises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Int32

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.partition_search import LossFunction, PartitionDraws, improve

_MOST_ROUNDS = 30


@dataclass(frozen=True, eq=False)
class Representatives:
    """Partitions that stand for draws.

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
        """Which of them stands for every draw."""
        return self.losses.argmin(axis=0)

    @property
    def distance(self) -> float:
        """How far draws are, on average, from what stands for them."""
        return float(self.losses.min(axis=0).mean())


def representatives(
    draws: PartitionDraws,
    loss: LossFunction,
    n_partitions: int,
    *,
    runs: int,
    seed: np.random.SeedSequence,
) -> Representatives:
    """Return the best of several runs, each from draws that are far from one another."""
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
    losses = [draws.losses(draws.labels[chosen[0]], loss)]
    while len(chosen) < n_partitions:
        away = np.maximum(np.min(losses, axis=0), 0.0)
        total = away.sum()
        # All draws may be alike; a partition is then there twice, and one of the two has no draws.
        chosen.append(int(rng.choice(n_draws, p=away / total if total > 0 else None)))
        losses.append(draws.losses(draws.labels[chosen[-1]], loss))
    return Representatives(draws.labels[chosen], np.array(losses))


def _improved(
    draws: PartitionDraws,
    loss: LossFunction,
    current: Representatives,
    seed: np.random.SeedSequence,
) -> Representatives:
    """Return partitions that are better for the draws that they stand for."""
    labels, closest = current.labels.copy(), current.closest
    for number in range(len(labels)):
        own = np.flatnonzero(closest == number)
        if own.size:
            labels[number] = improve(
                draws.subset(own), loss, labels[number],
                most_clusters=draws.n_groups, seed=seed,
            ).labels  # fmt: skip
    return Representatives(labels, np.array([draws.losses(each, loss) for each in labels]))
