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


@compiled_exactly
def lone_scale_prior(prior, place, log_scale):
    """The same for a scale without correlations, with the scale mixture and the floor.

    That is -beta log(sigma^-2 + rate) - (floor / sigma)^8, see ``bayesgmm.numerics.mixture_prior``.
    """
    value, slope, curvature = scale_prior(prior.terms[place], log_scale)
    precision = math.exp(-2.0 * log_scale)
    wall = (prior.floor[place] ** 2 * precision) ** 4
    value, slope, curvature = value - wall, slope + 8.0 * wall, curvature - 64.0 * wall
    if prior.beta > 0.0:
        together = precision + prior.rate[place]
        share = precision / together
        value -= prior.beta * math.log(together)
        slope += 2.0 * prior.beta * share
        curvature -= 4.0 * prior.beta * share * (1.0 - share)
    return value, slope, curvature
