"""The inverse-Wishart prior as prior rows, on the coordinates of the kernels, against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm.numerics.distributions import inverse_wishart_log_normalizer
from bayesgmm.numerics.kernels.covariances import expected_log_posterior
from tests.estimation.problems import numeric_gradient

SIZES = range(1, 7)


def scale_matrix(size: int, seed: int = 0) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(size, size + 2))
    return root @ root.T


@pytest.mark.parametrize("size", SIZES)
def test_the_normalizer_is_that_of_scipy(size):
    freedom, scale = size + 0.3, scale_matrix(size)
    matrix = scale_matrix(size, seed=1)
    log_determinant = np.linalg.slogdet(matrix)[1]
    trace = np.trace(np.linalg.solve(matrix, scale))
    ours = inverse_wishart_log_normalizer(freedom, scale)
    ours -= 0.5 * ((freedom + size + 1) * log_determinant + trace)
    assert ours == pytest.approx(stats.invwishart(freedom, scale).logpdf(matrix), rel=1e-12)


@pytest.mark.parametrize("freedom_above", [-0.7, 0.0, 2.0, 30.0])
@pytest.mark.parametrize("size", SIZES)
def test_prior_rows_have_the_density_of_scipy(size, freedom_above):
    """Of standard deviations and correlations: times 2^d and the product of all sigma_i^d."""
    freedom, scale = size + freedom_above, scale_matrix(size)
    prior = bg.InverseWishart(freedom, scale).prior(size)
    rng = np.random.default_rng(size)
    u, y = rng.normal(0, 0.6, size), rng.normal(0, 0.6, size * (size - 1) // 2)

    def ours(position: np.ndarray) -> tuple:
        return expected_log_posterior(position, prior.count, prior.scatter, prior)

    factor = np.eye(size)
    factor[np.tril_indices(size, -1)] = y
    factor *= (np.exp(u) / np.linalg.norm(factor, axis=1))[:, None]
    theirs = stats.invwishart(freedom, scale).logpdf(factor @ factor.T)
    theirs += size * (math.log(2) + u.sum())
    position = np.concatenate([u, y])
    value, gradient = ours(position)
    assert value == pytest.approx(theirs, rel=1e-10, abs=1e-10)
    differences = numeric_gradient(lambda vector: ours(vector)[0], position)
    np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-6 * abs(differences).max())


def test_only_the_density_over_the_matrix_is_bounded():
    """Why the mode is sought over the matrix: along t 1 1' + I the other grows with t, from d = 4.

    It is the density of the matrix, which falls, times the product of all sigma_i^d.
    """
    size = 4
    prior = stats.invwishart(size + 2, np.eye(size))
    matrices = [t * np.ones((size, size)) + np.eye(size) for t in (1e2, 1e4, 1e6)]
    of_matrix = np.array([prior.logpdf(matrix) for matrix in matrices])
    of_scales = [size * 0.5 * np.log(np.diagonal(matrix)).sum() for matrix in matrices]
    assert np.all(np.diff(of_matrix) < 0)
    assert np.all(np.diff(of_matrix + of_scales) > 0)


def test_one_feature_is_an_inverse_gamma_variance():
    prior = bg.InverseWishart(5.0, 3.0).prior(1)
    log_scale = 0.4
    position = np.array([log_scale])
    value = expected_log_posterior(position, prior.count, prior.scatter, prior)[0]
    variance = np.exp(2 * log_scale)
    expected = stats.invgamma(2.5, scale=1.5).logpdf(variance) + math.log(2) + log_scale
    assert value == pytest.approx(expected, rel=1e-12)
