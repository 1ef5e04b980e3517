"""The test of uniform ranks against enumeration of every outcome, and its power."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bayesgmm.analysis.calibration.value import uniformity_p_value


@pytest.mark.parametrize(("n_replications", "n_draws"), [(1, 3), (3, 2), (4, 3), (5, 2), (2, 9)])
def test_the_p_value_is_the_probability_of_one_as_small(n_replications, n_draws):
    outcomes = itertools.product(range(n_draws + 1), repeat=n_replications)
    p_values = np.array([uniformity_p_value(np.array(ranks), n_draws) for ranks in outcomes])
    for p_value in np.unique(p_values.round(9)):
        assert np.mean(p_values < p_value + 1e-8) == pytest.approx(p_value, abs=1e-8)


def test_uniform_ranks_give_uniform_p_values():
    """150 of them: the share below a tenth has a standard error of 0.025; error rate 0.01 %."""
    rng = np.random.default_rng(3)
    p_values = [uniformity_p_value(rng.integers(0, 50, 40), 49) for _ in range(150)]
    assert abs(np.mean(np.array(p_values) < 0.1) - 0.1) < 4 * 0.025


@pytest.mark.parametrize("power", [0.8, 1.25])
def test_skewed_ranks_are_found(power):
    pit = np.linspace(0, 1, 1000, endpoint=False) ** power
    assert uniformity_p_value((100 * pit).astype(int), 99) < 1e-5


def test_ranks_that_are_all_the_same():
    p_value = uniformity_p_value(np.zeros(50, dtype=int), 99)
    assert p_value < 1e-80
