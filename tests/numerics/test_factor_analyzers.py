"""Passes that never make a covariance matrix, against SciPy and passes with such matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.estimation.density import Target, prior_as_numbers
from bayesgmm.numerics.conditional_normals import marginal_mixture
from bayesgmm.numerics.factor_analyzers import (
    Analyzers,
    FactorLogPosterior,
    FactorStatistics,
    factor_statistics,
)
from bayesgmm.numerics.statistics import (
    WIDE,
    component_log_densities,
    log_densities,
    responsibilities,
    sufficient_statistics,
)
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.spec import layout_of
from tests.cases import annotated_dataset

SIZES = [(5, 2), (WIDE - 1, 1), (WIDE, 3), (WIDE + 9, 2)]
OPTIONS = [{}, {"shared": True}, {"equal_uniquenesses": True}]
OPTIONS += [{"shared": True, "equal_uniquenesses": True}]


def spec_of(q: int, **options) -> bg.MixtureSpec:
    covariances = bg.Factors(q, **options, scales=bg.HalfT(1.2, 2.4))
    return bg.MixtureSpec(
        3, bg.Dirichlet(1.4), bg.NormalMeans(0.3, 2.1), covariances, resolution=0.01
    )


def mixture_of(d: int, q: int, *, seed: int = 1, **options) -> MixtureParameters:
    layout = layout_of(spec_of(q, **options), d)
    return layout.unpack(np.random.default_rng(seed).normal(0.0, 0.5, layout.size))


def plain_table(X: np.ndarray, mixture: MixtureParameters) -> np.ndarray:
    each = zip(mixture.weights, mixture.means, mixture.covariances, strict=True)
    return np.stack(
        [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(X)
            for weight, mean, covariance in each
        ],
        axis=1,
    )


@pytest.mark.parametrize(("d", "q"), SIZES)
def test_densities_and_responsibilities_are_those_of_scipy(d, q):
    data, mixture = annotated_dataset(30, d, "labels"), mixture_of(d, q)
    plain = plain_table(data.values, mixture)
    with np.errstate(divide="ignore"):
        labeled = plain + data.label_log_likelihoods
    assert_allclose(component_log_densities(data.rows, mixture), labeled, rtol=1e-10)
    assert_allclose(log_densities(data.values, mixture), logsumexp(plain, axis=1), rtol=1e-10)
    expected = np.exp(labeled - logsumexp(labeled, axis=1, keepdims=True))
    assert_allclose(responsibilities(data.rows, mixture), expected, rtol=1e-8, atol=1e-300)


@pytest.mark.parametrize(("d", "q"), SIZES)
@pytest.mark.parametrize("known", [(), ("weights", "labels")])
def test_statistics_are_those_of_dense_passes(d, q, known):
    data, mixture = annotated_dataset(40, d, *known), mixture_of(d, q)
    dense = replace(mixture, correlations=np.asarray(mixture.correlations))
    analyzers = Analyzers.of(mixture)
    found = factor_statistics(data.fitted_rows, analyzers)
    parts = sufficient_statistics(data.fitted_rows, dense).parts()
    expected = FactorStatistics.of(*parts, analyzers)
    shift = 0.3 * np.random.default_rng(2).standard_normal((3, d))
    for here, there in ((found, expected), (found.about(shift, analyzers),
                                            expected.about(shift, analyzers))):  # fmt: skip
        for name in ("log_likelihood", "counts", "sums", "squares", "cross"):
            assert_allclose(getattr(here, name), getattr(there, name), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("d", "known"), [(6, ()), (18, ("weights", "labels"))])
def test_density_is_the_compiled_one_and_the_gradient_its_derivative(d, known, options):
    data, spec = annotated_dataset(25, d, *known), spec_of(2, **options)
    target = Target(spec, data)
    layout = target.layout
    prior = prior_as_numbers(spec, layout, of_mode=False)
    function = FactorLogPosterior(data.fitted_rows, prior, layout.covariances)
    rng = np.random.default_rng(3)
    position = rng.normal(0.0, 0.5, layout.size)
    value, gradient = function(position)
    other_value, other_gradient = target.log_posterior(position)
    assert value == pytest.approx(other_value, rel=1e-11)
    assert_allclose(gradient, other_gradient, rtol=1e-8, atol=1e-8)
    for _ in range(3):
        step = rng.standard_normal(layout.size)
        ahead, behind = (function(position + sign * 1e-5 * step)[0] for sign in (1, -1))
        assert gradient @ step == pytest.approx((ahead - behind) / 2e-5, rel=1e-5)


@pytest.mark.parametrize("noise", [1e-4, 1e-8])
def test_little_noise_costs_few_digits(noise):
    """The noise is powers of two times orthogonal loadings: the inverse is known in closed form."""
    d, q, n = 20, 2, 50
    rng = np.random.default_rng(4)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    lengths = np.array([3.0, 2.0])
    uniquenesses = np.full((1, d), noise)
    loadings = (basis[:, :q] * lengths)[None]
    scales = np.sqrt(np.sum(loadings**2, axis=-1) + uniquenesses)
    correlations = FactoredCorrelations(loadings / scales[..., None], uniquenesses / scales**2)
    mixture = MixtureParameters(np.ones(1), np.zeros((1, d)), scales, correlations)
    scores, rest = rng.standard_normal((n, q)), rng.standard_normal((n, d - q))
    X = (scores * np.sqrt(lengths**2 + noise)) @ basis[:, :q].T
    X += np.sqrt(noise) * rest @ basis[:, q:].T
    log_determinant = np.log(lengths**2 + noise).sum() + (d - q) * np.log(noise)
    squares = (scores**2).sum(axis=1) + (rest**2).sum(axis=1)
    expected = -0.5 * (d * np.log(2 * np.pi) + log_determinant + squares)
    assert_allclose(log_densities(X, mixture), expected, rtol=1e-7)


def test_some_features_are_taken_without_a_matrix():
    mixture, features = mixture_of(8, 2), np.array([5, 0, 3])
    found = marginal_mixture(mixture, features)
    assert isinstance(found.correlations, FactoredCorrelations)
    expected = mixture.covariances[:, features[:, None], features]
    assert_allclose(found.covariances, expected, rtol=1e-13)


@pytest.mark.parametrize("options", OPTIONS)
def test_free_parameters_are_those_of_mcnicholas_and_murphy(options):
    """Table 1 of McNicholas & Murphy (2008), with means and weights."""
    (k, d, q), m = (3, 7, 2), 1 if options.get("shared") else 3
    noises = m * (1 if options.get("equal_uniquenesses") else d)
    expected = k - 1 + k * d + m * (d * q - q * (q - 1) // 2) + noises
    assert layout_of(spec_of(q, **options), d).n_parameters == expected


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("d", "q"), [(2, 1), (3, 1), (4, 2), (5, 4), (6, 3)])
def test_free_parameters_are_the_dimensions_of_the_set_of_mixtures(d, q, options):
    """The rank of the derivative of all weights, means and covariance matrices."""
    layout = layout_of(spec_of(q, **options), d)
    position = np.random.default_rng(5).normal(0.0, 0.5, layout.size)

    def mixture(place: np.ndarray) -> np.ndarray:
        found = layout.unpack(place)
        return np.concatenate([found.weights, found.means.ravel(), found.covariances.ravel()])

    steps = 1e-5 * np.eye(layout.size)
    derivative = [mixture(position + step) - mixture(position - step) for step in steps]
    rank = np.linalg.matrix_rank(np.array(derivative) / 2e-5, tol=1e-6)
    assert layout.n_parameters == rank
