"""Distances between samples, against closed forms and what chance makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bayesgmm.analysis.generation.similarity import (
    by_chance,
    classifier_area,
    correlation_difference,
    nearest,
    nearest_of_others,
    wasserstein,
)


def test_a_shift_is_its_own_wasserstein_distance():
    rows = np.random.default_rng(0).normal(size=(500, 3))
    np.testing.assert_allclose(wasserstein(rows, rows + [0.0, 1.5, -2.0]), [0.0, 1.5, 2.0])


def test_correlations():
    rows = np.random.default_rng(1).normal(size=(300, 3))
    other = rows @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    expected = np.corrcoef(other.T) - np.corrcoef(rows.T)
    np.testing.assert_allclose(correlation_difference(rows, other), expected, atol=1e-12)
    other[:, 0] = 3.0
    assert np.isfinite(correlation_difference(rows, other)).all()


def test_nearest_rows_by_brute_force():
    rng = np.random.default_rng(2)
    one, other = rng.normal(size=(40, 3)), rng.normal(size=(25, 3))
    distances = np.linalg.norm(other[:, None] - one[None], axis=2)
    np.testing.assert_allclose(nearest(other, one), distances.min(axis=1))
    own = np.linalg.norm(one[:, None] - one[None], axis=2) + 1e9 * np.eye(40)
    np.testing.assert_allclose(nearest_of_others(one), own.min(axis=1))


def test_limits_by_chance_are_exceeded_in_one_case_of_20():
    """Of 200 pairs of equally distributed samples; 10 are expected, and 0 to 24 come with
    probability 1 - 6e-5 if the rate is right."""
    rng, exceeded = np.random.default_rng(3), 0
    for _ in range(200):
        one, other = rng.normal(size=(60, 1)), rng.normal(size=(40, 1))
        limits, _ = by_chance(one, other, 100, rng)
        exceeded += int(wasserstein(one, other)[0] > limits[0])
    assert exceeded <= 24


def test_a_classifier_cannot_tell_equal_samples_apart():
    """200 areas: their mean within 4.5 standard errors of one half, and their variance at most
    that which is stated, within 4.5 standard errors of a variance."""
    rng = np.random.default_rng(4)
    scores = []
    for seed in range(200):
        one, other = rng.normal(size=(150, 3)), rng.normal(size=(90, 3))
        area, error = classifier_area(one, other, seed)
        scores.append((area - 0.5) / error)
    assert abs(np.mean(scores)) < 4.5 / np.sqrt(200)
    assert np.var(scores) < 1 + 4.5 * np.sqrt(2 / 200)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_a_classifier_comes_near_the_best_there_is(shift):
    """Phi(shift / sqrt(2)) is the largest area for two normal samples that far apart."""
    rng = np.random.default_rng(5)
    one, other = rng.normal(size=(2000, 2)), rng.normal(size=(2000, 2))
    area, error = classifier_area(one, other + [shift, 0.0], 1)
    best = norm.cdf(shift / np.sqrt(2))
    assert best - 0.03 < area < best + 4.5 * error
