"""One covariance matrix, Sigma = D R D, as a function of unconstrained coordinates.

u (d,) are the logarithms of the scales, D = diag(exp(u)). y (d (d - 1) / 2,) are the correlation
coordinates, ``pairs`` in code: the strictly lower entries, row by row, of the Cholesky factor C of
the correlation matrix R before its rows are normalized. Row i of C is (y_i, 1) / sqrt(1 + |y_i|^2),
and R = C C'.

Under LKJ(eta), |R|^(eta - 1) = prod_i C_ii^(2 eta - 2), and the density of y is proportional to
prod_{i >= 1} C_ii^(2 eta - 1 + d): the rows are independent multivariate t vectors.

Every scale prior has a log density of one form, concave in u = log(sigma);
``bayesgmm.priors.scales`` gives the form and its six coefficients.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.triangular import (
    cholesky,
    congruence,
    inverse,
    transposed_congruence,
)


@compiled_exactly
def scale_prior(terms, log_scale):
    """Return log p(sigma) and its two derivatives in u; ``terms`` has shape (6,)."""
    constant, power, rate, exponent, precision, center = terms
    tail = rate * math.exp(exponent * log_scale)
    distance = log_scale - center
    value = constant + power * log_scale - tail - 0.5 * precision * distance * distance
    slope = power - exponent * tail - precision * distance
    curvature = -exponent * exponent * tail - precision
    return value, slope, curvature


@compiled_exactly
def lone_scale_prior(prior, place, log_scale):
    """Return the same for a scale without correlations, scale mixture and floor included.

    These add -beta log(sigma^-2 + rate) - (floor / sigma)^8; see ``numerics/mixture_prior.py``.
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


@compiled_exactly
def correlation_factor(y, size):
    """Return the Cholesky factor C of the correlation matrix at y."""
    factor = np.zeros((size, size))
    factor[0, 0] = 1.0
    position = 0
    for i in range(1, size):
        square = 1.0
        for j in range(i):
            square += y[position + j] ** 2
        norm = 1.0 / math.sqrt(square)
        for j in range(i):
            factor[i, j] = y[position + j] * norm
        factor[i, i] = norm
        position += i
    return factor


@compiled_exactly
def log_determinant_of(y, size):
    """Return the sum of log C_ii at y."""
    total, position = 0.0, 0
    for i in range(1, size):
        square = 1.0
        for j in range(i):
            square += y[position + j] ** 2
        total -= 0.5 * math.log(square)
        position += i
    return total


@compiled_exactly
def write_coordinates(matrix, log_scales, pairs):
    """Write u and y of a covariance matrix; return False if it is numerically singular."""
    size = matrix.shape[0]
    correlations = np.empty((size, size))
    for i in range(size):
        log_scales[i] = 0.5 * math.log(matrix[i, i])
    for i in range(size):
        for j in range(size):
            correlations[i, j] = matrix[i, j] * math.exp(-log_scales[i] - log_scales[j])
        correlations[i, i] = 1.0
    factor = cholesky(correlations)
    position = 0
    for i in range(1, size):
        if not factor[i, i] > 0.0:
            return False
        for j in range(i):
            pairs[position + j] = factor[i, j] / factor[i, i]
        position += i
    return True


@compiled_exactly
def partial_precisions(precision_factor):
    """Return the diagonal of Sigma^-1 = P' P, given the lower-triangular P."""
    size = precision_factor.shape[0]
    precisions = np.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            precisions[j] += precision_factor[i, j] ** 2
    return precisions


@compiled_exactly
def partial_prior(precisions, prior):
    """Return the terms of the log prior in (Sigma^-1)_jj: the scale mixture and the floor."""
    value = 0.0
    for j in range(precisions.shape[0]):
        if prior.beta > 0.0:
            value -= prior.beta * math.log(precisions[j] + prior.rate[j])
        value -= (prior.floor[j] ** 2 * precisions[j]) ** 4
    return value


@compiled_exactly
def mixing_scatter(precision, prior, place):
    """Return the w for which -(Sigma^-1)_jj w/2 has the gradient of the scale mixture term."""
    return 2.0 * prior.beta / (precision + prior.rate[place]) if prior.beta > 0.0 else 0.0


@compiled_exactly
def floor_scatter(precision, prior, place):
    """Return the same for the term of the floor."""
    return 8.0 * prior.floor[place] ** 8 * precision**3


@compiled_exactly
def add_partial_scatter(precisions, prior, scatter):
    """Add the diagonal W for which -tr(Sigma^-1 W)/2 has the gradient of ``partial_prior``."""
    for j in range(precisions.shape[0]):
        scatter[j, j] += mixing_scatter(precisions[j], prior, j)
        scatter[j, j] += floor_scatter(precisions[j], prior, j)


