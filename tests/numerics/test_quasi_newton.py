"""Quasi-Newton steps on functions whose highest points are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bayesgmm.numerics.quasi_newton import highest_point

CENTER, UNITS = np.array([1.0, -200.0, 0.03]), np.array([1.0, 100.0, 0.01])


def hill(position):
    """A function with one mode, which is not quadratic, in three very different units."""
    steps = (position - CENTER) / UNITS
    mixed = steps + 0.5 * steps[::-1]
    slope = -np.tanh(mixed)
    return -np.log(np.cosh(mixed)).sum(), (slope + 0.5 * slope[::-1]) / UNITS


def test_the_mode_is_found_in_its_units():
    position, n_calls = highest_point(hill, np.zeros(3), UNITS)
    np.testing.assert_allclose((position - CENTER) / UNITS, 0.0, atol=1e-4)
    assert 3 < n_calls < 100


def test_calls_are_counted_and_limited():
    calls = []

    def counted(position):
        calls.append(position)
        return hill(position)

    _, n_calls = highest_point(counted, np.zeros(3), UNITS, max_steps=2)
    assert n_calls == len(calls)
    assert n_calls < highest_point(hill, np.zeros(3), UNITS)[1]


def test_steps_stay_above_their_bounds():
    lowest = np.array([-np.inf, -1.0, -np.inf])  # in units: the mode is two below
    position, _ = highest_point(hill, np.zeros(3), UNITS, lowest=lowest)
    assert position[1] == -100.0
    slope = hill(position)[1] * UNITS
    np.testing.assert_allclose(slope[[0, 2]], 0.0, atol=1e-4)


@pytest.mark.parametrize("nothing", [-math.inf, math.nan])
@pytest.mark.parametrize("start", [-1.0, 2.9])
def test_a_function_that_is_no_number_somewhere_is_never_left_lower_there(nothing, start):
    def log_density(position):
        (x,) = position
        return (10.0 * x - math.exp(x) if x < 3.0 else nothing), np.array([10.0 - math.exp(x)])

    position, _ = highest_point(log_density, np.array([start]), np.array([4.0]))
    assert log_density(position)[0] >= log_density([start])[0]


def test_steps_end_when_the_caller_says_so():
    values = []

    def after_two(value):
        values.append(value)
        return len(values) == 2

    position, _ = highest_point(hill, np.zeros(3), UNITS, finished=after_two)
    assert len(values) == 2
    assert values[1] == hill(position)[0] > values[0]
