"""The result of an estimation, as values and in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status
from bayesgmm.parameters import MixtureParameters


def estimate_of(status: Status = Status.CONVERGED) -> PointEstimate:
    correlations = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
    parameters = MixtureParameters(
        np.array([0.7, 0.3]),
        np.array([[0.0, 1.0], [2.0, 3.0]]),
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        correlations,
    )
    trace = np.array([-20.0, -12.0, -10.0])
    starts = Starts(np.array([-10.0, -10.05, -10.2, -np.inf]))
    return PointEstimate(parameters, -9.0, -10.0, trace, status, starts)


def test_parameters_are_at_hand():
    estimate = estimate_of()
    assert np.array_equal(estimate.weights, [0.7, 0.3])
    assert np.array_equal(estimate.means, [[0.0, 1.0], [2.0, 3.0]])
    assert_allclose(estimate.covariances, [[[1, 1], [1, 4]], [[9, 0], [0, 16]]])
    assert estimate.n_iterations == 2


def test_starts_within_a_tenth_count_as_the_same_optimum():
    starts = estimate_of().starts
    assert starts.agreeing == 2
    assert str(starts) == "2 of 4 starts reached this optimum, 1 collapsed"
    assert str(Starts(np.array([-3.0]))) == "1 of 1 starts reached this optimum"


@pytest.mark.parametrize("status", Status)
def test_the_status_is_said_in_words(status):
    estimate = estimate_of(status)
    assert estimate.converged == (status is Status.CONVERGED)
    assert status.text in str(estimate)
    assert "objective -10.000" in str(estimate)


def test_a_change_of_units_shifts_densities_and_nothing_else():
    estimate = estimate_of()
    parameters = dataclasses.replace(estimate.parameters, means=estimate.means * 2)
    there = estimate.shifted(parameters, density=3.0, objective=5.0)
    assert there.log_likelihood == -6.0
    assert there.objective == -5.0
    assert np.array_equal(there.trace, estimate.trace + 5.0)
    assert np.array_equal(there.starts.objectives, estimate.starts.objectives + 5.0)
    assert there.starts.agreeing == estimate.starts.agreeing
    assert np.array_equal(there.means, estimate.means * 2)
    assert estimate.log_likelihood == -9.0


def test_an_estimate_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        estimate_of().objective = 0.0


def test_the_names_are_public():
    assert bg.PointEstimate is PointEstimate
    assert bg.Status is Status
