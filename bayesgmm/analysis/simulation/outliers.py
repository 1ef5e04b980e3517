"""Rows that come from no component.

Axes: rows n, features d, components k.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import chi2

from bayesgmm.parameters import MixtureParameters

CONTENT = 0.999
"""Of the ellipsoid of each component outside which outliers lie, as in MixSim."""

_WIDER = 1.5  # what the box is multiplied by while half of it or more is inside of ellipsoids


def draw_outliers(
    parameters: MixtureParameters,
    rows: Float[np.ndarray, "n d"],
    n_outliers: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "m d"]:
    """Draw points that are uniform on a box and outside of all components.

    The box is that of the rows, or a wider one with the same centre where they leave too little
    room in it, or are too few to have a width.
    """
    low, high = rows.min(axis=0), rows.max(axis=0)
    centre, half = (low + high) / 2, np.maximum((high - low) / 2, parameters.scales.max(axis=0))
    points = np.empty((0, rows.shape[1]))
    while len(points) < n_outliers:
        drawn = centre + half * rng.uniform(-1.0, 1.0, size=(2 * n_outliers, centre.size))
        outside = drawn[is_outside(parameters, drawn)]
        if len(outside) < n_outliers:
            half = half * _WIDER
        else:
            points = outside[:n_outliers]
    return points


def is_outside(
    parameters: MixtureParameters, rows: Float[np.ndarray, "n d"]
) -> Bool[np.ndarray, " n"]:
    """Say which rows lie outside of the ellipsoids of all components."""
    away = rows[None] - parameters.means[:, None]
    solved = np.linalg.solve(parameters.cholesky, np.swapaxes(away, 1, 2))
    squares = (solved**2).sum(axis=1)
    return np.all(squares > chi2.ppf(CONTENT, parameters.n_features), axis=0)
