"""Importance sampling of densities whose moments are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_t

from bayesgmm.engines.importance import StudentT, WeightedDraws, importance_sample
from bayesgmm.engines.normal import NormalApproximation

ROOT = np.array([[2.0, 0.5], [0.0, 0.3]])
NORMAL = NormalApproximation(np.array([1.0, -2.0]), ROOT)


def test_the_density_of_proposals_is_that_of_scipy():
    proposal = StudentT(NORMAL, 7.0)
    positions = proposal.draw(50, np.random.default_rng(0))
    expected = multivariate_t(NORMAL.center, ROOT @ ROOT.T, df=7.0).logpdf(positions)
    np.testing.assert_allclose(proposal.log_density(positions), expected, rtol=1e-12)


def test_resampling_repeats_draws_in_proportion_to_their_weights():
    """Each n w times, rounded up or down."""
    log_weights = np.log([0.5, 0.25, 0.125, 0.125])
    draws = WeightedDraws(np.zeros((4, 1)), log_weights, np.zeros(4))
    np.testing.assert_allclose(draws.weights, np.exp(log_weights))
    assert draws.effective == 1 / (0.25 + 0.0625 + 2 * 0.015625)
    chosen = draws.resampled(9, np.random.default_rng(3))
    counts = np.bincount(chosen, minlength=4)
    assert counts.sum() == 9
    assert np.all(np.abs(counts - 9 * np.exp(log_weights)) < 1)


def test_rounds_move_a_proposal_that_is_off():
    """To a normal distribution two deviations away in each direction and 0.6 as wide."""

    def log_density(position):
        noise = (position - [5.0, -1.0]) / 0.6
        return -0.5 * float(noise @ noise), -noise / 0.6

    off = NormalApproximation(np.array([3.0, 1.0]), np.eye(2))
    sample = importance_sample(log_density, off, 2000, np.random.default_rng(4))
    assert sample.pareto_k < 0.5
    assert sample.effective > 1000
    assert len(sample.positions) > 2000
    mean = sample.weights @ sample.positions
    # Errors are 0.6 / sqrt(1000) at most: five of them.
    np.testing.assert_allclose(mean, [5.0, -1.0], atol=0.1)
    variance = sample.weights @ (sample.positions - mean) ** 2
    np.testing.assert_allclose(variance, 0.36, atol=0.1)


def test_an_interrupt_keeps_the_rounds_that_are_finished():
    calls = 0

    def log_density(position):
        nonlocal calls
        calls += 1
        if calls == 150:
            raise KeyboardInterrupt
        noise = (position - NORMAL.center) / 1.5
        return -0.5 * float(noise @ noise), -noise

    sample = importance_sample(log_density, NORMAL, 100, np.random.default_rng(0))
    assert sample.partial
    assert sample.positions.shape == (100, 2)
    calls = 100
    with pytest.raises(KeyboardInterrupt):
        importance_sample(log_density, NORMAL, 100, np.random.default_rng(0))
