"""The log density of a standard deviation under its prior, written in u = log(sigma).

One form covers every scale prior of the package; ``bayesgmm.priors.scales`` states it and gives
the six coefficients. It is concave in u.
"""

from __future__ import annotations

import math

from bayesgmm.numerics.kernels.compiling import compiled_exactly


@compiled_exactly
def scale_prior(terms, log_scale):
    """Value, first and second derivative in u of log p(sigma); ``terms`` has shape (6,)."""
    constant, power, rate, exponent, precision, centre = terms
    tail = rate * math.exp(exponent * log_scale)
    distance = log_scale - centre
    value = constant + power * log_scale - tail - 0.5 * precision * distance * distance
    slope = power - exponent * tail - precision * distance
    curvature = -exponent * exponent * tail - precision
    return value, slope, curvature
