"""Passes over rows with missing cells, one pattern of observed features at a time.

Missing cells are integrated out, so the density of a row is the marginal density of its observed
features o. Given these, the missing features m of component k have the mean mu_m + B (x_o - mu_o)
and the covariance C, with B = S_mo S_oo^-1 and C = S_mm - B S_om. So the expected statistics of
complete rows follow from those of observed cells (Ghahramani & Jordan, 1994): with T the matrix
that stacks the identity and B, sums become T sums, and scatter becomes T scatter T' plus counts
times C. By Fisher's identity, EM and the gradient need nothing else.

Without correlations B is zero, and C is diagonal.

``patterns`` are ``Patterns``: the rows of a pattern are contiguous, with observed features only.

References
----------
Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
approach. Advances in Neural Information Processing Systems 6, 120-127.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly, inlined
from bayesgmm.numerics.kernels.rows import component_table, mixture_log_densities, statistics
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def covariances_of(factors):
    """Return covariance matrices (k, d, d), or variances (k, d), from precision factors."""
    result = np.zeros(factors.shape)
    for component in range(factors.shape[0]):
        if factors.ndim == 2:
            for i in range(factors.shape[1]):
                result[component, i] = 1.0 / factors[component, i] ** 2
        else:
            root = inverse(factors[component])
            for i in range(factors.shape[1]):
                for j in range(i + 1):
                    total = 0.0
                    for m in range(j + 1):
                        total += root[i, m] * root[j, m]
                    result[component, i, j] = total
                    result[component, j, i] = total
    return result


@compiled_exactly
def marginals(features, n_observed, constants, means, factors):
    """Return constants, means and factors of the observed features, and B and C of the missing.

    Without correlations B is (k, q, 0), and C are variances (k, q).
    """
    return marginals_with(features, n_observed, constants, means, factors, covariances_of(factors))


@compiled_exactly
def marginals_with(features, n_observed, constants, means, factors, covariances):
    """Return the same, given the covariance matrices."""
    if factors.ndim == 2:
        return _diagonal_marginals(features, n_observed, constants, means, factors, covariances)
    return _full_marginals(features, n_observed, constants, means, factors, covariances)


@compiled_exactly
def _diagonal_marginals(features, n_observed, constants, means, factors, variances):
    k, d = means.shape
    marginal_constants, marginal_means = np.empty(k), np.empty((k, n_observed))
    marginal_factors, rests = np.empty((k, n_observed)), np.empty((k, d - n_observed))
    for component in range(k):
        constant = constants[component] + 0.5 * (d - n_observed) * _LOG_2_PI
        for i in range(n_observed):
            marginal_means[component, i] = means[component, features[i]]
            marginal_factors[component, i] = factors[component, features[i]]
        for i in range(n_observed, d):
            constant -= math.log(factors[component, features[i]])
            rests[component, i - n_observed] = variances[component, features[i]]
        marginal_constants[component] = constant
    slopes = np.zeros((k, d - n_observed, 0))
    return marginal_constants, marginal_means, marginal_factors, slopes, rests


@compiled_exactly
def _full_marginals(features, n_observed, constants, means, factors, covariances):
    k, d = means.shape
    n_missing = d - n_observed
    marginal_constants, marginal_means = np.empty(k), np.empty((k, n_observed))
    marginal_factors = np.zeros((k, n_observed, n_observed))
    slopes, rests = np.zeros((k, n_missing, n_observed)), np.zeros((k, n_missing, n_missing))
    matrix = np.empty((d, d))
    for component in range(k):
        for i in range(d):
            for j in range(d):
                matrix[i, j] = covariances[component, features[i], features[j]]
        root = cholesky(matrix)  # of all features; the first block is that of the observed
        constant = constants[component] + 0.5 * n_missing * _LOG_2_PI
        for i in range(d):
            constant -= math.log(factors[component, i, i])
        for i in range(n_observed):
            constant -= math.log(root[i, i])
            marginal_means[component, i] = means[component, features[i]]
        marginal_constants[component] = constant
        unroot = marginal_factors[component]
        for j in range(n_observed):  # the inverse of that block
            unroot[j, j] = 1.0 / root[j, j]
            for i in range(j + 1, n_observed):
                total = 0.0
                for m in range(j, i):
                    total -= root[i, m] * unroot[m, j]
                unroot[i, j] = total / root[i, i]
        for i in range(n_missing):
            for j in range(n_observed):
                for m in range(j, n_observed):
                    slopes[component, i, j] += root[n_observed + i, m] * unroot[m, j]
            for j in range(n_missing):
                for m in range(min(i, j) + 1):
                    rests[component, i, j] += (
                        root[n_observed + i, n_observed + m] * root[n_observed + j, n_observed + m]
                    )
    return marginal_constants, marginal_means, marginal_factors, slopes, rests


@inlined
def rows_of(patterns, pattern):
    """Return the ends of the rows of a pattern, and their observed cells."""
    first, last = patterns.starts[pattern], patterns.starts[pattern + 1]
    cells = patterns.cells[patterns.cells_starts[pattern] : patterns.cells_starts[pattern + 1]]
    return first, last, cells.reshape(last - first, patterns.n_observed[pattern])


@compiled_exactly
def _add_expected(features, slopes, rest, count, part_sum, part_scatter, total, scatter):
    """Add the expected sums and scatter of complete rows, given one pattern, for one component."""
    n_missing, n_observed = slopes.shape[0], part_sum.shape[0]
    if rest.ndim == 1:
        for i in range(n_observed):
            total[features[i]] += part_sum[i]
            scatter[features[i]] += part_scatter[i]
        for i in range(n_missing):
            scatter[features[n_observed + i]] += count * rest[i]
    else:
        d = n_missing + n_observed
        line, square = np.zeros(d), np.zeros((d, d))
        for i in range(n_observed):
            line[i] = part_sum[i]
            for j in range(n_observed):
                square[i, j] = part_scatter[i, j]
        for i in range(n_missing):
            row = n_observed + i
            for m in range(n_observed):
                line[row] += slopes[i, m] * line[m]
                for j in range(n_observed):
                    square[row, j] += slopes[i, m] * square[m, j]
            for j in range(n_observed):
                square[j, row] = square[row, j]
        for i in range(n_missing):
            row = n_observed + i
            for j in range(n_missing):
                column = n_observed + j
                square[row, column] = count * rest[i, j]
                for m in range(n_observed):
                    square[row, column] += square[row, m] * slopes[j, m]
        for i in range(d):
            total[features[i]] += line[i]
            for j in range(d):
                scatter[features[i], features[j]] += square[i, j]


@compiled_exactly
def pattern_statistics(patterns, row_weights, label_log_likelihoods, constants, means, factors):
    """Return the expected ``statistics`` of complete rows, given the observed cells."""
    k, d = means.shape
    value, counts, sums, scatter = 0.0, np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
    covariances = covariances_of(factors)
    for pattern in range(patterns.n_observed.shape[0]):
        first, last, X = rows_of(patterns, pattern)
        order = patterns.features[pattern]
        part_constants, part_means, part_factors, slopes, rests = marginals_with(
            order, X.shape[1], constants, means, factors, covariances
        )
        part_value, part_counts, part_sums, part_scatter = statistics(
            X, row_weights[first:last], label_log_likelihoods[first:last],
            part_constants, part_means, part_factors,
        )  # fmt: skip
        value += part_value
        for component in range(k):
            counts[component] += part_counts[component]
            _add_expected(
                order, slopes[component], rests[component], part_counts[component],
                part_sums[component], part_scatter[component], sums[component], scatter[component],
            )  # fmt: skip
    return value, counts, sums, scatter


@compiled_exactly
def pattern_log_densities(patterns, label_log_likelihoods, constants, means, factors, output):
    """Write the same as ``mixture_log_densities``, rows in the order of their patterns."""
    covariances = covariances_of(factors)
    for pattern in range(patterns.n_observed.shape[0]):
        first, last, X = rows_of(patterns, pattern)
        part_constants, part_means, part_factors, _, _ = marginals_with(
            patterns.features[pattern], X.shape[1], constants, means, factors, covariances
        )
        mixture_log_densities(
            X, label_log_likelihoods[first:last], part_constants, part_means, part_factors,
            output[first:last],
        )  # fmt: skip


@compiled_exactly
def pattern_table(patterns, label_log_likelihoods, constants, means, factors, normalized, output):
    """Write the same as ``component_table``, rows in the order of their patterns."""
    covariances = covariances_of(factors)
    for pattern in range(patterns.n_observed.shape[0]):
        first, last, X = rows_of(patterns, pattern)
        part_constants, part_means, part_factors, _, _ = marginals_with(
            patterns.features[pattern], X.shape[1], constants, means, factors, covariances
        )
        component_table(
            X, label_log_likelihoods[first:last], part_constants, part_means, part_factors,
            normalized, output[first:last],
        )  # fmt: skip
