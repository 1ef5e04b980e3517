"""The sequence of merges against enumeration and against the R package mclust 6.0.0."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.special import xlogy

from bayesgmm.analysis.clustering.merge_by_entropy import elbow, hierarchy


def at_random(seed: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.3), size=n)


def by_enumeration(table: np.ndarray) -> tuple[list[set[frozenset[int]]], list[float], list[float]]:
    """Try all pairs at every level, and recompute everything from the rows."""
    clusters = [frozenset({component}) for component in range(table.shape[1])]
    levels, entropies, rows = [set(clusters)], [entropy(table, clusters)], [0.0]
    while len(clusters) > 1:
        options = []
        for a, b in combinations(clusters, 2):
            left = [each for each in clusters if each not in (a, b)] + [a | b]
            options.append((entropy(table, left), left, table[:, list(a | b)].sum()))
        best = min(options, key=lambda option: option[0])
        clusters = best[1]
        levels.append(set(clusters))
        entropies.append(best[0])
        rows.append(rows[-1] + best[2])
    return levels, entropies, rows


def entropy(table: np.ndarray, clusters: list[frozenset[int]]) -> float:
    merged = np.stack([table[:, list(cluster)].sum(axis=1) for cluster in clusters])
    return float(-xlogy(merged, merged).sum())


def as_sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == name).tolist()) for name in labels}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_every_merge_is_the_best_of_all_pairs(seed, k):
    table = at_random(seed, 200, k)
    found = hierarchy(table)
    levels, entropies, rows = by_enumeration(table)
    assert [as_sets(labels) for labels in found.labels] == levels
    np.testing.assert_allclose(found.entropy, entropies, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.merged_rows, rows)


def test_clusters_are_named_by_their_first_component_and_pairs_say_what_merges():
    found = hierarchy(at_random(1, 100, 6))
    for level, (a, b) in enumerate(found.merged):
        before, after = found.labels[level], found.labels[level + 1]
        np.testing.assert_array_equal(after, np.where(before == b, a, before))
        assert a < b
    for labels in found.labels:
        assert all((labels == name).argmax() == name for name in labels)


def test_the_order_of_components_does_not_matter():
    table = at_random(2, 300, 6)
    order = np.random.default_rng(2).permutation(6)
    straight, permuted = hierarchy(table), hierarchy(table[:, order])
    np.testing.assert_allclose(straight.entropy, permuted.entropy)
    for labels, others in zip(straight.labels, permuted.labels, strict=True):
        together = labels[order][:, None] == labels[order]
        np.testing.assert_array_equal(others[:, None] == others, together)


def test_an_empty_component_does_not_keep_others_apart():
    """Merging lowers no entropy where rows are sure; the smallest clusters go first then."""
    table = np.zeros((100, 4))
    table[:60, 1], table[60:, 3] = 1.0, 1.0
    labels = hierarchy(table).cut(2)
    assert labels[1] != labels[3]


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_the_elbow_of_two_straight_lines_is_where_they_meet(at):
    x = np.cumsum([0.0, 3.0, 1.0, 4.0, 2.0, 5.0])
    y = np.where(x < x[at], 10 - 2 * (x - x[at]), 10 - 0.1 * (x - x[at]))
    assert elbow(x, y) == at


def test_the_cut_is_at_the_elbow_unless_a_number_is_asked_for():
    found = hierarchy(at_random(3, 300, 6))
    at = elbow(found.merged_rows, found.entropy)
    np.testing.assert_array_equal(found.cut(None), found.labels[at])
    for number in range(1, 7):
        assert np.unique(found.cut(number)).size == number
