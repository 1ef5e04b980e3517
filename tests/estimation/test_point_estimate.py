"""The result of an estimation, as values and in words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status, distance
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
    starts = Starts(np.array([-10.0, -10.05, -10.2, -np.inf]), np.array([0.0, 0.1, 0.2, np.inf]))
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
    assert (
        str(starts) == "2 of 4 starts reached this optimum, the next best is 0.2 lower, 1 collapsed"
    )
    assert str(Starts(np.array([-3.0]), np.zeros(1))) == "1 of 1 starts reached this optimum"


def test_files_store_short_names():
    assert [status.value for status in Status] == [
        "converged",
        "iteration_limit",
        "collapsed",
        "draw",
    ]
    assert all(Status(status.value) is status and status.in_words for status in Status)


@pytest.mark.parametrize("status", Status)
def test_the_status_is_said_in_words(status):
    estimate = estimate_of(status)
    assert estimate.converged == (status is Status.CONVERGED)
    assert status.in_words in str(estimate)
    assert "objective -10.000" in str(estimate)


def test_a_look_at_an_estimate_shows_its_components():
    first, heading, *components = repr(estimate_of()).splitlines()
    assert first == str(estimate_of())
    assert heading.split()[:2] == ["component", "weight"]
    assert components == [
        "        0   0.700  0.0 ± 1.0, 1.0 ± 2.0",
        "        1   0.300  2.0 ± 3.0, 3.0 ± 4.0",
    ]


def test_a_look_at_a_large_estimate_stays_short():
    k, d = 30, 10
    parameters = MixtureParameters(np.full(k, 1 / k), np.zeros((k, d)), np.ones((k, d)))
    shown = repr(dataclasses.replace(estimate_of(), parameters=parameters)).splitlines()
    assert len(shown) == 15
    assert shown[-1] == "and 18 more"
    assert shown[2].endswith("0.0 ± 1.0 and 4 more")


def test_a_change_of_units_shifts_densities_and_nothing_else():
    estimate = estimate_of()
    parameters = dataclasses.replace(estimate.parameters, means=estimate.means * 2)
    there = estimate.moved(lambda _: parameters, density=3.0, objective=5.0)
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


def test_distance_does_not_see_labels_but_everything_else():
    one = estimate_of().parameters
    assert distance(one, one.reordered(np.array([1, 0]))) == 0.0
    # One mean moved by two of its standard deviations in one of two features.
    moved = dataclasses.replace(one, means=one.means + np.array([[2.0, 0.0], [0.0, 0.0]]))
    assert distance(one, moved) == pytest.approx(np.sqrt(2.0))
    wider = dataclasses.replace(one, scales=one.scales * np.e)
    assert distance(one, wider) == pytest.approx(1.0)


def test_components_that_are_told_apart_do_not_change_places():
    one = estimate_of().parameters
    other = one.reordered(np.array([1, 0]))
    assert distance(one, other, np.array([0, 0])) == 0.0
    # The means lie two standard deviations apart in both features, of the first component.
    assert distance(one, other, np.array([0, 1])) == pytest.approx(np.sqrt((2**2 + 1**2) / 2))


def test_equal_heights_at_different_places_are_rivals():
    starts = Starts(np.array([-10.0, -10.0, -10.0, -np.inf]), np.array([0.0, 0.1, 3.0, np.inf]))
    assert starts.agreeing == 2
    assert starts.alternative == 2
    assert starts.mode_gap == 0.0
    alone = Starts(np.array([-10.0, -10.05]), np.array([0.0, 0.2]))
    assert alone.alternative is None
    assert alone.mode_gap == np.inf
