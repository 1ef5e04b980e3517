"""Losses against scikit-learn, and the search for the best partition against all partitions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, mutual_info_score, normalized_mutual_info_score

from bayesgmm.numerics.partitions import (
    LossFunction,
    PartitionDraws,
    best_partitions,
    by_size,
    extended,
    improve,
    random_starts,
    rows_to_search,
)

LOSSES = [
    LossFunction("variation of information"),
    LossFunction("variation of information", 0.5),
    LossFunction("variation of information", 1.6),
    LossFunction("Binder"),
    LossFunction("Binder", 0.4),
    LossFunction("Binder", 1.7),
    LossFunction("adjusted Rand"),
    LossFunction("normalized variation of information"),
]


def every_partition(n_rows: int) -> Iterator[np.ndarray]:
    """Go through all partitions, each once: a label is at most one more than those before it."""
    labels = [0] * n_rows
    while True:
        yield np.array(labels, np.int32)
        for place in range(n_rows - 1, 0, -1):
            if labels[place] <= max(labels[:place]):
                labels[place:] = [labels[place] + 1] + [0] * (n_rows - place - 1)
                break
        else:
            return


def noisy_draws(n_rows: int, n_draws: int, noise: float, *, seed: int) -> PartitionDraws:
    """Partition rows into three groups, and move some of them at random in every draw."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n_rows)
    moved = rng.random((n_draws, n_rows)) < noise
    return PartitionDraws.of(np.where(moved, rng.integers(4, size=moved.shape), truth))


def found(
    draws: PartitionDraws, loss: LossFunction, *, n_starts: int = 16, most: int | None = None
):
    limit = most or draws.n_rows
    starts = random_starts(n_starts, draws, limit, np.random.default_rng(0))
    results = best_partitions(
        draws, loss, starts, most_clusters=limit, seed=np.random.SeedSequence(0)
    )
    return min(results, key=lambda one: one.loss)


@pytest.mark.parametrize("n_rows", [1, 2, 20])
def test_losses_are_those_of_scikit_learn(n_rows):
    draws = noisy_draws(n_rows, 12, 0.4, seed=1)
    candidate = np.random.default_rng(2).integers(3, size=n_rows)
    candidate = by_size(candidate).astype(np.int32)
    for kind, a in (("variation of information", 0.7), ("adjusted Rand", 1.0), ("Binder", 1.3),
                    ("normalized variation of information", 1.0)):  # fmt: skip
        ours = draws.losses(candidate, LossFunction(kind, a))
        theirs = [expected_loss(draw, candidate, kind, a) for draw in draws.labels]
        np.testing.assert_allclose(ours, theirs, atol=1e-12)


def expected_loss(truth: np.ndarray, estimate: np.ndarray, kind: str, a: float) -> float:
    if kind == "adjusted Rand":
        return 1 - adjusted_rand_score(truth, estimate)
    if kind == "Binder":
        together, put = truth[:, None] == truth, estimate[:, None] == estimate
        return (a * (together & ~put) + (2 - a) * (~together & put)).mean()
    shared = mutual_info_score(truth, estimate)
    of_truth, of_estimate = mutual_info_score(truth, truth), mutual_info_score(estimate, estimate)
    if kind == "variation of information":
        return a * (of_estimate - shared) + (2 - a) * (of_truth - shared)
    joint = of_truth + of_estimate - shared
    return 1 - shared / joint if joint > 0 else 0.0


def test_every_partition_comes_once():
    """Bell numbers count them."""
    assert [len({tuple(p) for p in every_partition(n)}) for n in range(1, 8)] == [
        1, 2, 5, 15, 52, 203, 877,
    ]  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("n_rows", [1, 2, 5, 7])
