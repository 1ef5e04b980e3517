import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from pytensor import function, grad

from bayesgmm.models.observations import CorrelatedRow, UncorrelatedRow
from tests.models.reference import FAST, row_log_density, rows_of

WEIGHTS = np.array([0.7, 0.3])


def parameters(n_features, *, seed=3):
    """Return means, Cholesky factors and scales of two components in the units of rows_of."""
    generator = np.random.default_rng(seed)
    units = 3.0 ** np.arange(n_features)
    means = generator.normal(size=(2, n_features)) * units
    noise = generator.normal(size=(2, n_features, 3 * n_features))
    cholesky = units[:, None] * np.linalg.cholesky(noise @ noise.mT / (3 * n_features))
    return means, cholesky, np.diagonal(cholesky, axis1=-2, axis2=-1).copy()


@pytest.mark.parametrize("d", range(1, 7))
def test_log_density_of_rows_is_that_of_scipy(d):
    means, cholesky, scales = parameters(d)
    values = rows_of(d)
    full = pm.logp(CorrelatedRow.dist(WEIGHTS, means, cholesky, size=25), values).eval(mode=FAST)
    diagonal = pm.logp(UncorrelatedRow.dist(WEIGHTS, means, scales, size=25), values)
    assert_allclose(full, row_log_density(values, WEIGHTS, means, cholesky @ cholesky.mT), 1e-10)
    covariances = scales[:, :, None] ** 2 * np.eye(d)
    expected = row_log_density(values, WEIGHTS, means, covariances)
    assert_allclose(diagonal.eval(mode=FAST), expected, 1e-10)


def test_one_row_has_a_number():
    means, cholesky, scales = parameters(3)
    value = rows_of(3)[0]
    for rows in (CorrelatedRow.dist(WEIGHTS, means, cholesky),
                 UncorrelatedRow.dist(WEIGHTS, means, scales)):  # fmt: skip
        assert rows.ndim == 1
        assert pm.logp(rows, value).eval(mode=FAST).shape == ()


def test_a_row_far_from_every_component_has_a_finite_density_and_gradient():
    means = pt.dmatrix("means")
    value = np.array([[1e4, 0.0]])
    density = pm.logp(UncorrelatedRow.dist(WEIGHTS, means, np.ones((2, 2)), size=1), value).sum()
    evaluate = function([means], [density, grad(density, means)], mode=FAST)
    value, gradient = evaluate(np.array([[1.0, 0.0], [0.0, 0.0]]))
    assert_allclose(value, np.log(0.7) - np.log(2 * np.pi) - 0.5 * (1e4 - 1) ** 2, rtol=1e-12)
    assert_allclose(gradient, [[1e4 - 1, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("d", [1, 3])
def test_draws_take_one_label_per_row(d):
    # Two components 1000 standard deviations apart in every feature: the features of a row must
    # agree on the component, and the share of the first one be its weight within five standard
    # errors (5 sqrt(0.21 / 4000) = 0.036).
    means = np.array([np.full(d, -500.0), np.full(d, 500.0)])
    cholesky = np.tile(np.eye(d), (2, 1, 1))
    for rows in (CorrelatedRow.dist(WEIGHTS, means, cholesky, size=4000),
                 UncorrelatedRow.dist(WEIGHTS, means, np.ones((2, d)), size=4000)):  # fmt: skip
        draws = pm.draw(rows, random_seed=5, mode=FAST)
        assert draws.shape == (4000, d)
        first = draws < 0
        assert np.all(first == first[:, :1])
        assert abs(first[:, 0].mean() - 0.7) < 0.036


def test_draws_have_the_covariance_of_their_factor():
    # Entries of a sample covariance of 20 000 rows stay within five standard errors.
    means, cholesky, _ = parameters(3)
    rows = CorrelatedRow.dist(np.ones(1), means[:1], cholesky[:1], size=20_000)
    draws = pm.draw(rows, random_seed=6, mode=FAST)
    covariance = cholesky[0] @ cholesky[0].T
    variances = np.diagonal(covariance)
    errors = np.sqrt((np.outer(variances, variances) + covariance**2) / len(draws))
    assert np.all(np.abs(np.cov(draws.T) - covariance) < 5 * errors)
    assert np.all(np.abs(draws.mean(0) - means[0]) < 5 * np.sqrt(variances / len(draws)))


def test_an_unobserved_row_starts_at_the_mean_of_the_mixture():
    means, _, scales = parameters(2)
    with pm.Model() as model:
        UncorrelatedRow("new", WEIGHTS, means, scales, size=3)
    assert_allclose(model.initial_point()["new"], np.tile(WEIGHTS @ means, (3, 1)))
