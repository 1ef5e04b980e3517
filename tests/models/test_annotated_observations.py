import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pytensor import function, grad
from scipy.special import logsumexp

from bayesgmm.models.observations import (
    AnnotatedCorrelatedRow,
    AnnotatedUncorrelatedRow,
    CorrelatedRow,
    UncorrelatedRow,
)
from tests.models.reference import FAST, rows_of
from tests.references.density import joint_log_densities

WEIGHTS = np.array([0.7, 0.3])
N_ROWS = 25


def parameters(n_features, *, seed=3):
    """Return means and Cholesky factors of two components in the units of rows_of."""
    generator = np.random.default_rng(seed)
    units = 3.0 ** np.arange(n_features)
    means = generator.normal(size=(2, n_features)) * units
    noise = generator.normal(size=(2, n_features, 3 * n_features))
    return means, units[:, None] * np.linalg.cholesky(noise @ noise.mT / (3 * n_features))


def scales_of(cholesky):
    return np.sqrt((cholesky**2).sum(axis=-1))


def gapped(n_features, *, seed=4):
    """Return rows, the first of which has no observed cell, with their patterns."""
    rows = rows_of(n_features, n_rows=N_ROWS)
    rows[np.random.default_rng(seed).random(rows.shape) < 0.4] = np.nan
    rows[0] = np.nan
    patterns, number = np.unique(~np.isnan(rows), axis=0, return_inverse=True)
    return rows, number, patterns


def knowledge(*, seed=5):
    """Return weights and label likelihoods; rows 0 and 1 are certain, row 2 counts nothing."""
    generator = np.random.default_rng(seed)
    sample_weight, label_likelihood = (
        generator.gamma(2.0, size=N_ROWS),
        generator.random((N_ROWS, 2)),
    )
    label_likelihood[:2] = [[1.0, 0.0], [0.0, 1.0]]
    sample_weight[2] = 0.0
    return sample_weight, label_likelihood


def expected_densities(rows, means, covariances, sample_weight, label_likelihood):
    """Weight times log sum_k w_k q_k N(x_o | mu_o, Sigma_oo), row by row, by SciPy."""
    result = np.empty(len(rows))
    for number, row in enumerate(rows):
        o = np.flatnonzero(~np.isnan(row))
        joint = np.log(WEIGHTS)
        if o.size:
            marginal = covariances[:, o[:, None], o]
            joint = joint_log_densities(row[None, o], WEIGHTS, means[:, o], marginal)[0]
        result[number] = sample_weight[number] * logsumexp(joint, b=label_likelihood[number])
    return result


def densities_of(distribution, rows, *parts):
    return pm.logp(distribution.dist(WEIGHTS, *parts, size=len(rows)), rows).eval(mode=FAST)


@pytest.mark.parametrize("d", range(1, 6))
def test_log_density_is_that_of_the_observed_part_by_scipy(d):
    (means, cholesky), (rows, number, patterns), known = parameters(d), gapped(d), knowledge()
    full = densities_of(AnnotatedCorrelatedRow, rows, means, cholesky, *known, number, patterns)
    assert_allclose(full, expected_densities(rows, means, cholesky @ cholesky.mT, *known), 1e-10)
    scales = scales_of(cholesky)
    diagonal = densities_of(AnnotatedUncorrelatedRow, rows, means, scales, *known)
    covariances = scales[:, :, None] ** 2 * np.eye(d)
    assert_allclose(diagonal, expected_densities(rows, means, covariances, *known), 1e-10)


def test_a_row_without_observed_cells_tells_what_its_label_tells():
    (means, cholesky), (rows, number, patterns) = parameters(3), gapped(3)
    for label_likelihood, expected in (([1.0, 1.0], 0.0), ([0.0, 1.0], np.log(0.3))):
        known = (1.0, np.tile(label_likelihood, (N_ROWS, 1)), number, patterns)
        density = densities_of(AnnotatedCorrelatedRow, rows, means, cholesky, *known)
        assert_allclose(density[0], expected, atol=1e-15)


def test_units_change_densities_by_their_logarithms_only():
    """Even where squares of the scales of one feature vanish beside those of another."""
    (means, cholesky), (rows, number, patterns), known = parameters(3), gapped(3), knowledge()
    units = np.array([1e-60, 1.0, 1e60])
    here, there = (
        densities_of(
            AnnotatedCorrelatedRow, rows * unit, means * unit, cholesky * unit[:, None],
            *known, number, patterns,
        )
        for unit in (np.ones(3), units)
    )  # fmt: skip
    assert_allclose(there, here - known[0] * (~np.isnan(rows) @ np.log(units)), rtol=1e-10)


def test_strongly_correlated_features_lose_no_digits():
    """Two features with correlation 1 - 1e-10, the third missing: the density is known."""
    gap = 1e-10
    correlations = np.array([[1.0, 1 - gap, 0.0], [1 - gap, 1.0, 0.0], [0.0, 0.0, 1.0]])
    cholesky = np.tile(np.linalg.cholesky(correlations), (2, 1, 1))
    density = densities_of(
        AnnotatedCorrelatedRow, np.array([[1.0, 1.0, np.nan]]), np.zeros((2, 3)), cholesky,
        1.0, np.ones(2), [0], np.array([[True, True, False]]),
    )  # fmt: skip
    determinant = gap * (2 - gap)  # and the row is an eigenvector, with the eigenvalue 2 - gap
    expected = -np.log(2 * np.pi) - 0.5 * np.log(determinant) - 1 / (2 - gap)
    assert_allclose(density, expected, rtol=1e-6)


def test_whole_rows_of_which_nothing_else_is_known_are_plain_ones():
    (means, cholesky), rows = parameters(3), rows_of(3)
    plain = densities_of(CorrelatedRow, rows, means, cholesky)
    nothing = (1.0, np.ones(1), 0, np.ones((1, 3), dtype=bool))
    same = densities_of(AnnotatedCorrelatedRow, rows, means, cholesky, *nothing)
    assert_allclose(same, plain, rtol=1e-12)
    plain = densities_of(UncorrelatedRow, rows, means, scales_of(cholesky))
    same = densities_of(AnnotatedUncorrelatedRow, rows, means, scales_of(cholesky), *nothing[:2])
    assert_allclose(same, plain, rtol=1e-12)


def test_gradients_are_finite_where_components_are_excluded_and_rows_far():
    means, label_likelihood = pt.dmatrix("means"), np.array([[0.0, 1.0], [1.0, 1.0]])
    rows = np.array([[1e4, np.nan], [1e4, np.nan]])
    row = AnnotatedUncorrelatedRow.dist(
        WEIGHTS, means, np.ones((2, 2)), 1.0, label_likelihood, size=2
    )
    density = pm.logp(row, rows).sum()
    gradient = function([means], grad(density, means), mode=FAST)([[1.0, 0.0], [0.0, 0.0]])
    assert_allclose(gradient, [[1e4 - 1, 0.0], [1e4, 0.0]])


def test_draws_are_whole_rows_and_those_of_plain_ones():
    (means, cholesky), (_, number, patterns), known = parameters(3), gapped(3), knowledge()
    annotated = AnnotatedCorrelatedRow.dist(
        WEIGHTS, means, cholesky, *known, number, patterns, size=N_ROWS
    )
    plain = CorrelatedRow.dist(WEIGHTS, means, cholesky, size=N_ROWS)
    draws = [pm.draw(rows, random_seed=1, mode=FAST) for rows in (annotated, plain)]
    assert np.isfinite(draws[0]).all()
    assert_array_equal(*draws)
