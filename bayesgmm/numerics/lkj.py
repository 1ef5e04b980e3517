"""The LKJ distribution of correlation matrices."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln


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
