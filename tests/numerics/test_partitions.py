"""Indices of agreement against scikit-learn and their own formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.metrics import (
    adjusted_rand_score,
    brier_score_loss,
    mutual_info_score,
    normalized_mutual_info_score,
)

from bayesgmm.numerics.partitions import (
    adjusted_rand,
    brier,
    contingency,
    normalized_mutual_information,
    variation_of_information,
)

SIZES = [(1, 1), (1, 3), (3, 1), (2, 2), (3, 4), (5, 2)]
INDICES = (adjusted_rand, variation_of_information, normalized_mutual_information)


def partitions(g: int, k: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Two that are related: where one sees an even row, the other often does."""
    rng = np.random.default_rng(10 * g + k)
    groups = rng.integers(g, size=n)
    return groups, np.where(rng.random(n) < 0.6, groups % k, rng.integers(k, size=n))


@pytest.mark.parametrize(("g", "k"), SIZES)
def test_indices_are_those_of_scikit_learn(g, k):
    groups, labels = partitions(g, k)
    table = contingency(groups, labels, g, k)
    assert table.sum() == 60
    np.testing.assert_allclose(
        adjusted_rand(table), adjusted_rand_score(groups, labels), atol=1e-12
    )
    np.testing.assert_allclose(
        normalized_mutual_information(table),
        normalized_mutual_info_score(groups, labels),
        atol=1e-12,
    )


@pytest.mark.parametrize(("g", "k"), SIZES)
def test_variation_of_information_is_two_entropies_less_twice_the_information(g, k):
    groups, labels = partitions(g, k)
    expected = entropy(np.bincount(groups)) + entropy(np.bincount(labels))
    expected -= 2 * mutual_info_score(groups, labels)
    found = variation_of_information(contingency(groups, labels, g, k))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_equal_partitions_agree_perfectly_whatever_their_names():
    groups, _ = partitions(4, 2)
    table = contingency(groups, np.array([2, 0, 3, 1])[groups], 4, 4)
    assert adjusted_rand(table) == 1.0
    np.testing.assert_allclose(normalized_mutual_information(table), 1.0, rtol=1e-14)
    np.testing.assert_allclose(variation_of_information(table), 0.0, atol=1e-14)


def test_singletons_against_one_group():
    """The farthest apart that two partitions can be: log n."""
    table = np.ones((50, 1), dtype=int)
    np.testing.assert_allclose(variation_of_information(table), np.log(50), rtol=1e-14)
    assert adjusted_rand(table) == normalized_mutual_information(table) == 0.0


def test_unrelated_partitions_have_no_adjusted_index_on_average():
    """Mean of 2000 pairs within four standard errors of zero; fails once in 15 000 seeds."""
    rng = np.random.default_rng(0)
    tables = np.array([contingency(*rng.integers(3, size=(2, 40)), 3, 3) for _ in range(2000)])
    values = adjusted_rand(tables)
    assert abs(values.mean()) < 4 * values.std() / np.sqrt(values.size)


@pytest.mark.parametrize("index", INDICES)
def test_batch_axes(index):
    rng = np.random.default_rng(1)
    tables = rng.integers(0, 9, size=(2, 3, 4, 3))
    np.testing.assert_array_equal(
        index(tables), [[index(table) for table in line] for line in tables]
    )


@pytest.mark.parametrize("index", INDICES)
def test_names_of_groups_do_not_matter(index):
    table = np.random.default_rng(2).integers(0, 9, size=(4, 3))
    np.testing.assert_allclose(index(table[[3, 1, 0, 2]][:, [2, 0, 1]]), index(table), rtol=1e-13)
    np.testing.assert_allclose(index(table.T), index(table), rtol=1e-13)


@pytest.mark.parametrize("matched", [(0, 1, 2), (2, 0, 1), (1, -1, 0), (-1, 2, -1)])
def test_brier_score_is_that_of_scikit_learn(matched):
    rng = np.random.default_rng(3)
    shares, groups = rng.dirichlet([0.5, 1.0, 0.7], size=80), rng.integers(3, size=80)
    predicted = np.zeros((80, 4))
    for label, group in enumerate(matched):
        predicted[:, group] += shares[:, label]  # the last column is that of none
    expected = brier_score_loss(groups, predicted, labels=[0, 1, 2, 3], scale_by_half=False)
    np.testing.assert_allclose(brier(shares, groups, np.array(matched)), expected, rtol=1e-12)


def test_brier_score_at_its_best_and_worst():
    sure = np.eye(2)[[0, 1, 1]]
    assert brier(sure, np.array([0, 1, 1]), np.array([0, 1])) == 0.0
    assert brier(sure, np.array([1, 0, 0]), np.array([0, 1])) == 2.0
