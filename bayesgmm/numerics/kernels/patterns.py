"""Rows with missing cells: passes over those that lack the same features, one pattern at a time.

What a row does not have is integrated out. Its density is the marginal one, of the observed
features o; given these, the missing ones m of component k have the mean mu_m + B (x_o - mu_o) and
the covariance C, with B = S_mo S_oo^-1 and C = S_mm - B S_om. So the expected statistics of whole
rows follow from those of observed cells (Ghahramani & Jordan, 1994): with T the matrix that stacks
the identity and B, sums become T sums, and scatter T scatter T' plus counts times C. By Fisher's
identity they are all that EM, the gradient and the likelihood need.

The rows of one pattern lie one behind the other in ``cells``, observed features only. A pattern is
a line of ``features``, a permutation with the observed ones first, with their number in
``n_observed`` and its rows in ``starts``; ``cells_starts`` says where its cells begin.

References
----------
Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
approach. Advances in Neural Information Processing Systems 6, 120-127.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.rows import (
    diagonal_component_table,
    diagonal_mixture_log_densities,
    diagonal_statistics,
    full_component_table,
    full_mixture_log_densities,
    full_statistics,
)
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def covariances_of(factors):
    """The covariance matrices (k, d, d) behind precision factors."""
    k, d, _ = factors.shape
    result = np.zeros((k, d, d))
    for component in range(k):
        root = inverse(factors[component])
        for i in range(d):
            for j in range(i + 1):
                total = 0.0
                for m in range(j + 1):
                    total += root[i, m] * root[j, m]
                result[component, i, j] = total
                result[component, j, i] = total
    return result


@compiled_exactly
def full_marginals(features, n_observed, constants, means, factors):
    """Constants, means and factors of the observed features; then B and C of the missing ones."""
    return marginals_with(features, n_observed, constants, means, factors, covariances_of(factors))


@compiled_exactly
def marginals_with(features, n_observed, constants, means, factors, covariances):
    """The same, where the covariance matrices are known."""
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
        root = cholesky(matrix)  # of all, in this order: its first block is that of the observed
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


@compiled_exactly
def _add_expected(features, slopes, rest, statistics, component, totals):
    """Add what rows of a pattern contribute to the statistics of whole rows of one component."""
    _, part_counts, part_sums, part_scatter = statistics
    _, counts, sums, scatter = totals
    n_missing, n_observed = slopes.shape
    d, count = n_missing + n_observed, part_counts[component]
    counts[component] += count
    total, square = np.zeros(d), np.zeros((d, d))
    for i in range(n_observed):
        total[i] = part_sums[component, i]
        for j in range(n_observed):
            square[i, j] = part_scatter[component, i, j]
    for i in range(n_missing):
        row = n_observed + i
        for m in range(n_observed):
            total[row] += slopes[i, m] * total[m]
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
        sums[component, features[i]] += total[i]
        for j in range(d):
            scatter[component, features[i], features[j]] += square[i, j]


@compiled_exactly
def full_pattern_statistics(
    cells, cells_starts, features, n_observed, starts, row_weights, plausibilities,
    constants, means, factors,
):  # fmt: skip
    """What ``full_statistics`` returns of whole rows, expected given the observed cells."""
    k, d = means.shape
    totals = (np.zeros(1), np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d)))
    covariances = covariances_of(factors)
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        order = features[pattern]
        part_constants, part_means, part_factors, slopes, rests = marginals_with(
            order, size, constants, means, factors, covariances
        )
        statistics = full_statistics(
            X, row_weights[first:last], plausibilities[first:last],
            part_constants, part_means, part_factors,
        )  # fmt: skip
        totals[0][0] += statistics[0]
        for component in range(k):
            _add_expected(order, slopes[component], rests[component], statistics, component, totals)
    return totals[0][0], totals[1], totals[2], totals[3]


@compiled_exactly
def diagonal_marginals(features, n_observed, constants, means, factors):
    """Constants, means and factors of the observed features."""
    k, d = means.shape
    marginal_constants = np.empty(k)
    marginal_means, marginal_factors = np.empty((k, n_observed)), np.empty((k, n_observed))
    for component in range(k):
        constant = constants[component] + 0.5 * (d - n_observed) * _LOG_2_PI
        for i in range(n_observed):
            marginal_means[component, i] = means[component, features[i]]
            marginal_factors[component, i] = factors[component, features[i]]
        for i in range(n_observed, d):
            constant -= math.log(factors[component, features[i]])
        marginal_constants[component] = constant
    return marginal_constants, marginal_means, marginal_factors


@compiled_exactly
def diagonal_pattern_statistics(
    cells, cells_starts, features, n_observed, starts, row_weights, plausibilities,
    constants, means, factors,
):  # fmt: skip
    """What ``diagonal_statistics`` returns of whole rows, expected given the observed cells."""
    k, d = means.shape
    value, counts, sums, scatter = 0.0, np.zeros(k), np.zeros((k, d)), np.zeros((k, d))
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        order = features[pattern]
        part_value, part_counts, part_sums, part_scatter = diagonal_statistics(
            X, row_weights[first:last], plausibilities[first:last],
            *diagonal_marginals(order, size, constants, means, factors),
        )  # fmt: skip
        value += part_value
        for component in range(k):
            counts[component] += part_counts[component]
            for i in range(size):
                sums[component, order[i]] += part_sums[component, i]
                scatter[component, order[i]] += part_scatter[component, i]
            for i in range(size, d):
                scatter[component, order[i]] += part_counts[component] / (
                    factors[component, order[i]] ** 2
                )
    return value, counts, sums, scatter


@compiled_exactly
def full_pattern_log_densities(
    cells, cells_starts, features, n_observed, starts, plausibilities,
    constants, means, factors, output,
):  # fmt: skip
    """Write what ``full_mixture_log_densities`` does, rows in the order of their patterns."""
    covariances = covariances_of(factors)
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        part_constants, part_means, part_factors, _, _ = marginals_with(
            features[pattern], size, constants, means, factors, covariances
        )
        full_mixture_log_densities(
            X, plausibilities[first:last], part_constants, part_means, part_factors,
            output[first:last],
        )  # fmt: skip


@compiled_exactly
def full_pattern_table(
    cells, cells_starts, features, n_observed, starts, plausibilities,
    constants, means, factors, normalized, output,
):  # fmt: skip
    """Write what ``full_component_table`` does, rows in the order of their patterns."""
    covariances = covariances_of(factors)
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        part_constants, part_means, part_factors, _, _ = marginals_with(
            features[pattern], size, constants, means, factors, covariances
        )
        full_component_table(
            X, plausibilities[first:last], part_constants, part_means, part_factors, normalized,
            output[first:last],
        )  # fmt: skip


@compiled_exactly
def diagonal_pattern_log_densities(
    cells, cells_starts, features, n_observed, starts, plausibilities,
    constants, means, factors, output,
):  # fmt: skip
    """Write what ``diagonal_mixture_log_densities`` does, rows in the order of their patterns."""
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        part_constants, part_means, part_factors = diagonal_marginals(
            features[pattern], size, constants, means, factors
        )
        diagonal_mixture_log_densities(
            X, plausibilities[first:last], part_constants, part_means, part_factors,
            output[first:last],
        )  # fmt: skip


@compiled_exactly
def diagonal_pattern_table(
    cells, cells_starts, features, n_observed, starts, plausibilities,
    constants, means, factors, normalized, output,
):  # fmt: skip
    """Write what ``diagonal_component_table`` does, rows in the order of their patterns."""
    for pattern in range(n_observed.shape[0]):
        first, last, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(last - first, size)
        part_constants, part_means, part_factors = diagonal_marginals(
            features[pattern], size, constants, means, factors
        )
        diagonal_component_table(
            X, plausibilities[first:last], part_constants, part_means, part_factors, normalized,
            output[first:last],
        )  # fmt: skip
