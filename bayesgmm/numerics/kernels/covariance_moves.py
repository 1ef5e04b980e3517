"""Updates of a covariance matrix given allocations that do not propose it as a whole.

Given the count N and scatter B of the rows about the mean, prior rows included, the full
conditional over scales and correlations is

    |Sigma|^(-N/2) exp(-tr(Sigma^-1 B) / 2) |R|^(eta - 1) prod_i p(sigma_i),

times the prior of the precisions (Sigma^-1)_jj. Its cost does not depend on the number of rows.

**Hamiltonian Monte Carlo** (Duane et al., 1987; Neal, 2011) updates all d (d + 1) / 2 numbers
together. With L L' = B / N, write Sigma^-1 = L'^-1 V' V L^-1 for a lower-triangular V. The
likelihood of V does not depend on B: by the decomposition of Bartlett (1933) its entries are
independent, those below the diagonal normal with variance 1 / N, and log V_ii nearly normal with
variance 1 / (2 N). In these units the full conditional is close to standard normal for any d and
any correlations, without an estimate of the curvature. A trajectory of length pi / 2 then gives a
nearly independent draw.

**Slice sampling** (Neal, 2003) updates one coordinate after the other. It does not need a scatter
matrix of full rank, and serves components with few rows.

References
----------
Bartlett, M. S. (1933). On the theory of statistical regression. Proceedings of the Royal Society
of Edinburgh 53, 260-283.
Duane, S., Kennedy, A. D., Pendleton, B. J. and Roweth, D. (1987). Hybrid Monte Carlo. Physics
Letters B 195, 216-222.
Neal, R. M. (2003). Slice sampling. Annals of Statistics 31, 705-767.
Neal, R. M. (2011). MCMC using Hamiltonian dynamics. In: Handbook of Markov Chain Monte Carlo,
chapter 5. Chapman & Hall/CRC.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    expected_log_density,
    floor_scatter,
    log_determinant_of,
    mixing_scatter,
    partial_precisions,
    partial_prior,
    precision_factor_of,
    scale_prior,
)
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

SLICE_WIDTH = 1.0  # in log scales and correlation coordinates; stepping out does the rest
MOST_STEPS = 50
_TRAJECTORY = 0.5 * math.pi  # after which a draw from a standard normal distribution is independent
_MOST_LEAPFROG_STEPS = 100


@compiled_exactly
def copy(vector, target):
    """Write a vector into another."""
    for place in range(vector.shape[0]):
        target[place] = vector[place]


@compiled_exactly
def triangle_product(left, right):
    """Product of two lower-triangular matrices."""
    size = left.shape[0]
    product = np.zeros((size, size))
    for i in range(size):
        for m in range(i + 1):
            for j in range(m + 1):
                product[i, j] += left[i, m] * right[m, j]
    return product


@compiled_exactly
def _log_density_of_factor(triangle, root, root_inverse, count, prior):
    """Return the log density up to a constant, and its gradient in V, on the diagonal in log V_ii.

    The density is the full conditional times three Jacobians: prod_i sigma_i^-d of scales and
    correlations with respect to Sigma; prod_i P_ii^(i - 2 (d + 1)), with i from 1, of Sigma with
    respect to P = V L^-1; and V_ii of its logarithm.
    """
    size = triangle.shape[0]
    back = inverse(triangle)
    sigma_root = triangle_product(root, back)  # K, with K K' = Sigma
    value, gradient = 0.0, np.empty((size, size))
    for i in range(size):
        power = count - 2.0 * prior.eta + (i + 1.0) - 2.0 * size + 1.0
        value += power * math.log(triangle[i, i])
        for j in range(i + 1):
            value -= 0.5 * count * triangle[i, j] ** 2
            gradient[i, j] = -count * triangle[i, j]
        gradient[i, i] += power / triangle[i, i]
    # With g_i the derivative of the terms of scales in log sigma_i and G = diag(g / sigma^2), the
    # gradient in K is G K, and in V it is -K' G K V'^-1.
    pulled = np.zeros((size, size))
    for i in range(size):
        variance = 0.0
        for j in range(i + 1):
            variance += sigma_root[i, j] ** 2
        log_scale = 0.5 * math.log(variance)
        of_prior, slope, _ = scale_prior(prior.terms[i], log_scale)
        own = size + 2.0 * (prior.eta - 1.0)
        value += of_prior - own * log_scale
        slope = (slope - own) / variance
        for a in range(i + 1):
            along = slope * sigma_root[i, a]
            for b in range(a + 1):
                pulled[a, b] += along * sigma_root[i, b]
    for a in range(size):
        for b in range(a):
            pulled[b, a] = pulled[a, b]
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += pulled[i, m] * back[j, m]
            gradient[i, j] -= total
    if prior.beta > 0.0 or prior.floor.max() > 0.0:
        value += _add_partial_prior(triangle, root_inverse, prior, gradient)
    for i in range(size):
        gradient[i, i] *= triangle[i, i]
    return value, gradient


@compiled_exactly
def _add_partial_prior(triangle, root_inverse, prior, gradient):
    """Return the log prior of the diagonal of Sigma^-1 = P' P; add its gradient in V."""
    size = triangle.shape[0]
    factor = triangle_product(triangle, root_inverse)
    precisions = partial_precisions(factor)
    for j in range(size):
        slope = mixing_scatter(precisions[j], prior, j) + floor_scatter(precisions[j], prior, j)
        for i in range(j, size):
            pull = slope * factor[i, j]
            for m in range(j, i + 1):
                gradient[i, m] -= pull * root_inverse[m, j]
    return partial_prior(precisions, prior)


