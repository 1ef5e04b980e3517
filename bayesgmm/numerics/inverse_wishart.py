"""The inverse-Wishart distribution of covariance matrices."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import multigammaln


def inverse_wishart_log_normalizer(
    degrees_of_freedom: float, scale: Float[np.ndarray, "d d"]
) -> float:
    """Return log c with p(Sigma) = c |Sigma|^(-(nu + d + 1) / 2) exp(-tr(scale Sigma^-1) / 2)."""
    size, half = scale.shape[0], 0.5 * degrees_of_freedom
    log_determinant = np.linalg.slogdet(scale)[1]
    return float(half * (log_determinant - size * math.log(2)) - multigammaln(half, size))
