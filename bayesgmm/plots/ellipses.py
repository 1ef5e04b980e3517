"""Ellipses that hold a given share of a bivariate normal distribution."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def ellipse_outlines(
    means: Float[np.ndarray, "*batch 2"],
    covariances: Float[np.ndarray, "*batch 2 2"],
    *,
    share: float,
    n_points: int = 121,
) -> Float[np.ndarray, "*batch points 2"]:
    """Return closed outlines of the regions of highest density with this probability.

    The squared Mahalanobis distance of a bivariate normal vector is exponential with mean 2, so
    that its quantile is -2 log(1 - share).
    """
    radius = np.sqrt(-2.0 * np.log1p(-share))
    angles = np.linspace(0.0, 2.0 * np.pi, n_points)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    roots = np.linalg.cholesky(covariances)
    return means[..., None, :] + circle @ np.swapaxes(roots, -1, -2)
