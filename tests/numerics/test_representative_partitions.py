"""Several partitions for draws of which one does no justice."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.numerics.partitions import (
    LossFunction,
    PartitionDraws,
    best_partitions,
    random_starts,
    representatives,
)

LOSS = LossFunction("variation of information")


def two_ways(n_draws: int, *, seed: int) -> tuple[PartitionDraws, np.ndarray]:
    """Seven in ten draws split rows by their first half, the others by their parity."""
    rng = np.random.default_rng(seed)
    ways = np.stack([np.arange(40) < 20, np.arange(40) % 2]).astype(int)
    which = (np.arange(n_draws) >= 0.7 * n_draws).astype(int)
    noise = rng.random((n_draws, 40)) < 0.05
    return PartitionDraws.of(np.where(noise, 1 - ways[which], ways[which])), ways


def test_both_ways_are_found_with_their_mass():
    draws, ways = two_ways(200, seed=0)
    found = representatives(draws, LOSS, 2, runs=4, seed=np.random.SeedSequence(0))
    mass = np.bincount(found.closest) / 200
    heavier = int(mass.argmax())
    np.testing.assert_allclose(np.sort(mass), [0.3, 0.7])
    for place, way in ((heavier, ways[0]), (1 - heavier, ways[1])):
        assert len({*zip(found.labels[place], way, strict=True)}) == 2


def test_one_representative_is_the_best_partition():
    draws, _ = two_ways(100, seed=1)
    starts = random_starts(8, draws, 2, np.random.default_rng(0))
    best = best_partitions(draws, LOSS, starts, most_clusters=2, seed=np.random.SeedSequence(0))
    found = representatives(draws, LOSS, 1, runs=4, seed=np.random.SeedSequence(0))
    assert found.distance == pytest.approx(min(one.loss for one in best), abs=1e-10)


def test_more_representatives_are_closer():
    draws, _ = two_ways(100, seed=2)
    distances = [
        representatives(draws, LOSS, n, runs=4, seed=np.random.SeedSequence(0)).distance
        for n in (1, 2, 3)
    ]
    assert distances[0] > distances[1] > distances[2]


def test_draws_that_are_all_alike():
    draws = PartitionDraws.of(np.tile([0, 0, 1, 1, 2], (10, 1)))
    found = representatives(draws, LOSS, 3, runs=2, seed=np.random.SeedSequence(0))
    assert found.distance == 0.0


def test_representatives_of_some_rows_extend_to_those_of_all():
    draws, _ = two_ways(200, seed=0)
    rows = np.sort(np.random.default_rng(1).choice(40, 16, replace=False))
    seed = np.random.SeedSequence(0)
    of_all = representatives(draws, LOSS, 2, runs=4, seed=seed)
    of_some = representatives(draws.of_rows(rows), LOSS, 2, runs=4, seed=seed)
    whole = of_some.extended(draws, LOSS, rows, seed)
    for one in of_all.labels:
        same = [len({*zip(one, other, strict=True)}) == 2 for other in whole.labels]
        assert sum(same) == 1
    assert whole.distance == pytest.approx(of_all.distance, abs=1e-10)
