"""The normal approximation against densities whose mode, curvature and integral are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.normal import curvature, find_peak, peak_at, precision_root
from bayesgmm.estimation.density import Target
from bayesgmm.priors.covariances import Full
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.scales import HalfNormal
from bayesgmm.priors.spec import MixtureSpec

COVARIANCE = np.array([[4.0, 1.2, 0.0], [1.2, 1.0, -0.3], [0.0, -0.3, 0.25]])
CENTRE = np.array([1.0, -2.0, 0.5])
UNITS = np.array([3.0, 1.0, 0.2])


def log_normal(position):
    """A normal density of integral e."""
    precision = np.linalg.inv(COVARIANCE)
    distance = position - CENTRE
    value = multivariate_normal(CENTRE, COVARIANCE).logpdf(position) + 1.0
    return value, -precision @ distance


def test_a_normal_density_is_its_own_approximation():
    peak = find_peak(log_normal, np.zeros(3), UNITS)
    np.testing.assert_allclose(peak.normal.center, CENTRE, atol=1e-4)
    np.testing.assert_allclose(peak.normal.root @ peak.normal.root.T, COVARIANCE, atol=1e-7)
    assert peak.log_integral == pytest.approx(1.0, abs=1e-8)
    assert peak.regularized == 0
    assert peak.remaining < 1e-4


def test_densities_of_draws_are_those_of_scipy():
    normal = find_peak(log_normal, np.zeros(3), UNITS).normal
    noise = np.random.default_rng(0).standard_normal((5, 3))
    expected = multivariate_normal(normal.center, COVARIANCE).logpdf(normal.positions(noise))
    np.testing.assert_allclose(normal.log_density(noise), expected, rtol=1e-7)


def one_normal(n_rows=60):
    """One component, one feature: a target whose derivatives are written down below."""
    rows = np.random.default_rng(4).normal(0.7, 2.0, (n_rows, 1))
    spec = MixtureSpec(
        1, means=NormalMeans(0.3, 2.1), covariances=Full(HalfNormal(1.3)), resolution=1e-6
    )
    return Target(spec, Dataset(rows, default_names(1), np.arange(n_rows)))


def test_curvature_of_one_normal_is_that_of_the_formula():
    """Of -n u - sum (x - m)^2 exp(-2 u) / 2 - (m - 0.3)^2 / (2 2.1^2) - exp(2 u) / (2 1.3^2) + u"""
    target = one_normal()
    mean, log_scale = 0.4, 0.9
    distance, weight = target.data.values[:, 0] - mean, math.exp(-2 * log_scale)
    means = distance.size * weight + 2.1**-2
    both = 2 * weight * distance.sum()
    scales = 2 * weight * (distance**2).sum() + 2 * math.exp(2 * log_scale) / 1.3**2
    ours = curvature(target, np.array([mean, log_scale]), np.array([0.2, 0.1]))
    np.testing.assert_allclose(ours, [[means, both], [both, scales]], rtol=1e-7)


def flat(position):
    """Normal in one direction, and so flat in the other that the curvature is zero there."""
    x, y = position
    return -0.5 * x**2 - y**4, np.array([-x, -4 * y**3])


def saddle(position):
    x, y = position
    return -0.5 * x**2 + 0.5 * y**2, np.array([-x, y])


@pytest.mark.parametrize("log_density", [flat, saddle])
def test_directions_without_curvature_are_counted_and_made_wide(log_density):
    peak = find_peak(log_density, np.zeros(2), np.array([1.0, 2.0]))
    assert peak.regularized == 1
    widths = np.linalg.norm(peak.normal.root, axis=1)
    np.testing.assert_allclose(widths, [1.0, 200.0], rtol=1e-3)  # 100 units of 2


def test_a_mended_root_is_that_of_the_raised_eigenvalues():
    rng = np.random.default_rng(2)
    vectors = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    matrix = vectors * np.array([2.0, 1.0, 0.0, -3.0]) @ vectors.T
    root, regularized = precision_root(matrix, 1e-4)
    expected = vectors * np.array([2.0, 1.0, 1e-4, 1e-4]) @ vectors.T
    assert regularized == 2
    np.testing.assert_allclose(root @ root.T, expected, atol=1e-12)
    np.testing.assert_array_equal(root, np.tril(root))
    assert (np.diagonal(root) > 0).all()


def test_many_coordinates_are_correlated_within_their_groups_only(monkeypatch):
    """Blocks of the precision matrix are inverted on their own."""
    groups, kept = np.array([0, 0, 1]), np.linalg.inv(COVARIANCE)
    kept[2, :2] = kept[:2, 2] = 0.0
    together = peak_at(log_normal, CENTRE, UNITS, groups=groups)
    np.testing.assert_allclose(together.normal.root @ together.normal.root.T, COVARIANCE, atol=1e-7)
    monkeypatch.setattr("bayesgmm.engines.normal._MOST_TOGETHER", 2)
    normal = peak_at(log_normal, CENTRE, UNITS, groups=groups).normal
    np.testing.assert_allclose(normal.root @ normal.root.T, np.linalg.inv(kept), atol=1e-7)
    monkeypatch.setattr("bayesgmm.engines.normal.MOST_CURVED", 2)
    peak = peak_at(log_normal, CENTRE, UNITS)
    noise = np.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(peak.normal.positions(noise), CENTRE + UNITS * noise)
    np.testing.assert_allclose(peak.normal.noise(CENTRE + UNITS * noise), noise)
    np.testing.assert_allclose(peak.normal.pulled_back(noise), UNITS * noise)
    assert peak.normal.log_root_determinant == pytest.approx(np.log(UNITS).sum())
