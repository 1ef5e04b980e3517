"""Parts of mixtures against SciPy and textbook formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bayesgmm.numerics.conditional_normals import (
    conditional_mixture,
    marginal_mixture,
    split,
    split_all,
)
from bayesgmm.numerics.statistics import PrecisionForm
from tests.cases import STRUCTURES, example_spec, random_parameters

PRIORS = "inverse-gamma"


@pytest.fixture(params=STRUCTURES)
def mixture(request):
    return random_parameters(example_spec(request.param, PRIORS), 4, seed=3)


def log_density(mixture, rows):
    terms = [
        np.log(weight) + multivariate_normal.logpdf(rows, mean, covariance)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    return np.logaddexp.reduce(terms, axis=0)


def test_marginal_times_conditional_is_the_joint_density(mixture):
    rows, given, others = np.random.default_rng(0).normal(size=(5, 4)), [2, 0], [1, 3]
    for row in rows:
        conditional = conditional_mixture(mixture, np.array(given), row[given])
        product = log_density(marginal_mixture(mixture, np.array(given)), row[given])
        product += log_density(conditional, row[others])
        assert product == pytest.approx(log_density(mixture, row), rel=1e-12)


def test_conditional_of_one_component_is_linear_regression(mixture):
    one = mixture.reordered(np.array([1]))
    whole, mu, x = one.covariances[0], one.means[0], np.array([0.3, -1.2])
    o, m = np.array([3, 1]), np.array([0, 2])
    slopes = whole[np.ix_(m, o)] @ np.linalg.inv(whole[np.ix_(o, o)])
    found = conditional_mixture(one, o, x)
    np.testing.assert_allclose(found.weights, 1.0)
    np.testing.assert_allclose(found.means[0], mu[m] + slopes @ (x - mu[o]), rtol=1e-12)
    rest = whole[np.ix_(m, m)] - slopes @ whole[np.ix_(o, m)]
    np.testing.assert_allclose(found.covariances[0], rest, rtol=1e-12, atol=1e-14)


def test_a_split_is_the_conditional_mixture_of_every_row(mixture):
    order, x = np.array([2, 3, 0, 1]), np.array([0.4, -0.9])
    parts = split(PrecisionForm.of(mixture), order, 2)
    expected = conditional_mixture(mixture, order[:2], x)
    gained = np.einsum("ktg,kg->kt", parts.slopes, x - parts.given.means)
    np.testing.assert_allclose(parts.means + gained, expected.means, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(parts.rests, expected.covariances, rtol=1e-11, atol=1e-13)
    assert np.array_equal(parts.given.means, mixture.means[:, order[:2]])


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_batch_axes_are_kept(structure):
    many = random_parameters(example_spec(structure, PRIORS), 3, seed=1)
    batch = many.draw((None, None))
    given, x = np.array([1]), np.array([0.2])
    found, one = conditional_mixture(batch, given, x), conditional_mixture(many, given, x)
    assert found.batch_shape == (1, 1)
    assert np.array_equal(found.means[0, 0], one.means)
    assert marginal_mixture(batch, np.array([2, 0])).means.shape == (1, 1, 3, 2)
    assert split_all(batch, np.array([1, 0, 2]), 1).slopes.shape == (1, 3, 2, 1)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_weights_far_away_are_on_the_log_scale(structure):
    """A thousand deviations from every component, where densities are no numbers."""
    mixture = random_parameters(example_spec(structure, PRIORS), 2, seed=2)
    weights = conditional_mixture(mixture, np.array([0]), np.array([1000.0])).weights
    z = (1000.0 - mixture.means[:, 0]) / mixture.scales[:, 0]
    logs = np.log(mixture.weights / mixture.scales[:, 0]) - 0.5 * z**2
    np.testing.assert_allclose(weights, np.exp(logs - np.logaddexp.reduce(logs)), atol=1e-9)
