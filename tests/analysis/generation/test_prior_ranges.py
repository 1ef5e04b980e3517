"""What the prior expects: against the quantiles of SciPy's distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm.analysis.generation.prior_predictive import prior_ranges

LEVELS = np.array([0.055, 0.5, 0.945])
ROWS = np.random.default_rng(0).normal(size=(60, 3))


def ranges_of(spec):
    tree = bg.fit(ROWS, spec, engine=bg.Laplace(draws=20), random_seed=1, progress=False)
    return prior_ranges(tree)


def test_weights_and_means_are_exact():
    spec = bg.MixtureSpec(
        2, weights=bg.Dirichlet((1.0, 3.0)), means=bg.NormalMeans((0.0, 1.0, 2.0), 4.0)
    )
    ranges = ranges_of(spec)
    np.testing.assert_allclose(ranges["weights"][:, 0], stats.beta.ppf(LEVELS, 1, 3))
    np.testing.assert_allclose(ranges["means"][:, 1], stats.norm.ppf(LEVELS, 1.0, 4.0))
    assert ranges.attrs["interval"] == "89% equal-tailed interval"


def test_scales_and_correlations_have_two_digits():
    """An entry of an LKJ matrix is 2 B - 1, with B of beta(eta - 1 + d / 2) on both sides."""
    scales = bg.InverseGamma(2.0, (1.0, 2.0, 3.0))
    ranges = ranges_of(bg.MixtureSpec(2, covariances=bg.Full(scales, bg.LKJ(2.0))))
    for place in range(3):
        expected = stats.invgamma.ppf(LEVELS, 2.0, scale=place + 1.0)
        np.testing.assert_allclose(ranges["scales"][:, place], expected, rtol=0.06)
    expected = 2 * stats.beta.ppf(LEVELS, 2.5, 2.5) - 1
    np.testing.assert_allclose(ranges["correlations"], expected, atol=0.02)


@pytest.mark.parametrize("structure", [bg.TiedSpherical(), bg.Diagonal()])
def test_no_correlations_where_there_are_none(structure):
    ranges = ranges_of(bg.MixtureSpec(1, covariances=structure))
    assert "correlations" not in ranges
    np.testing.assert_array_equal(ranges["weights"], np.ones((3, 1)))


def test_a_matrix_prior_has_ranges_too():
    """Variances under an inverse-Wishart prior are inverse-gamma((nu - d + 1) / 2, Psi / 2)."""
    spec = bg.MixtureSpec(1, covariances=bg.InverseWishart(6.0, 2.0))
    expected = np.sqrt(stats.invgamma.ppf(LEVELS, 2.0, scale=1.0))
    np.testing.assert_allclose(ranges_of(spec)["scales"][:, 0], expected, rtol=0.05)


def test_correlations_by_factors_of_many_features_have_two_digits():
    """Columns of A have a t prior of scale 1 / sqrt(q): precisions are gamma(1, rate 1 / q)."""
    rng, d, q = np.random.default_rng(0), 80, 2
    spec = bg.MixtureSpec(1, covariances=bg.Factors(q))
    ranges = prior_ranges(bg.estimate(rng.normal(size=(40, d)), spec, random_seed=1))
    deviations = rng.gamma(1.0, q, size=(200_000, q)) ** -0.5
    one, other = rng.standard_normal((2, *deviations.shape)) * deviations
    sizes = (1 + (one**2).sum(axis=1)) * (1 + (other**2).sum(axis=1))
    expected = np.quantile((one * other).sum(axis=1) / np.sqrt(sizes), LEVELS)
    np.testing.assert_allclose(ranges["correlations"], expected, atol=0.02)
