import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesgmm.errors import SpecificationError
from bayesgmm.models.covariances import declare_covariances
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import (
    LKJ,
    Diagonal,
    Full,
    SeparatedStructure,
    Spherical,
    Tied,
    TiedDiagonal,
    TiedSpherical,
)
from bayesgmm.priors.inverse_wishart import (
    InverseWishart,
    InverseWishartStructure,
    TiedInverseWishart,
)
from bayesgmm.priors.scales import HalfNormal, HalfT
from tests.models.reference import FAST

SEPARATED = (Full, Tied, Diagonal, Spherical, TiedDiagonal, TiedSpherical)
SCALES = HalfNormal(1.0)
K, D = 3, 2
FREE = {
    Full: {"scales": ("component", "feature"),
           "correlation_cholesky": ("component", "feature", "feature_bis")},
    Tied: {"scale": ("feature",), "correlation_cholesky": ("feature", "feature_bis")},
    Diagonal: {"scales": ("component", "feature")},
    Spherical: {"scale": ("component",)},
    TiedDiagonal: {"scale": ("feature",)},
    TiedSpherical: {"scale": ()},
    InverseWishart: {"covariances": ("component", "feature", "feature_bis")},
    TiedInverseWishart: {"covariance": ("feature", "feature_bis")},
}  # fmt: skip


def example(kind):
    return kind(4.0, 1.5) if issubclass(kind, InverseWishartStructure) else kind(scales=SCALES)


def declared(structure, *, d=D, initial=None):
    names = [f"feature {j}" for j in range(d)]
    coords = {"component": range(K), "feature": names, "feature_bis": names}
    with pm.Model(coords=coords) as model:
        declare_covariances(structure, shape=(K, d), initial=initial)
    return model


def drawn(model, *names):
    return pm.draw([model[name] for name in names], random_seed=1, mode=FAST)


@pytest.mark.parametrize("kind", [Full, Tied])
def test_under_the_joint_prior_covariance_matrices_are_free(kind):
    model = declared(kind(HalfT(1.0)))
    like = InverseWishart if kind is Full else TiedInverseWishart
    free = {rv.name: model.named_vars_to_dims.get(rv.name, ()) for rv in model.free_RVs}
    assert free == FREE[like]
    given = parameters(0.4).covariances
    start = starts(declared(kind(HalfT(1.0)), initial=parameters(0.4)))
    assert_allclose(*start.values(), given[0] if kind.tied else given)


@pytest.mark.parametrize("kind", FREE)
def test_free_variables_have_their_natural_dims(kind):
    model = declared(example(kind))
    free = {rv.name: model.named_vars_to_dims.get(rv.name, ()) for rv in model.free_RVs}
    assert free == FREE[kind]


@pytest.mark.parametrize("d", [1, D])
@pytest.mark.parametrize("kind", FREE)
def test_scales_and_covariances_are_written_out_per_component(kind, d):
    scales, covariances = drawn(declared(example(kind), d=d), "scales", "covariances")
    assert scales.shape == (K, d)
    assert covariances.shape == (K, d, d)
    assert_allclose(np.diagonal(covariances, axis1=1, axis2=2), scales**2)
    assert (np.ptp(scales, axis=0).max() == 0) == kind.tied
    if d > 1:
        assert (np.ptp(scales, axis=1).max() == 0) == kind.isotropic
        assert (covariances[0, 0, 1] != 0) == kind.correlated


@pytest.mark.parametrize("kind", [Full, Tied])
def test_correlations_are_those_of_the_free_factors(kind):
    structure = kind(scales=SCALES, correlations=LKJ(1.0))
    factor, correlations = drawn(declared(structure), "correlation_cholesky", "correlations")
    assert_allclose(correlations, np.broadcast_to(factor @ factor.mT, (K, D, D)))


@pytest.mark.parametrize(("d", "freedom"), [(3, 2.7)])
def test_draws_of_the_joint_prior_have_half_t_scales_and_beta_correlations(d, freedom):
    """Huang & Wand (2013), properties 2 and 3; 6 tests, error rate 6e-4."""
    scale = np.linspace(0.5, 4.0, d)
    model = declared(Full(HalfT(tuple(scale), freedom)), d=d)
    matrices = pm.draw(model["covariances"], 400, random_seed=1, mode=FAST)[:, 0]
    scales = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    correlations = matrices / (scales[:, :, None] * scales[:, None, :])
    for feature in range(d):
        standard = scales[:, feature] / scale[feature]
        assert stats.kstest(standard, lambda x: 2 * stats.t(freedom).cdf(x) - 1).pvalue > 1e-4
    beta = stats.beta(freedom / 2, freedom / 2, loc=-1, scale=2)
    for row, column in zip(*np.tril_indices(d, -1), strict=True):
        assert stats.kstest(correlations[:, row, column], beta.cdf).pvalue > 1e-4


