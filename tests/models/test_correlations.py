import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from pymc.util import get_untransformed_name
from pytensor import function
from scipy import stats
from scipy.optimize._numdiff import approx_derivative

from bayesgmm.models.correlations import CorrelationCholesky, CorrelationTransform
from tests.models.reference import FAST, lkj_log_density


def declared(n, eta, size=()):
    with pm.Model() as model:
        variable = CorrelationCholesky("factor", n=n, eta=eta, size=size)
    return model, variable


@pytest.mark.parametrize("n", [2, 3, 6])
@pytest.mark.parametrize("eta", [0.5, 1.0, 3.7])
def test_log_density_is_the_published_one(n, eta):
    noise = np.random.default_rng(n).normal(size=(4, n, 2 * n))
    correlations = np.array([np.corrcoef(rows) for rows in noise])
    factors = np.linalg.cholesky(correlations)
    _, variable = declared(n, eta, size=(4,))
    ours = pm.logp(variable, factors).eval(mode=FAST)
    assert_allclose(ours, lkj_log_density(factors, eta), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("n", "eta"), [(2, 0.7), (4, 1.0), (5, 3.0)])
def test_every_correlation_of_the_draws_has_its_beta_marginal(n, eta):
    # Lewandowski et al. (2009): (r + 1) / 2 follows Beta(b, b) with b = eta - 1 + n / 2.
    # The tests of all 17 correlations together fail by chance with probability 1e-3 at most.
    _, variable = declared(n, eta, size=(2000,))
    factors = pm.draw(variable, random_seed=1, mode=FAST)
    correlations = factors @ factors.swapaxes(-1, -2)
    assert_allclose(np.diagonal(correlations, axis1=1, axis2=2), 1.0, rtol=1e-12)
    marginal = stats.beta(eta - 1 + n / 2, eta - 1 + n / 2, loc=-1, scale=2)
    for row, column in zip(*np.tril_indices(n, -1), strict=True):
        assert stats.kstest(correlations[:, row, column], marginal.cdf).pvalue > 1e-3 / 17


@pytest.mark.parametrize("n", [2, 4])
def test_transform_is_inverted_and_its_jacobian_that_of_finite_differences(n):
    below = np.tril_indices(n, -1)
    vector = np.random.default_rng(n).normal(size=below[0].size)
    transform = CorrelationTransform(n)
    unconstrained = pt.dvector()
    factor = transform.backward(unconstrained)
    outputs = [factor, transform.forward(factor), transform.log_jac_det(unconstrained)]
    evaluate = function([unconstrained], outputs, mode=FAST)
    matrix, again, log_jacobian = evaluate(vector)
    assert_allclose(again, vector, rtol=1e-12)
    assert_allclose((matrix**2).sum(axis=-1), 1.0, rtol=1e-12)
    jacobian = approx_derivative(lambda z: evaluate(z)[0][below], vector)
    assert_allclose(log_jacobian, np.linalg.slogdet(np.atleast_2d(jacobian))[1], atol=1e-7)


def test_draws_are_lower_triangular_and_their_shape_is_known():
    _, variable = declared(3, 2.0, size=(4,))
    assert variable.type.shape == (4, 3, 3)
    draw = pm.draw(variable, random_seed=1, mode=FAST)
    assert np.array_equal(draw, np.tril(draw))


def test_the_name_of_the_variable_can_be_found_from_its_value():
    model, variable = declared(3, 2.0)
    assert get_untransformed_name(model.rvs_to_values[variable].name) == "factor"