@compiled_exactly
def hamiltonian_covariance(count, scatter, prior, step, rng, log_scales, pairs):
    """Draw one covariance matrix in place by Hamiltonian Monte Carlo; return the acceptance.

    ``step`` is the step size of the leapfrog integrator, in standard deviations; the length of the
    trajectory is uniform on (pi / 4, 3 pi / 4). NaN if the scatter is singular: nothing was tried.
    """
    size = scatter.shape[0]
    root = cholesky(scatter)
    if not np.isfinite(root).all():
        return np.nan
    root /= math.sqrt(count)
    root_inverse = inverse(root)
    factor = correlation_factor(pairs, size)
    here = triangle_product(precision_factor_of(log_scales, inverse(factor)), root)
    triangle, momentum = here.copy(), np.zeros((size, size))
    off, on = 1.0 / math.sqrt(count), 1.0 / math.sqrt(2.0 * count)  # widths
    energy = 0.0
    for i in range(size):
        for j in range(i + 1):
            momentum[i, j] = rng.standard_normal()
            energy += 0.5 * momentum[i, j] ** 2
    n_steps = int((0.5 + rng.random()) * _TRAJECTORY / step) + 1
    threshold = -rng.standard_exponential()
    value, gradient = _log_density_of_factor(triangle, root, root_inverse, count, prior)
    energy -= value
    for _ in range(min(n_steps, _MOST_LEAPFROG_STEPS)):
        for i in range(size):
            for j in range(i):
                momentum[i, j] += 0.5 * step * off * gradient[i, j]
                triangle[i, j] += step * off * momentum[i, j]
            momentum[i, i] += 0.5 * step * on * gradient[i, i]
            triangle[i, i] *= math.exp(step * on * momentum[i, i])
        value, gradient = _log_density_of_factor(triangle, root, root_inverse, count, prior)
        if not math.isfinite(value):
            return 0.0
        for i in range(size):
            for j in range(i):
                momentum[i, j] += 0.5 * step * off * gradient[i, j]
            momentum[i, i] += 0.5 * step * on * gradient[i, i]
    energy += value
    for i in range(size):
        for j in range(i + 1):
            energy -= 0.5 * momentum[i, j] ** 2
    if not energy > threshold:
        return 0.0
    _write(triangle_product(root, inverse(triangle)), log_scales, pairs)
    return 1.0


@compiled_exactly
def _write(sigma_root, log_scales, pairs):
    """Write u and y of the covariance matrix with this Cholesky factor."""
    position = 0
    for i in range(log_scales.shape[0]):
        variance = 0.0
        for j in range(i + 1):
            variance += sigma_root[i, j] ** 2
        log_scales[i] = 0.5 * math.log(variance)
        for j in range(i):
            pairs[position + j] = sigma_root[i, j] / sigma_root[i, i]
        position += i


@compiled_exactly
def _log_conditional(position, count, scatter, prior):
    """Log density of u and y together, with the Jacobians of scales and correlations."""
    size = scatter.shape[0]
    u, y = position[:size], position[size:]
    value = expected_log_density(position, count, scatter, prior)
    return value + u.sum() + (size + 1.0) * log_determinant_of(y, size)


@compiled_exactly
def slice_covariance(count, scatter, prior, rng, log_scales, pairs):
    """One slice-sampling update of every log scale and every correlation coordinate."""
    size = log_scales.shape[0]
    position = np.concatenate((log_scales, pairs))
    for place in range(position.shape[0]):
        here = position[place]
        level = _log_conditional(position, count, scatter, prior)
        level -= rng.standard_exponential()
        low = here - SLICE_WIDTH * rng.random()
        high = low + SLICE_WIDTH
        for end in range(2):
            for _ in range(MOST_STEPS):
                position[place] = low if end == 0 else high
                if not _log_conditional(position, count, scatter, prior) > level:
                    break
                if end == 0:
                    low -= SLICE_WIDTH
                else:
                    high += SLICE_WIDTH
        while True:
            position[place] = low + (high - low) * rng.random()
            if _log_conditional(position, count, scatter, prior) >= level:
                break
            if position[place] < here:
                low = position[place]
            else:
                high = position[place]
    copy(position[:size], log_scales)
    copy(position[size:], pairs)
