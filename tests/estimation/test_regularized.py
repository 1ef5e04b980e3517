"""Steps with a ridge, against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.regularized import (
    FactoredMixture,
    covariances_of_factors,
    factors_of_precisions,
    from_picked_rows,
    from_responsibilities,
    run_regularized_em,
)
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import log_densities, responsibilities

RIDGE = 0.01
STRUCTURES = [bg.Full(), bg.Tied(), bg.Diagonal(), bg.Spherical(), bg.TiedDiagonal()]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 3)) + 3.0 * rng.integers(2, size=200)[:, None]


def written_out(X, shares, structure):
    """Return weights, means and covariance matrices of every component, by the formulas."""
    counts = shares.sum(axis=0)
    means = shares.T @ X / counts[:, None]
    centered = X[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", shares, centered, centered)
    if structure.tied:
        scatter = np.broadcast_to(scatter.sum(axis=0) / counts.sum(), scatter.shape)
    else:
        scatter = scatter / counts[:, None, None]
    if not structure.correlated:
        scatter = scatter * np.eye(3)
    if structure.isotropic:
        scatter = np.trace(scatter, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    return counts / counts.sum(), means, scatter + RIDGE * np.eye(3)


def matrices(mixture: FactoredMixture) -> np.ndarray:
    covariances = mixture.covariances
    if covariances.ndim < 3:
        covariances = covariances[:, :, None] * np.eye(3)
    return np.broadcast_to(covariances, (2, 3, 3))


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: type(structure).__name__)
def test_a_step_is_the_formula(table, structure):
    shares = np.random.default_rng(1).dirichlet([1.0, 2.0], size=200)
    start = from_responsibilities(RowsInMemory(table), shares, structure, RIDGE)
    first = run_regularized_em(
        RowsInMemory(table), start, ridge=RIDGE, tolerance=0.0, max_iterations=1
    )
    for mixture, given in ((start, shares), (first.mixture, responsibilities(table, start.form()))):
        weights, means, covariances = written_out(table, given, structure)
        assert_allclose(mixture.weights, weights, rtol=1e-12)
        assert_allclose(mixture.means, means, rtol=1e-12)
        assert_allclose(matrices(mixture), covariances, rtol=1e-10, atol=1e-12)
    assert first.lower_bounds == pytest.approx([log_densities(table, start.form()).mean()])


@pytest.mark.parametrize("structure", STRUCTURES, ids=lambda structure: type(structure).__name__)
def test_weights_are_repeated_rows(table, structure):
    counts = np.arange(200) % 3 + 1
    shares = np.random.default_rng(1).dirichlet([1.0, 2.0], size=200)
    weighted = RowsInMemory(table, counts.astype(float))
    repeated, of_repeated = (np.repeat(part, counts, axis=0) for part in (table, shares))
    ends = []
    for X, given in ((weighted, shares), (RowsInMemory(repeated), of_repeated)):
        start = from_responsibilities(X, given, structure, RIDGE)
        path = run_regularized_em(X, start, ridge=RIDGE, tolerance=1e-6, max_iterations=50)
        ends.append((path.mixture.means, path.mixture.covariances, path.lower_bounds))
    for one, other in zip(*ends, strict=True):
        assert_allclose(one, other, rtol=1e-9)


def test_a_component_that_starts_on_one_row_has_the_ridge_as_variance(table):
    mixture = from_picked_rows(RowsInMemory(table), np.array([3, 5]), bg.Full(), RIDGE)
    assert_allclose(mixture.means, table[[3, 5]])
    assert_allclose(mixture.covariances, np.stack(2 * [RIDGE * np.eye(3)]), atol=1e-15)
    assert_allclose(mixture.weights, 1 / 200)


def test_factors_and_matrices_are_each_others_inverses():
    roots = np.random.default_rng(0).normal(size=(2, 4, 4))
    precisions = roots @ np.swapaxes(roots, 1, 2) + np.eye(4)
    factors = factors_of_precisions(precisions)
    assert_allclose(factors @ np.swapaxes(factors, 1, 2), precisions)
    assert_allclose(factors, np.triu(factors))
    assert_allclose(covariances_of_factors(factors), np.linalg.inv(precisions))
    mixture = FactoredMixture.of(bg.Full(), np.ones(2) / 2, roots[0, :2], np.linalg.inv(precisions))
    assert_allclose(mixture.factors, factors)


@pytest.mark.parametrize("structure", [bg.Full(), bg.Tied(), bg.Diagonal()])
def test_no_spread_is_an_error_without_a_ridge(structure):
    X, shares = np.repeat([[0.0, 1.0], [2.0, 3.0]], 4, axis=0), np.repeat(np.eye(2), 4, axis=0)
    with pytest.raises(bg.DataError, match="reg_covar"):
        from_responsibilities(RowsInMemory(X), shares, structure, 0.0)
