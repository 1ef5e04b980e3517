"""Draws of a covariance matrix from its full conditional, where that is inverse-Wishart."""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest
from scipy.special import digamma

from bayesgmm.numerics.kernels.covariance_moves import hamiltonian_covariance, slice_covariance
from bayesgmm.numerics.kernels.covariances import correlation_factor
from bayesgmm.numerics.mixture_prior import CovariancePrior

N_DRAWS = 1_500
LIMIT = 4.5  # standard errors; 2 x 21 averages at most: error rate 3e-4 for any stream of draws


def inverse_wishart_case(size: int, count: float) -> tuple[np.ndarray, CovariancePrior, float]:
    """A scatter, a prior under which the conditional is inverse-Wishart, and its freedom.

    Over scales and correlations the density of Sigma is that over Sigma times prod_i sigma_i^d.
    """
    rng = np.random.default_rng(size)
    root = rng.normal(size=(size, size)) + np.diag(np.linspace(1.0, 50.0, size))
    terms = np.zeros((size, 6))
    terms[:, 1] = size
    return count * root @ root.T, CovariancePrior.without_rows(terms), count - size - 1


@pytest.mark.parametrize("size", [2, 6])
@pytest.mark.parametrize("kind", ["hamiltonian", "sliced"])
def test_moments_are_those_of_the_inverse_wishart_distribution(kind, size):
    count, rng = 8.0 * size, np.random.default_rng(5)
    scatter, prior, freedom = inverse_wishart_case(size, count)
    log_scales, pairs = 0.5 * np.log(np.diagonal(scatter) / count), np.zeros(size * (size - 1) // 2)
    n_draws = N_DRAWS if kind == "hamiltonian" else N_DRAWS // 3
    matrices, accepted = np.empty((n_draws, size, size)), []
    for number in range(-50, n_draws):
        if kind == "hamiltonian":
            step_size = 1.5 * (0.5 * size * (size + 1)) ** -0.25
            accepted.append(
                hamiltonian_covariance(count, scatter, prior, step_size, rng, log_scales, pairs)
            )
        else:
            slice_covariance(count, scatter, prior, rng, log_scales, pairs)
        if number >= 0:
            root = np.exp(log_scales)[:, None] * correlation_factor(pairs, size)
            matrices[number] = root @ root.T
    # Inverse-Wishart matrices in units of their scale matrix have identity scale.
    whitened = np.linalg.solve(np.linalg.cholesky(scatter), matrices)
    whitened = np.linalg.solve(np.linalg.cholesky(scatter), np.swapaxes(whitened, 1, 2))
    expected = np.eye(size) / (freedom - size - 1)
    for i, j in zip(*np.tril_indices(size), strict=True):
        expect_mean(whitened[:, i, j], expected[i, j])
    log_determinants = np.linalg.slogdet(whitened)[1]
    halves = 0.5 * (freedom - np.arange(size))
    expect_mean(log_determinants, -size * np.log(2.0) - digamma(halves).sum())
    if kind == "hamiltonian":
        assert np.mean(accepted) > 0.6


def expect_mean(values: np.ndarray, expected: float) -> None:
    error = float(arviz_stats.mcse(values[None], method="mean"))
    assert abs(values.mean() - expected) < LIMIT * error


def test_a_singular_scatter_is_left_alone():
    _, prior, _ = inverse_wishart_case(3, 20.0)
    log_scales, pairs = np.zeros(3), np.zeros(3)
    moved = hamiltonian_covariance(
        20.0, np.ones((3, 3)), prior, 0.5, np.random.default_rng(0), log_scales, pairs
    )
    assert np.isnan(moved)
    assert not log_scales.any()
    assert not pairs.any()