def test_the_best_of_all_partitions_is_found(n_rows, loss):
    for seed in range(4):
        draws = noisy_draws(n_rows, 40, (0.2, 0.5, 0.9, 0.5)[seed], seed=seed)
        least = min(draws.losses(each, loss).mean() for each in every_partition(n_rows))
        best = found(draws, loss)
        assert best.loss == pytest.approx(least, abs=1e-10)
        labels = best.labels.astype(np.int32)
        assert draws.losses(labels, loss).mean() == pytest.approx(best.loss, abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_the_best_of_all_21147_partitions_of_nine_rows_is_found(loss):
    for seed in range(3):
        draws = noisy_draws(9, 60, 0.6, seed=10 + seed)
        least = min(draws.losses(each, loss).mean() for each in every_partition(9))
        assert found(draws, loss).loss == pytest.approx(least, abs=1e-10)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_with_a_limit_the_best_of_the_partitions_within_it(loss):
    draws = noisy_draws(7, 40, 0.7, seed=3)
    allowed = [each for each in every_partition(7) if each.max() < 2]
    least = min(draws.losses(each, loss).mean() for each in allowed)
    best = found(draws, loss, most=2)
    assert best.labels.max() < 2
    assert best.loss == pytest.approx(least, abs=1e-10)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_draw_is_improved_or_kept(loss):
    draws = noisy_draws(120, 50, 0.3, seed=5)
    expected = draws.expected_losses(loss, np.arange(50))
    start = draws.labels[expected.argmin()]
    better = improve(draws, loss, start, most_clusters=4, seed=np.random.SeedSequence(1))
    assert better.loss <= expected.min() + 1e-12


def test_tables_grow_where_many_clusters_are_best():
    """Rows that are never together: every one is a cluster of its own, 30 in all."""
    draws = PartitionDraws.of(np.tile(np.arange(30), (5, 1)))
    start = np.zeros(30, np.int32)
    best = improve(
        draws, LossFunction("Binder"), start, most_clusters=30, seed=np.random.SeedSequence(1)
    )
    assert best.loss == pytest.approx(0.0, abs=1e-12)
    assert best.labels.max() == 29


def test_names_of_groups_play_no_part():
    draws = noisy_draws(60, 30, 0.4, seed=6)
    rng = np.random.default_rng(7)
    renamed = PartitionDraws.of(np.stack([rng.permutation(4)[draw] for draw in draws.labels]))
    for loss in LOSSES:
        one, other = found(draws, loss, n_starts=4), found(renamed, loss, n_starts=4)
        assert one.loss == pytest.approx(other.loss, abs=1e-10)


def test_clusters_are_numbered_by_size():
    np.testing.assert_array_equal(by_size(np.array([7, 3, 3, 9, 7, 3])), [1, 0, 0, 2, 1, 0])


def test_normalized_information_is_that_of_scikit_learn():
    """1 - I / H(joint), from the arithmetic one 2 I / (H + H) by H(joint) = H + H - I."""
    draws = noisy_draws(50, 10, 0.5, seed=8)
    loss = LossFunction("normalized variation of information")
    values = draws.losses(draws.labels[0], loss)
    for value, draw in zip(values, draws.labels, strict=True):
        arithmetic = normalized_mutual_info_score(draws.labels[0], draw)
        assert value == pytest.approx(1 - arithmetic / (2 - arithmetic), abs=1e-12)


@pytest.mark.parametrize("loss", [LOSSES[0], LOSSES[3], LOSSES[6], LOSSES[7]])
def test_a_partition_of_some_rows_extends_to_that_of_all(loss):
    """Three clear groups, of which 60 of 600 rows are searched."""
    draws = noisy_draws(600, 40, 0.1, seed=5)
    rows = np.sort(np.random.default_rng(6).choice(600, 60, replace=False))
    of_all, of_some = found(draws, loss, most=4), found(draws.of_rows(rows), loss, most=4)
    whole = extended(
        draws, loss, rows, of_some.labels, most_clusters=4, seed=np.random.SeedSequence(0)
    )
    np.testing.assert_array_equal(whole.labels, of_all.labels)
    labels = whole.labels.astype(np.int32)
    assert whole.loss == pytest.approx(draws.losses(labels, loss).mean(), abs=1e-12)


def test_rows_to_search(monkeypatch):
    seed = np.random.SeedSequence(0)
    np.testing.assert_array_equal(rows_to_search(20, seed), np.arange(20))
    monkeypatch.setattr("bayesgmm.numerics.partitions.MOST_SEARCHED", 5)
    rows = rows_to_search(20, seed)
    assert rows.size == 5
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, rows_to_search(20, seed))
