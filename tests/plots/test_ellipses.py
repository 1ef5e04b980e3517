"""Ellipses: by the share of draws that they hold."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

from bayesgmm.plots.view import ellipse_outlines

MEAN, COVARIANCE = np.array([3.0, -1.0]), np.array([[4.0, 1.5], [1.5, 1.0]])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_holds_its_share_of_the_distribution(share):
    rng = np.random.default_rng(1)
    rows = rng.multivariate_normal(MEAN, COVARIANCE, size=100_000)
    outline = ellipse_outlines(MEAN, COVARIANCE, share=share)
    # Four standard errors: a false alarm in 16 000 runs, were the seed not fixed.
    tolerance = 4 * np.sqrt(share * (1 - share) / len(rows)) + 1e-3  # chords cut a little off
    assert abs(Path(outline).contains_points(rows).mean() - share) < tolerance


def test_is_closed_and_keeps_batch_axes():
    means, covariances = np.tile(MEAN, (2, 3, 1)), np.tile(COVARIANCE, (2, 3, 1, 1))
    outlines = ellipse_outlines(means, covariances, share=0.9, n_points=50)
    assert outlines.shape == (2, 3, 50, 2)
    np.testing.assert_allclose(outlines[..., 0, :], outlines[..., -1, :])
