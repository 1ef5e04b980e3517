"""The compiled log posterior and the row statistics, against the same formulas in SciPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.data.standardize import Scaling
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.statistics import component_log_densities, sufficient_statistics
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from tests.cases import PAIRS, example_rows, structure_with
from tests.references.density import joint_log_densities, log_posterior

DIMENSIONS = range(1, 7)

CASES = [
    pytest.param(structure, prior, d, id=f"{structure}-{prior}-d{d}")
    for structure, prior in PAIRS
    for d in DIMENSIONS
]


def spec_of(structure: str, prior: str, d: int) -> bg.MixtureSpec:
    """Return a spec with 1, 2 or 3 components, and hyperparameters that differ by feature."""
    n_components = 1 + d % 3
    covariances = structure_with(structure, prior)
    return bg.MixtureSpec(
        n_components,
        bg.Dirichlet(tuple(0.7 + 0.9 * np.arange(n_components))),
        bg.NormalMeans(tuple(np.linspace(-0.5, 1, d)), tuple(np.linspace(1, 3, d))),
        _with_one_number_each(covariances, d),
        resolution=tuple(np.linspace(0.5, 2, d)),
    )


def _with_one_number_each(covariances: CovarianceStructure, d: int) -> CovarianceStructure:
    """Vary the hyperparameters that carry units from feature to feature."""
    if covariances.isotropic:
        return covariances
    if isinstance(covariances, InverseWishartStructure):
        root = np.random.default_rng(d).normal(size=(d, d + 2))
        return replace(covariances, scale_matrix=root @ root.T)
    scales = covariances.scales
    varied = {
        name: tuple(getattr(scales, name) * np.linspace(1, 2, d)) for name in scales.unit_parameters
    }
    return replace(covariances, scales=replace(scales, **varied))


@pytest.mark.parametrize(("structure", "prior", "d"), CASES)
def test_log_posterior_is_that_of_scipy_and_its_gradient_that_of_differences(structure, prior, d):
    spec = spec_of(structure, prior, d)
    target = Target(spec, read_table(example_rows(30, d)))
    position = np.random.default_rng(d).normal(0, 0.5, target.layout.size)
    value, gradient = target(position)
    assert_allclose(value, log_posterior(spec, target.data.values, position), rtol=1e-10)
    difference = _central_differences(target, position)
    assert_allclose(gradient, difference, rtol=1e-6, atol=1e-6 * np.abs(difference).max())


@pytest.mark.parametrize("structure", ["full", "spherical"])
def test_with_a_prior_for_each_mean_too(structure):
    rng, spec = np.random.default_rng(3), spec_of(structure, "half-t", 5)
    means = bg.NormalMeans(rng.normal(size=(3, 5)), rng.uniform(0.5, 3, (3, 5)))
    target = Target(replace(spec, means=means), read_table(example_rows(30, 5)))
    position = rng.normal(0, 0.5, target.layout.size)
    value, gradient = target(position)
    assert_allclose(value, log_posterior(target.spec, target.data.values, position), rtol=1e-10)
    difference = _central_differences(target, position)
    assert_allclose(gradient, difference, rtol=1e-6, atol=1e-6 * np.abs(difference).max())


def _central_differences(target: Target, position: np.ndarray, width: float = 1e-3) -> np.ndarray:
    """Differentiate with an error of order width^4."""
    offsets, weights = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12
    return np.array([
        sum(
            weight * target(position + offset * width * direction)[0]
            for offset, weight in zip(offsets, weights, strict=True)
        ) / width
        for direction in np.eye(position.size)
    ])  # fmt: skip


def mixture(n_components: int, n_features: int, *, correlated: bool) -> MixtureParameters:
    rng = np.random.default_rng(n_components)
    roots = rng.normal(size=(n_components, n_features, n_features + 2))
    covariances = roots @ np.swapaxes(roots, 1, 2) / n_features
    parameters = MixtureParameters.from_covariances(
        rng.dirichlet(np.ones(n_components)),
        rng.normal(size=(n_components, n_features)),
        covariances,
    )
    return parameters if correlated else replace(parameters, correlations=None)


def expected_statistics(X: np.ndarray, parameters: MixtureParameters) -> tuple:
    """Return log-likelihood, N_k, S1_k and S2_k about the means, in plain NumPy and SciPy."""
    joint = joint_log_densities(X, parameters.weights, parameters.means, parameters.covariances)
    responsibilities = special.softmax(joint, axis=1)
    centered = X[:, None, :] - parameters.means
    sums = np.einsum("nk,nki->ki", responsibilities, centered)
    scatter = np.einsum("nk,nki,nkj->kij", responsibilities, centered, centered)
    if parameters.correlations is None:
        scatter = np.diagonal(scatter, axis1=1, axis2=2)
    return special.logsumexp(joint, axis=1).sum(), responsibilities.sum(axis=0), sums, scatter


@pytest.mark.parametrize("correlated", [True, False])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (1, 4), (2, 2), (3, 1), (5, 3), (2, 6)])
def test_statistics_and_densities_are_those_of_scipy(k, d, correlated):
    X, parameters = example_rows(300, d), mixture(k, d, correlated=correlated)
    statistics = sufficient_statistics(X, parameters)
    log_likelihood, counts, sums, scatter = expected_statistics(X, parameters)
    assert_allclose(statistics.log_likelihood, log_likelihood, rtol=1e-12)
    assert_allclose(statistics.counts, counts, rtol=1e-10)
    assert_allclose(statistics.sums, sums, rtol=1e-10, atol=1e-9)
    assert_allclose(statistics.scatter, scatter, rtol=1e-10, atol=1e-9)
    assert_allclose(
        component_log_densities(X, parameters),
        joint_log_densities(X, parameters.weights, parameters.means, parameters.covariances),
        rtol=1e-11,
        atol=1e-11,
    )


def test_rows_far_from_zero_lose_no_digits():
    # Multiples of 2^-20 are added to 1e8 without rounding, so both tables hold the same rows.
    X = np.round(example_rows(300, 3) * 2**20) / 2**20
    parameters = mixture(3, 3, correlated=True)
    dataset = read_table(X + 1e8)
    scaling = Scaling.of(dataset, isotropic=False)
    ours = sufficient_statistics(scaling.standardize(dataset).values, parameters)
    expected = expected_statistics((X - (scaling.shift - 1e8)) / scaling.factor, parameters)
    assert_allclose(ours.log_likelihood, expected[0], rtol=1e-12)
    assert_allclose(ours.counts, expected[1], rtol=1e-10)
    assert_allclose(ours.sums, expected[2], rtol=1e-10, atol=1e-9)
    assert_allclose(ours.scatter, expected[3], rtol=1e-10, atol=1e-9)
    assert_allclose(scaling.shift - 1e8, X.mean(axis=0), atol=2e-8)  # one rounding at 1e8
    assert_allclose(scaling.factor, X.std(axis=0, ddof=1), rtol=1e-12)
