"""Components that nothing tells apart, and orders that keep to them."""

from __future__ import annotations

import numpy as np

from bayesgmm.numerics.exchangeability import (
    any_exchangeable,
    exchangeable_groups,
    ordered,
    with_forbidden_swaps,
)

NOTHING = np.empty((0, 0))


def test_components_are_alike_where_prior_and_labels_are():
    assert exchangeable_groups(np.ones((3, 1)), NOTHING).tolist() == [0, 0, 0]
    assert len(set(exchangeable_groups(np.array([[1.0], [2.0], [3.0]]), NOTHING))) == 3
    first, second, third = exchangeable_groups(
        np.array([[1.0, 0.5], [1.0, 0.4], [1.0, 0.5]]), NOTHING
    )
    assert first == third != second
    groups = exchangeable_groups(
        np.ones((4, 1)), np.log([[1.0, 0.5, 0.5, 0.5], [1.0, 1.0, 0.2, 0.2]])
    )
    assert groups[2] == groups[3]
    assert len(set(groups)) == 3
    assert any_exchangeable(groups)
    assert not any_exchangeable(groups[:3])


def test_keys_rise_within_groups_and_places_stay():
    groups, keys = np.array([0, 1, 0, 1]), np.array([[3.0, 9.0, 1.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    orders = ordered(keys, groups)
    assert orders.tolist() == [[2, 3, 0, 1], [0, 1, 2, 3]]
    assert np.array_equal(groups[orders], np.tile(groups, (2, 1)))


def test_no_permutation_across_groups_is_cheapest():
    from scipy.optimize import linear_sum_assignment

    costs = np.random.default_rng(0).random((50, 4, 4))
    groups = np.array([0, 1, 1, 0])
    for cost in with_forbidden_swaps(costs, groups):
        _, order = linear_sum_assignment(cost)
        assert np.array_equal(groups[order], groups)
