"""Draws from the prior against SciPy's distributions and exact marginals of the LKJ."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm.priors.sampling import draw_parameters
from tests.cases import SCALE_PRIORS, STRUCTURES, example_spec

N_DRAWS = 4000
SMALLEST_P = 1e-4
"""Of each Kolmogorov-Smirnov test below, with fixed seeds: about 80 of them, error rate 0.8 %."""

CDFS = {
    "half-t": lambda sigma: 2 * stats.t(2.4, scale=1.2).cdf(sigma) - 1,
    "half-normal": stats.halfnorm(scale=1.3).cdf,
    "log-normal": stats.lognorm(0.8, scale=np.exp(-0.4)).cdf,
    "exponential": stats.expon(scale=1 / 0.7).cdf,
    "gamma": stats.gamma(2.5, scale=1 / 1.9).cdf,
    "inverse-gamma": stats.invgamma(2.2, scale=0.6).cdf,
}


def drawn(spec, n_features, seed=0):
    return draw_parameters(spec, n_features, N_DRAWS, np.random.default_rng(seed))


@pytest.mark.parametrize("prior", SCALE_PRIORS)
def test_scales(prior):
    scales = drawn(example_spec("diagonal", prior), 2).scales
    for component, feature in np.ndindex(3, 2):
        assert stats.kstest(scales[:, component, feature], CDFS[prior]).pvalue > SMALLEST_P


@pytest.mark.parametrize("structure", STRUCTURES)
def test_structures_share_what_they_should(structure):
    kind, parameters = STRUCTURES[structure], drawn(example_spec(structure, "gamma"), 3)
    same_components = np.all(parameters.scales == parameters.scales[:, :1])
    same_features = np.all(parameters.scales == parameters.scales[:, :, :1])
    assert same_components == kind.tied
    assert same_features == kind.isotropic
    assert (parameters.correlations is not None) == kind.correlated


def test_weights_and_means():
    parameters = drawn(example_spec("full", "gamma"), 2)
    for component in range(3):
        beta = stats.beta(1.4, 2.8)
        assert stats.kstest(parameters.weights[:, component], beta.cdf).pvalue > SMALLEST_P
        normal = stats.norm(0.3, 2.1)
        assert stats.kstest(parameters.means[:, component, 1], normal.cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize("size", [2, 3, 5])
def test_correlations_have_their_beta_marginals(size):
    """(r + 1)/2 ~ Beta(b, b), b = eta - 1 + size/2 (Lewandowski et al., 2009, section 3)."""
    correlations = drawn(example_spec("tied", "gamma"), size).correlations[:, 0]
    shape = 1.7 - 1 + size / 2
    for row, column in zip(*np.tril_indices(size, -1), strict=True):
        halves = (correlations[:, row, column] + 1) / 2
        assert stats.kstest(halves, stats.beta(shape, shape).cdf).pvalue > SMALLEST_P


@pytest.mark.parametrize(("size", "freedom"), [(1, 2.0), (2, 2.0), (5, 2.0), (3, 2.7)])
def test_scales_and_correlations_under_the_joint_prior(size, freedom):
    """Half-t with nu degrees of freedom, Beta(nu/2, nu/2): flat for nu = 2 (Huang & Wand, 2013)."""
    scale = np.linspace(0.4, 3.0, size)
    spec = bg.MixtureSpec(
        2, means=bg.NormalMeans(0.0, 1.0), covariances=bg.Full(bg.HalfT(scale, freedom))
    )
    parameters = drawn(spec, size)
    for feature in range(size):
        standard = parameters.scales[:, 1, feature] / scale[feature]
        half_t = stats.kstest(standard, lambda value: 2 * stats.t(freedom).cdf(value) - 1)
        assert half_t.pvalue > SMALLEST_P
    for row, column in zip(*np.tril_indices(size, -1), strict=True):
        halves = (parameters.correlations[:, 1, row, column] + 1) / 2
        pvalue = stats.kstest(halves, stats.beta(freedom / 2, freedom / 2).cdf).pvalue
        assert pvalue > SMALLEST_P


@pytest.mark.parametrize("kind", [bg.InverseWishart, bg.TiedInverseWishart])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_covariances_under_an_inverse_wishart_prior(kind, size):
    """Variances are inverse-gamma, and v' Sigma^-1 v over v' Psi^-1 v is chi-square(nu)."""
    freedom, root = size + 1.3, np.tri(size)
    scale, direction = root @ root.T, np.ones(size)
    spec = bg.MixtureSpec(2, means=bg.NormalMeans(0.0, 1.0), covariances=kind(freedom, scale))
    matrices = drawn(spec, size).covariances[:, 0]
    for feature in range(size):
        variance = stats.invgamma((freedom - size + 1) / 2, scale=scale[feature, feature] / 2)
        pvalue = stats.kstest(matrices[:, feature, feature], variance.cdf).pvalue
        assert pvalue > SMALLEST_P
    precision = np.linalg.inv(matrices).sum(axis=(1, 2))
    ratio = precision / (direction @ np.linalg.solve(scale, direction))
    assert stats.kstest(ratio, stats.chi2(freedom).cdf).pvalue > SMALLEST_P


def test_defaults_cover_the_data_without_straying():
    """The default prior predictive of the penguins: as the docstring of MixtureSpec tells it."""
    X = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna()
    tree = bg.prior_predictive(X, bg.MixtureSpec(3), n_draws=4000, n_rows=5, random_seed=3)
    rows = tree["prior_predictive"]["x"]
    z = (rows - X.mean().to_numpy()) / X.std().to_numpy()
    inside = float((abs(z) < 3).mean())
    assert 0.75 < inside < 0.95
    for feature in X.columns:
        low, high = rows.sel(feature=feature).quantile([0.05, 0.95]).values
        assert low < X[feature].min()
        assert high > X[feature].max()
