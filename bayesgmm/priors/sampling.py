"""Draws from the prior of a whole spec, for looking at what it believes and for calibration."""

from __future__ import annotations

import numpy as np

from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec


def draw_parameters(
    spec: MixtureSpec, n_features: int, n_draws: int, rng: np.random.Generator
) -> MixtureParameters:
    """Draw mixtures from the prior of a resolved spec; the batch axis is the draws."""
    layout = layout_of(spec, n_features)
    shape = (n_draws, spec.n_components, n_features)
    loc, precision = spec.means.expanded(n_features)
    free = spec.covariances.scales.draw(rng, (n_draws, layout.n_matrices, layout.n_scales))
    correlations = None
    if layout.correlated:
        eta = spec.covariances.correlations.eta
        coordinates = _draw_coordinates(eta, n_features, (n_draws, layout.n_matrices), rng)
        correlations = layout.correlations(coordinates)
    return MixtureParameters(
        weights=rng.dirichlet(spec.weights.expanded(spec.n_components), n_draws),
        means=loc + rng.standard_normal(shape) / np.sqrt(precision),
        scales=np.broadcast_to(free, shape).copy(),
        correlations=correlations,
    )


def _draw_coordinates(
    eta: float, size: int, batch: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw correlation coordinates y under LKJ(eta), row after row.

    The density of y factorises over rows of length i = 1, ..., size - 1 into
    (1 + |y_i|^2)^(-(2 eta - 1 + size) / 2), a multivariate t with 2 eta - 1 + size - i degrees
    of freedom: a normal vector over the root of a chi-square.
    """
    rows = []
    for length in range(1, size):
        normal = rng.standard_normal((*batch, length))
        chi_square = rng.chisquare(2 * eta - 1 + size - length, (*batch, 1))
        rows.append(normal / np.sqrt(chi_square))
    return np.concatenate(rows, axis=-1)