@compiled_exactly
def likelihood_gradient(count, whitened_scatter, factor, factor_inverse, u_gradient):
    """Write the gradient in u, and return that in C, of the expected log-likelihood.

    That is -count/2 log|Sigma| - tr(Sigma^-1 B)/2 with the scatter B. With V = C^-1 and the
    whitened scatter M = V D^-1 B D^-1 V', the gradient in R is V' (M - count I) V / 2 =: G, in C
    it is 2 G C, and in u_i it is 2 (G R)_ii. By Fisher's identity these are gradients of the
    mixture log-likelihood if count and scatter are weighted by responsibilities.
    """
    size = factor.shape[0]
    excess = whitened_scatter.copy()
    for i in range(size):
        excess[i, i] -= count
    twice_gradient = transposed_congruence(factor_inverse, excess)
    factor_gradient = np.zeros((size, size))
    for i in range(size):
        u_gradient[i] = 0.0
        for j in range(size):
            correlation = 0.0
            for m in range(min(i, j) + 1):
                correlation += factor[i, m] * factor[j, m]
            u_gradient[i] += twice_gradient[i, j] * correlation
        for j in range(i + 1):
            total = 0.0
            for m in range(j, size):
                total += twice_gradient[i, m] * factor[m, j]
            factor_gradient[i, j] = total
    return factor_gradient


@compiled_exactly
def correlation_gradient(factor, factor_gradient, exponent, y_gradient):
    """Write the gradient in y, including that of exponent * sum log C_ii."""
    position = 0
    for i in range(1, factor.shape[0]):
        along = 0.0
        for j in range(i + 1):
            along += factor_gradient[i, j] * factor[i, j]
        for j in range(i):
            tangent = factor_gradient[i, j] - along * factor[i, j]
            y_gradient[position + j] = factor[i, i] * (tangent - exponent * factor[i, j])
        position += i


@compiled_exactly
def log_determinant(factor):
    """Return the sum of the logarithms of the diagonal of a triangular factor."""
    total = 0.0
    for i in range(factor.shape[0]):
        total += math.log(factor[i, i])
    return total


@compiled_exactly
def precision_factor_of(u, factor_inverse):
    """Return the lower-triangular P with Sigma^-1 = P' P, given u and C^-1."""
    size = u.shape[0]
    precision_factor = np.zeros((size, size))
    for j in range(size):
        unscale = math.exp(-u[j])
        for i in range(j, size):
            precision_factor[i, j] = factor_inverse[i, j] * unscale
    return precision_factor


@compiled_exactly
def _expected_value(u, log_root, precision_factor, precisions, count, scatter, prior):
    """Return the value of ``expected_log_posterior``; ``log_root`` is the sum of log C_ii."""
    size = u.shape[0]
    value = (2.0 * (prior.eta - 1.0) - count) * log_root + partial_prior(precisions, prior)
    for i in range(size):
        value += scale_prior(prior.terms[i], u[i])[0] - count * u[i]
        for j in range(i + 1):
            along = 0.0
            for m in range(j):
                along += scatter[j, m] * precision_factor[i, m]
            along += 0.5 * scatter[j, j] * precision_factor[i, j]
            value -= precision_factor[i, j] * along
    return value


@compiled_exactly
def expected_log_density(position, count, scatter, prior):
    """Return the value of ``expected_log_posterior`` without its gradient."""
    size = scatter.shape[0]
    u, y = position[:size], position[size:]
    precision_factor = precision_factor_of(u, inverse(correlation_factor(y, size)))
    precisions = partial_precisions(precision_factor)
    log_root = log_determinant_of(y, size)
    return _expected_value(u, log_root, precision_factor, precisions, count, scatter, prior)


@compiled_exactly
def expected_log_posterior(position, count, scatter, prior):
    """Return the objective of a covariance M-step and its gradient; the position is u, then y.

    The objective is -count/2 log|Sigma| - tr(Sigma^-1 scatter)/2 + log p(scales, R), a density over
    scales and correlation matrix, without the Jacobian of u and y. Count and scatter include the
    prior rows.
    """
    size = scatter.shape[0]
    u, y = position[:size], position[size:]
    factor = correlation_factor(y, size)
    factor_inverse = inverse(factor)
    precision_factor = precision_factor_of(u, factor_inverse)
    precisions = partial_precisions(precision_factor)
    log_root = log_determinant_of(y, size)
    value = _expected_value(u, log_root, precision_factor, precisions, count, scatter, prior)
    together = scatter.copy()
    add_partial_scatter(precisions, prior, together)
    whitened = congruence(precision_factor, together)
    gradient = np.empty(position.shape[0])
    u_gradient, y_gradient = gradient[:size], gradient[size:]
    factor_gradient = likelihood_gradient(count, whitened, factor, factor_inverse, u_gradient)
    for i in range(size):
        u_gradient[i] += scale_prior(prior.terms[i], u[i])[1]
    correlation_gradient(factor, factor_gradient, 2.0 * (prior.eta - 1.0), y_gradient)
    return value, gradient
