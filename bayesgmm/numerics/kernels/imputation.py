"""Missing cells given observed ones, for rows that lack the same features.

Given its component k and the observed cells x_o, the missing cells of a row are normal with mean
mu_m + B (x_o - mu_o) and covariance C (``marginals``). Averaged over components and many mixtures,
each cell has a mixture of normal distributions, weighted by responsibilities given observed cells.

Axes: m mixtures, n rows, o observed and q missing features, k components. ``features`` is a
permutation with the observed ones first.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, compiled_exactly
from bayesgmm.numerics.kernels.patterns import marginals
from bayesgmm.numerics.kernels.rows import component_table
from bayesgmm.numerics.kernels.triangular import cholesky

_NEGLIGIBLE = 1e-13  # responsibilities too small to change any digit of the result
_PRECISION = 1e-10  # of quantiles, in standard deviations of the cell
_MOST_STEPS = 200  # far more than bisection needs
_ROOT_2, _ROOT_2_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)


@compiled_exactly
def _roots_of(rests):
    """Return lower Cholesky factors of the covariance matrices C, or roots of the variances."""
    roots = np.sqrt(rests) if rests.ndim == 2 else np.empty(rests.shape)
    if rests.ndim == 3:
        for component in range(rests.shape[0]):
            roots[component] = cholesky(rests[component])
    return roots


@compiled_exactly
def conditional_cells(
    X,
    label_log_likelihoods,
    features,
    constants,
    means,
    factors,
    responsibilities,
    centers,
    spreads,
):
    """Write responsibilities (n, m, k), means (n, q, m, k), standard deviations (q, m, k)."""
    (n, size), (n_mixtures, k) = X.shape, constants.shape
    table, n_missing = np.empty((n, k)), features.shape[0] - size
    for draw in range(n_mixtures):
        part_constants, part_means, part_factors, slopes, rests = marginals(
            features, size, constants[draw], means[draw], factors[draw]
        )
        component_table(
            X, label_log_likelihoods, part_constants, part_means, part_factors, True, table
        )
        responsibilities[:, draw] = table
        for component in range(k):
            for i in range(n_missing):
                spreads[i, draw, component] = _deviation(rests[component], i)
                mean = means[draw, component, features[size + i]]
                for row in range(n):
                    total = mean
                    for j in range(slopes.shape[2]):
                        distance = X[row, j] - part_means[component, j]
                        total += slopes[component, i, j] * distance
                    centers[row, i, draw, component] = total


@compiled_exactly
def _deviation(rest, i):
    return math.sqrt(rest[i] if rest.ndim == 1 else rest[i, i])


@compiled
def _below(value, weights, centers, spreads):
    """Return distribution function and density of a normal mixture."""
    probability, density = 0.0, 0.0
    for term in range(weights.shape[0]):
        distance = (value - centers[term]) / spreads[term]
        probability += weights[term] * 0.5 * math.erfc(-distance / _ROOT_2)
        scaled = weights[term] / (spreads[term] * _ROOT_2_PI)
        density += scaled * math.exp(-0.5 * distance * distance)
    return probability, density


@compiled
def _quantile(level, normal, weights, centers, spreads, start, tolerance):
    """Return a quantile of a normal mixture by safeguarded Newton's method.

    ``normal`` is the quantile of the standard normal distribution. The quantile of a mixture lies
    between those of its components. If a Newton step leaves this bracket, or is more than half as
    long as the last step, the bracket is halved instead.
    """
    low, high = np.inf, -np.inf
    for term in range(weights.shape[0]):
        own = centers[term] + normal * spreads[term]
        low, high = min(low, own), max(high, own)
    value, last = min(max(start, low), high), high - low
    for _ in range(_MOST_STEPS):
        probability, density = _below(value, weights, centers, spreads)
        excess = probability - level
        if excess > 0:
            high = value
        else:
            low = value
        if high - low <= tolerance:
            break
        following = low
        if abs(2.0 * excess) < last * density:
            following = value - excess / density
        if not low < following < high:
            following = 0.5 * (low + high)
        last = abs(following - value)
        value = following
        if last <= tolerance:
            break
    return value


@compiled
def summaries(responsibilities, centers, spreads, levels, normals, output):
    """Write mean, standard deviation and quantiles of every cell, (n, q, 2 + n_levels)."""
    n, n_missing, n_mixtures, k = centers.shape
    work = np.empty((3, n_mixtures * k))
    for row in range(n):
        for cell in range(n_missing):
            size, total, mean = 0, 0.0, 0.0
            for draw in range(n_mixtures):
                for component in range(k):
                    responsibility = responsibilities[row, draw, component]
                    if responsibility > _NEGLIGIBLE:
                        work[0, size] = responsibility
                        work[1, size] = centers[row, cell, draw, component]
                        work[2, size] = spreads[cell, draw, component]
                        total += responsibility
                        mean += responsibility * work[1, size]
                        size += 1
            mean /= total
            weights, own, widths = work[0, :size], work[1, :size], work[2, :size]
            variance = 0.0
            for term in range(size):
                weights[term] /= total
                variance += weights[term] * (widths[term] ** 2 + (own[term] - mean) ** 2)
            sd = math.sqrt(variance)
            output[row, cell, 0] = mean
            output[row, cell, 1] = sd
            for number in range(levels.shape[0]):
                start = mean + normals[number] * sd
                output[row, cell, 2 + number] = _quantile(
                    levels[number], normals[number], weights, own, widths, start, _PRECISION * sd
                )


@compiled_exactly
def _picked(responsibilities, uniform):
    """Return the component chosen by a uniform random number."""
    level, last = uniform * responsibilities.sum(), 0
    for component in range(responsibilities.shape[0]):
        if responsibilities[component] > 0:
            last = component
            if level < responsibilities[component]:
                break
        level -= responsibilities[component]
    return last


@compiled_exactly
def imputations(
    X, label_log_likelihoods, features, constants, means, factors, uniforms, noise, output
):
    """Draw the component of each row, then all its missing cells, into ``output`` (n, q)."""
    (n, size), n_missing = X.shape, noise.shape[1]
    part_constants, part_means, part_factors, slopes, rests = marginals(
        features, size, constants, means, factors
    )
    responsibilities, roots = np.empty((n, means.shape[0])), _roots_of(rests)
    component_table(
        X, label_log_likelihoods, part_constants, part_means, part_factors, True, responsibilities
    )
    for row in range(n):
        component = _picked(responsibilities[row], uniforms[row])
        for i in range(n_missing):
            total = means[component, features[size + i]]
            for j in range(slopes.shape[2]):
                total += slopes[component, i, j] * (X[row, j] - part_means[component, j])
            output[row, i] = total + _times(roots[component], noise[row], i)


@compiled_exactly
def _times(root, noise, i):
    """Return entry i of root @ noise."""
    if root.ndim == 1:
        return root[i] * noise[i]
    total = 0.0
    for j in range(i + 1):
        total += root[i, j] * noise[j]
    return total
