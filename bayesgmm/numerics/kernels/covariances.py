"""One covariance matrix, Sigma = D R D, as a function of unconstrained numbers.

u (d,) are the logarithms of the scales, D = diag(exp(u)). y (d (d - 1) / 2,) are the strictly
lower entries, row by row, of the Cholesky factor C of a correlation matrix before its rows are
normalised: row i of C is (y_i, 1) / sqrt(1 + |y_i|^2). R = (1 - shrinkage) C C' + shrinkage I.

Under LKJ(eta), det(C C')^(eta - 1) = prod_i C_ii^(2 eta - 2), and on the space of y the density
is prod_{i >= 1} C_ii^(2 eta - 1 + d): the rows are independent multivariate t vectors.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.scale_priors import scale_prior
from bayesgmm.numerics.kernels.triangular import (
    cholesky,
    congruence,
    inverse,
    transposed_congruence,
)


@compiled_exactly
def correlation_factor(y, size):
    """Cholesky factor C of a correlation matrix from y."""
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
def shrunk_factor(factor, shrinkage):
    """Cholesky factor K of R = (1 - shrinkage) C C' + shrinkage I."""
    if shrinkage == 0.0:
        return factor
    size = factor.shape[0]
    matrix = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += factor[i, m] * factor[j, m]
            matrix[i, j] = (1.0 - shrinkage) * total
        matrix[i, i] = 1.0
    return cholesky(matrix)


@compiled_exactly
def likelihood_gradient(count, whitened_scatter, factor, root, root_inverse, shrinkage, u_gradient):
    """Gradient of the expected log-likelihood -count/2 log|Sigma| - tr(Sigma^-1 B)/2 in u and C.

    With V = K^-1 and the whitened scatter M = V D^-1 B D^-1 V', the gradient in R is
    V' (M - count I) V / 2 =: G, in C it is 2 (1 - shrinkage) G C, and in u_i it is 2 (G R)_ii.
    By Fisher's identity these are gradients of the mixture log-likelihood itself when the count
    and scatter are weighted with the responsibilities. The gradient in u is written into its
    argument, that in C returned.
    """
    size = factor.shape[0]
    excess = whitened_scatter.copy()
    for i in range(size):
        excess[i, i] -= count
    twice_gradient = transposed_congruence(root_inverse, excess)
    factor_gradient = np.zeros((size, size))
    for i in range(size):
        u_gradient[i] = 0.0
        for j in range(size):
            correlation = 0.0
            for m in range(min(i, j) + 1):
                correlation += root[i, m] * root[j, m]
            u_gradient[i] += twice_gradient[i, j] * correlation
        for j in range(i + 1):
            total = 0.0
            for m in range(j, size):
                total += twice_gradient[i, m] * factor[m, j]
            factor_gradient[i, j] = (1.0 - shrinkage) * total
    return factor_gradient


@compiled_exactly
def correlation_gradient(factor, factor_gradient, exponent, y_gradient):
    """Write into ``y_gradient`` the gradient in y, adding that of exponent * sum log C_ii."""
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
    """Sum of the logarithms of the diagonal."""
    total = 0.0
    for i in range(factor.shape[0]):
        total += math.log(factor[i, i])
    return total


@compiled_exactly
def expected_log_posterior(position, count, scatter, prior):
    """What a covariance M-step maximises, and its gradient; the position is u, then y.

    -count/2 log|Sigma| - tr(Sigma^-1 scatter)/2 + log p(scales) + (eta - 1) log|C C'|, densities
    with respect to scales and correlation matrix (no Jacobian of u and y, no LKJ constant).
    Count and scatter are those of rows and prior rows together.
    """
    size = scatter.shape[0]
    u, y = position[:size], position[size:]
    factor = correlation_factor(y, size)
    root = shrunk_factor(factor, prior.shrinkage)
    root_inverse = inverse(root)
    unscaled = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            unscaled[i, j] = scatter[i, j] * math.exp(-u[i] - u[j])
    whitened = congruence(root_inverse, unscaled)
    value = -count * log_determinant(root) + 2.0 * (prior.eta - 1.0) * log_determinant(factor)
    gradient = np.empty(position.shape[0])
    u_gradient, y_gradient = gradient[:size], gradient[size:]
    factor_gradient = likelihood_gradient(
        count, whitened, factor, root, root_inverse, prior.shrinkage, u_gradient
    )
    for i in range(size):
        of_scale, slope, _ = scale_prior(prior.terms[i], u[i])
        value += of_scale - count * u[i] - 0.5 * whitened[i, i]
        u_gradient[i] += slope
    correlation_gradient(factor, factor_gradient, 2.0 * (prior.eta - 1.0), y_gradient)
    return value, gradient
