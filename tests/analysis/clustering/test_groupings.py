"""What many groupings say together, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.analysis.clustering.merge_components import Groupings, named_by_first

LABELS = np.array([[0, 0, 2], [0, 0, 2], [0, 1, 2], [0, 0, 0]])


def exchangeable_groups(labels: np.ndarray, weights=(0.5, 0.3, 0.2)) -> Groupings:
    return Groupings(labels, np.tile(weights, (labels.shape[0], 1)))


def test_groups_are_named_by_their_first_component():
    assert named_by_first(np.array([[2, 1, 2], [5, 5, 0]])).tolist() == [[0, 1, 0], [0, 0, 2]]


def test_probabilities_are_shares_of_the_draws():
    expected = [[1.0, 0.75, 0.25], [0.75, 1.0, 0.25], [0.25, 0.25, 1.0]]
    np.testing.assert_array_equal(exchangeable_groups(LABELS).probability, expected)


def test_the_grouping_of_most_draws_is_typical_where_they_agree_mostly():
    labels, probability = exchangeable_groups(LABELS).typical()
    assert labels.tolist() == [0, 0, 2]
    assert probability == 0.5


def test_light_components_do_not_decide_which_grouping_is_typical():
    """The most frequent grouping keeps the heavy components apart; most draws do not."""
    labels = np.array([[0, 1, 2, 3]] * 3 + [[0, 0, 2, 3]] * 2 + [[0, 0, 2, 2]] * 2)
    assert exchangeable_groups(labels, (0.49, 0.49, 0.01, 0.01)).typical()[0].tolist()[:2] == [0, 0]


def test_the_typical_grouping_has_the_least_expected_number_of_wrong_pairs():
    """Rows drawn from components by weight: pairs counted one by one, 200 random cases."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        labels = named_by_first(rng.integers(4, size=(12, 4)))
        counts = rng.integers(1, 9, size=4)
        rows = np.repeat(np.arange(4), counts)
        found, _ = exchangeable_groups(labels, counts / counts.sum()).typical()
        losses = [wrong_pairs(one[rows], labels[:, rows]) for one in labels]
        assert wrong_pairs(found[rows], labels[:, rows]) == min(losses)


def wrong_pairs(one: np.ndarray, many: np.ndarray) -> int:
    together = many[:, :, None] == many[:, None, :]
    return int((together != (one[:, None] == one)).sum())


@pytest.mark.parametrize(("n_rows", "expected"), [(1000, [0, 1, 0]), (50, [1, 0, 0])])
def test_clusters_without_a_row_do_not_count(n_rows, expected):
    groupings = exchangeable_groups(np.array([[0, 0, 2]]), (0.5, 0.49, 0.01))
    assert groupings.n_clusters_probability(n_rows).tolist() == expected