@pytest.mark.parametrize("d", [1, 3])
def test_inverse_wishart_draws_have_their_mean_and_harmonic_mean(d):
    """E[Sigma] = Psi / (nu - d - 1) and E[Sigma^-1] = nu Psi^-1, within 4.5 standard errors.

    At most 24 averages are compared: error rate 24 * 6.8e-6 = 2e-4.
    """
    scale, freedom = np.tri(d) @ np.tri(d).T, d + 8.5
    model = declared(InverseWishart(freedom, scale), d=d)
    draws = pm.draw(model["covariances"], 4000, random_seed=1, mode=FAST).reshape(-1, d, d)
    for values, expected in (
        (draws, scale / (freedom - d - 1)),
        (np.linalg.inv(draws), freedom * np.linalg.inv(scale)),
    ):
        errors = values.std(axis=0) / np.sqrt(len(values))
        assert np.all(np.abs(values.mean(axis=0) - expected) < 4.5 * errors)


@pytest.mark.parametrize("kind", [InverseWishart, TiedInverseWishart])
def test_one_feature_has_a_correlation_of_one_with_itself(kind):
    correlations = drawn(declared(example(kind), d=1), "correlations")[0]
    assert np.array_equal(correlations, np.ones((K, 1, 1)))


@pytest.mark.parametrize("kind", [Full, Tied])
def test_one_feature_has_no_correlations_to_sample(kind):
    model = declared(kind(scales=SCALES), d=1)
    assert [rv.name for rv in model.free_RVs] == ["scale" if kind.tied else "scales"]
    assert np.array_equal(drawn(model, "correlations")[0], np.ones((K, 1, 1)))


def parameters(correlation):
    correlations = np.tile([[1.0, correlation], [correlation, 1.0]], (K, 1, 1))
    scales = np.arange(1.0, 1 + K * D).reshape(K, D)
    return MixtureParameters(np.full(K, 1 / K), np.zeros((K, D)), scales, correlations)


def starts(model):
    return {rv.name: value for rv, value in model.rvs_to_initial_values.items()}


@pytest.mark.parametrize("kind", SEPARATED)
def test_samplers_start_where_they_are_told(kind):
    start = starts(declared(kind(scales=SCALES), initial=parameters(0.4)))
    scales = parameters(0.4).scales[0] if kind.tied else parameters(0.4).scales
    natural = scales[..., 0] if kind.isotropic else scales
    assert np.array_equal(start["scale" if "scale" in start else "scales"], natural)


@pytest.mark.parametrize("kind", [InverseWishart, TiedInverseWishart])
def test_samplers_start_at_the_matrices_that_they_are_told(kind):
    start = starts(declared(example(kind), initial=parameters(0.4)))
    given = parameters(0.4).covariances
    assert_allclose(*start.values(), given[0] if kind.tied else given)


@pytest.mark.parametrize("kind", [Full, Tied])
def test_the_start_of_the_correlations_is_the_given_one(kind):
    factor = starts(declared(kind(scales=SCALES), initial=parameters(0.4)))["correlation_cholesky"]
    assert_allclose((factor @ factor.mT)[..., 0, 1], 0.4)


def test_a_start_with_a_singular_correlation_matrix_is_moved_inside():
    factor = starts(declared(Full(scales=SCALES), initial=parameters(1.0)))["correlation_cholesky"]
    assert np.all(np.diagonal(factor, axis1=-2, axis2=-1) > 0)
    assert_allclose((factor @ factor.mT)[..., 0, 1], 1.0, rtol=1e-11)


def test_an_unknown_structure_is_refused():
    class Unknown(SeparatedStructure):
        volume, shape, orientation = "varying", "varying", "identity"

    with pytest.raises(SpecificationError, match="Unknown has no PyMC model"):
        declare_covariances(Unknown(), shape=(K, D))
