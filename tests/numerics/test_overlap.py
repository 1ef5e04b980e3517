"""Overlap of components, against closed forms, integration, simulation and MixSim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm
from sklearn.datasets import load_iris

from bayesgmm.numerics.overlap import misclassification, pairwise_overlap
from bayesgmm.parameters import MixtureParameters


def at_random(rng: np.random.Generator, k: int, d: int, *batch: int) -> MixtureParameters:
    factors = rng.normal(size=(*batch, k, d, d + 1))
    return MixtureParameters.from_covariances(
        rng.dirichlet(np.full(k, 2.0), size=batch or None),
        rng.normal(size=(*batch, k, d)) * 1.5,
        factors @ np.swapaxes(factors, -1, -2) / d,
    )


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("distance", [0.0, 1e-9, 0.3, 2.0, 9.0])
def test_equal_covariances_and_weights(d, distance):
    """2 Phi(-distance / 2), distance being that of Mahalanobis."""
    mixture = at_random(np.random.default_rng(d), 2, d)
    scales = np.repeat(mixture.scales[:1], 2, axis=0)
    correlations = np.repeat(mixture.correlations[:1], 2, axis=0)
    root = scales[0][:, None] * np.linalg.cholesky(correlations[0])
    means = np.stack([np.full(d, 3.0), 3.0 + distance * root[:, -1]])
    tied = MixtureParameters(np.full(2, 0.5), means, scales, correlations)
    np.testing.assert_allclose(pairwise_overlap(tied)[0, 1], 2 * norm.cdf(-distance / 2), rtol=1e-6)


def test_equal_covariances_and_unequal_weights():
    """A row of i is taken for j where t = log(pi_i / pi_j) is below delta z - delta^2 / 2."""
    weights, delta = np.array([0.8, 0.2]), 1.7
    mixture = MixtureParameters(weights, np.array([[0.0], [delta]]), np.ones((2, 1)))
    odds = np.log(4.0)
    expected = [norm.cdf(-delta / 2 - odds / delta), norm.cdf(-delta / 2 + odds / delta)]
    found = misclassification(mixture)
    np.testing.assert_allclose([found[0, 1], found[1, 0]], expected, rtol=1e-10)


def test_one_feature_by_integration():
    rng = np.random.default_rng(4)
    for _ in range(6):
        mixture = at_random(rng, 2, 1)
        densities = [
            weight * norm(mean[0], scale[0]).pdf(grid)
            for weight, mean, scale in zip(
                mixture.weights, mixture.means, mixture.scales, strict=True
            )
            for grid in [np.linspace(-60, 60, 500_001)]
        ]
        expected = np.sum(densities[0] * (densities[1] > densities[0])) * 2.4e-4
        found = misclassification(mixture)[0, 1]
        assert abs(found - expected / mixture.weights[0]) < 1e-4


@pytest.mark.parametrize(("k", "d"), [(3, 2), (2, 10)])
def test_simulation(k, d):
    """Within 4.5 standard errors of 200 000 rows: error rate below 1e-4 in 8 comparisons."""
    rng, n_rows = np.random.default_rng(10 * k + d), 200_000
    mixture = at_random(rng, k, d)
    found = misclassification(mixture)
    components = [
        multivariate_normal(mean, covariance)
        for mean, covariance in zip(mixture.means, mixture.covariances, strict=True)
    ]
    for one in range(k):
        rows = components[one].rvs(n_rows, random_state=rng)
        logs = [each.logpdf(rows) for each in components] + np.log(mixture.weights)[:, None]
        for other in {*range(k)} - {one}:
            share = np.mean(logs[other] > logs[one])
            error = np.sqrt(found[one, other] * (1 - found[one, other]) / n_rows)
            assert abs(share - found[one, other]) < 4.5 * error + 1e-12


def test_iris_as_mixsim_has_it():
    """Published with MixSim 1.1 and FSDA: average 0.0164, largest 0.0493."""
    rows, species = load_iris(return_X_y=True)
    groups = [rows[species == number] for number in range(3)]
    mixture = MixtureParameters.from_covariances(
        np.full(3, 1 / 3),
        np.array([group.mean(axis=0) for group in groups]),
        np.array([np.cov(group.T) for group in groups]),
    )
    wrong, overlap = misclassification(mixture), pairwise_overlap(mixture)
    assert wrong[1, 2] == pytest.approx(0.0230, abs=5e-5)
    assert wrong[2, 1] == pytest.approx(0.0263, abs=5e-5)
    assert overlap[np.triu_indices(3, 1)].mean() == pytest.approx(0.0164, abs=5e-5)
    assert overlap[1, 2] == pytest.approx(0.0493, abs=5e-5)


def test_units_and_batches_do_not_matter():
    mixtures = at_random(np.random.default_rng(3), 3, 4, 2, 5)
    units, shift = np.array([1e-6, 1.0, 30.0, 1e7]), np.array([3.0, -1e3, 0.0, 1e9])
    other = MixtureParameters(
        mixtures.weights, mixtures.means * units + shift, mixtures.scales * units,
        mixtures.correlations,
    )  # fmt: skip
    found = misclassification(mixtures)
    np.testing.assert_allclose(misclassification(other), found, atol=1e-6)
    np.testing.assert_array_equal(misclassification(mixtures.draw((1, 3))), found[1, 3])


def test_a_component_without_weight_takes_nothing():
    mixture = MixtureParameters(np.array([1.0, 0.0]), np.zeros((2, 1)), np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(misclassification(mixture), [[0.0, 0.0], [1.0, 0.0]])
