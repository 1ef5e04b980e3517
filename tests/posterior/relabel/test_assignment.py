"""The assignment of least cost, and of second least, against all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from bayesgmm.posterior.relabel.assignment import assign, margins


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_best_and_second_best_of_all_permutations(size):
    costs = np.random.default_rng(size).exponential(size=(40, size, size))
    found = assign(costs)
    every = np.array(list(permutations(range(size))))
    totals = costs[:, np.arange(size), every].sum(axis=-1)
    best, second = np.sort(totals, axis=1)[:, :2].T
    np.testing.assert_array_equal(found.orders, every[totals.argmin(axis=1)])
    np.testing.assert_allclose(found.costs, best, rtol=1e-12)
    np.testing.assert_allclose(found.margins, 1 - best / second, rtol=1e-9)


def test_one_component_has_no_choice():
    found = assign(np.full((3, 1, 1), 0.2))
    np.testing.assert_array_equal(found.orders, np.zeros((3, 1)))
    np.testing.assert_array_equal(found.margins, 1.0)


def test_margins_of_perfect_and_of_equal_choices():
    best, second = np.array([0.0, 0.0, 2.0]), np.array([1.0, 0.0, 2.0])
    np.testing.assert_array_equal(margins(best, second), [1.0, 0.0, 0.0])
