"""Normalizing constants of the inverse-Wishart and the LKJ distribution."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln, multigammaln


def inverse_wishart_log_normalizer(
    degrees_of_freedom: float, scale: Float[np.ndarray, "d d"]
) -> float:
    """Return log c with p(Sigma) = c |Sigma|^(-(nu + d + 1) / 2) exp(-tr(scale Sigma^-1) / 2)."""
    size, half = scale.shape[0], 0.5 * degrees_of_freedom
    log_determinant = np.linalg.slogdet(scale)[1]
    return float(half * (log_determinant - size * math.log(2)) - multigammaln(half, size))


def lkj_log_normalizer(eta: float, size: int) -> float:
    """Return log c with p(C) = c det(C)^(eta - 1) over correlation matrices of this size.

    Lewandowski, Kurowicka & Joe (2009), equations 16 and 17, in the form that follows from the
    independence of the rows of the Cholesky factor: row i (of length i) has density
    proportional to (1 - |c|^2)^(eta - 1 + (size - 1 - i) / 2) on the unit ball.
    """
    lengths = np.arange(1, size)
    powers = eta - 1 + (size - 1 - lengths) / 2
    # The integral of (1 - |c|^2)^a over the ball in m dimensions.
    log_integrals = (
        lengths / 2 * math.log(math.pi) + gammaln(powers + 1) - gammaln(powers + 1 + lengths / 2)
    )
    return float(-log_integrals.sum())
