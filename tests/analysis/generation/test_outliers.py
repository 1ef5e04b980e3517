"""Outliers lie outside of all components, and not much farther than rows do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from bayesgmm.analysis.generation.simulate import draw_outliers
from bayesgmm.parameters import MixtureParameters


@pytest.mark.parametrize("d", [1, 2, 8])
def test_outside_of_every_ellipsoid(d):
    rng = np.random.default_rng(d)
    factors = rng.normal(size=(3, d, d + 1))
    mixture = MixtureParameters.from_covariances(
        np.full(3, 1 / 3), rng.normal(size=(3, d)), factors @ np.swapaxes(factors, 1, 2)
    )
    rows = mixture.means[0] + rng.standard_normal((500, d)) @ mixture.cholesky[0].T
    points = draw_outliers(mixture, rows, 200, rng)
    assert points.shape == (200, d)
    for mean, covariance in zip(mixture.means, mixture.covariances, strict=True):
        away = points - mean
        squares = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
        assert squares.min() > chi2.ppf(0.999, d)
    assert draw_outliers(mixture, rows[:1], 3, rng).shape == (3, d)  # one row has no width
    center, half = (rows.max(axis=0) + rows.min(axis=0)) / 2, np.ptp(rows, axis=0) / 2
    assert np.all(np.abs(points - center) < 20 * half)
