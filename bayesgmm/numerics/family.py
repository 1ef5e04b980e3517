"""The family of distributions that components are of.

It is elliptical: its density depends on the squared Mahalanobis distance q of a row from the mean
alone, and is |Sigma|^(-1/2) exp(log_kernel(q, d)). Of the normal family, the only one, compiled
passes over rows have the kernel written in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import gammaincinv, ndtri


@dataclass(frozen=True)
class Normal:
    """The multivariate normal distribution."""

    def log_kernel(self, squares: float, n_features: int) -> float:
        """Return the logarithm of the density at a squared distance, where Sigma is one."""
        return -0.5 * squares - 0.5 * n_features * math.log(2 * math.pi)

    def radius(self, probability: float, n_features: int) -> float:
        """Return the Mahalanobis distance within which rows lie with this probability."""
        return math.sqrt(2.0 * gammaincinv(0.5 * n_features, probability))

    def quantiles(self, probabilities: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Return quantiles of one feature with mean zero and scale one."""
        return ndtri(probabilities)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw points (..., d) with mean zero and Sigma one."""
        return rng.standard_normal(shape)


FAMILY = Normal()
