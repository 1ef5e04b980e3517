"""Log posterior density and gradient on the unconstrained space, in one pass over the rows.

``positions.py`` says where the parameters lie in a position. The density includes the Jacobians
of the map to them. The gradient follows from the sufficient statistics alone (Fisher's identity).

The parts of a ``CovariancePrior`` enter one by one: as a whole they would cost a microsecond more
in every call. Its prior rows join the statistics of the table.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.covariance_prior import CovariancePrior
from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    correlation_gradient,
    likelihood_gradient,
    log_determinant,
    shrunk_factor,
)
from bayesgmm.numerics.kernels.positions import log_weights_of, parts
from bayesgmm.numerics.kernels.rows import diagonal_statistics, full_statistics
from bayesgmm.numerics.kernels.scale_priors import scale_prior
from bayesgmm.numerics.kernels.triangular import congruence, inverse

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _add_weights(log_weights, counts, concentration, gradient):
    """Dirichlet prior with Jacobian, sum_k a_k log pi_k, and the gradient of the weights."""
    n_components = log_weights.shape[0]
    total = counts.sum() + concentration.sum()
    last = n_components - 1
    value = 0.0
    slope_last = counts[last] + concentration[last] - total * math.exp(log_weights[last])
    for component in range(n_components):
        value += concentration[component] * log_weights[component]
    for component in range(last):
        slope = counts[component] + concentration[component]
        slope -= total * math.exp(log_weights[component])
        gradient[component] = slope - slope_last
    return value


@compiled_exactly
def _add_means_prior(means, loc, precision, gradient):
    value = 0.0
    for component in range(means.shape[0]):
        for feature in range(means.shape[1]):
            distance = means[component, feature] - loc[feature]
            pull = precision[feature] * distance
            value -= 0.5 * pull * distance
            gradient[component, feature] -= pull
    return value


@compiled_exactly
def _add_scales_prior(log_scales, terms, gradient):
    """Priors of the scales with the Jacobian of the logarithm."""
    n_matrices, n_scales = log_scales.shape
    value = 0.0
    for matrix in range(n_matrices):
        for i in range(n_scales):
            prior, slope, _ = scale_prior(terms[i], log_scales[matrix, i])
            value += prior + log_scales[matrix, i]
            gradient[matrix, i] += slope + 1.0
    return value


@compiled_exactly
def correlation_roots(pairs, size, shrinkage):
    """Factors C, roots K of the shrunk correlation matrices, and their inverses."""
    n_matrices = pairs.shape[0]
    factors = np.empty((n_matrices, size, size))
    roots = np.empty((n_matrices, size, size))
    inverses = np.empty((n_matrices, size, size))
    for matrix in range(n_matrices):
        factors[matrix] = correlation_factor(pairs[matrix], size)
        roots[matrix] = shrunk_factor(factors[matrix], shrinkage)
        inverses[matrix] = inverse(roots[matrix])
    return factors, roots, inverses


@compiled_exactly
def precision_factors(log_weights, log_scales, roots, inverses):
    """What the pass over the rows takes: constants (k,) and precision factors (k, d, d)."""
    n_components, (n_matrices, size) = log_weights.shape[0], log_scales.shape
    constants = log_weights - 0.5 * size * _LOG_2_PI
    factors = np.empty((n_components, size, size))
    for component in range(n_components):
        matrix = component % n_matrices
        constants[component] -= log_determinant(roots[matrix]) + log_scales[matrix].sum()
        for j in range(size):
            unscale = math.exp(-log_scales[matrix, j])
            for i in range(size):
                factors[component, i, j] = inverses[matrix, i, j] * unscale
    return constants, factors


@compiled_exactly
def _add_precision_times_sum(factor, total, gradient):
    """Add factor' factor total, the gradient of the log-likelihood in one mean."""
    for i in range(factor.shape[0]):
        whitened = 0.0
        for j in range(i + 1):
            whitened += factor[i, j] * total[j]
        for j in range(i + 1):
            gradient[j] += factor[i, j] * whitened


@compiled_exactly
def _add_prior_rows(prior, factors, whitened):
    """Log density of the prior rows of every covariance matrix, and their whitened scatter."""
    value = 0.0
    if prior.count > 0.0:
        for matrix in range(whitened.shape[0]):
            whitened[matrix] += congruence(factors[matrix], prior.scatter)
            value += prior.count * log_determinant(factors[matrix])
            for i in range(whitened.shape[1]):
                value -= 0.5 * whitened[matrix, i, i]
    return value


@compiled_exactly
def full_state(position, n_components, n_features, n_matrices, shrinkage):
    """What a position says: weights, means, scales, correlations, and what passes over rows take.

    Log weights, means, log scales, factors C, roots K and their inverses, constants, factors.
    """
    ratios, means, log_scales, pairs = parts(
        np.ascontiguousarray(position), n_components, n_features, n_matrices, n_features
    )
    log_weights = log_weights_of(ratios)
    correlation, roots, inverses = correlation_roots(pairs, n_features, shrinkage)
    constants, factors = precision_factors(log_weights, log_scales, roots, inverses)
    return log_weights, means, log_scales, correlation, roots, inverses, constants, factors


@compiled_exactly
def full_value_and_gradient(
    size, state, statistics, constant, concentration, loc, precision, n_matrices, prior
):
    """Value and gradient, given what the position says and the statistics of the rows there."""
    log_weights, means, log_scales, correlation, roots, inverses, _, factors = state
    log_likelihood, counts, sums, squares = statistics
    k, d = means.shape
    gradient = np.zeros(size)
    of_ratios, of_means, of_scales, of_pairs = parts(gradient, k, d, n_matrices, d)
    value = constant + log_likelihood
    value += _add_weights(log_weights, counts, concentration, of_ratios)
    value += _add_means_prior(means, loc, precision, of_means)
    value += _add_scales_prior(log_scales, prior.terms, of_scales)
    total, whitened = np.full(n_matrices, prior.count), np.zeros((n_matrices, d, d))
    value += _add_prior_rows(prior, factors, whitened)
    for component in range(k):
        matrix = component % n_matrices
        total[matrix] += counts[component]
        whitened[matrix] += congruence(factors[component], squares[component])
        _add_precision_times_sum(factors[component], sums[component], of_means[component])
    exponent = 2.0 * prior.eta - 1.0 + d
    for matrix in range(n_matrices):
        factor = correlation[matrix]
        value += exponent * log_determinant(factor)
        of_u, of_factor = likelihood_gradient(
            total[matrix], whitened[matrix], factor, roots[matrix], inverses[matrix],
            prior.shrinkage,
        )  # fmt: skip
        of_scales[matrix] += of_u
        correlation_gradient(factor, of_factor, exponent, of_pairs[matrix])
    return value, gradient


@compiled_exactly
def full_log_posterior(
    position, X, constant, concentration, loc, precision, n_matrices,
    terms, eta, shrinkage, count, scatter, freedom,
):  # fmt: skip
    """Value and gradient for the structures with correlations, d at least 2."""
    state = full_state(position, concentration.shape[0], X.shape[1], n_matrices, shrinkage)
    statistics = full_statistics(X, np.empty(0), state[6], state[1], state[7])
    return full_value_and_gradient(
        position.shape[0], state, statistics, constant, concentration, loc, precision, n_matrices,
        CovariancePrior(terms, eta, shrinkage, count, scatter, freedom),
    )  # fmt: skip


@compiled_exactly
def full_log_posterior_given(
    position, log_likelihood, counts, sums, squares,
    constant, concentration, loc, precision, n_matrices,
    terms, eta, shrinkage, count, scatter, freedom,
):  # fmt: skip
    """The same, where the statistics of the rows at this position are known."""
    state = full_state(position, concentration.shape[0], sums.shape[1], n_matrices, shrinkage)
    return full_value_and_gradient(
        position.shape[0], state, (log_likelihood, counts, sums, squares),
        constant, concentration, loc, precision, n_matrices,
        CovariancePrior(terms, eta, shrinkage, count, scatter, freedom),
    )  # fmt: skip


@compiled_exactly
def diagonal_precision_factors(log_weights, log_scales, n_features):
    """What the pass over the rows takes: constants (k,) and one over the scales (k, d)."""
    n_components, (n_matrices, n_scales) = log_weights.shape[0], log_scales.shape
    constants = log_weights - 0.5 * n_features * _LOG_2_PI
    factors = np.empty((n_components, n_features))
    for component in range(n_components):
        for feature in range(n_features):
            log_scale = log_scales[component % n_matrices, feature % n_scales]
            constants[component] -= log_scale
            factors[component, feature] = math.exp(-log_scale)
    return constants, factors


@compiled_exactly
def _add_diagonal_prior_rows(prior, log_scales, gradient):
    """Log density of the prior rows of every scale, and its gradient."""
    value = 0.0
    if prior.count > 0.0:
        for matrix in range(log_scales.shape[0]):
            for i in range(log_scales.shape[1]):
                log_scale = log_scales[matrix, i]
                whitened = prior.scatter[i, i] * math.exp(-2.0 * log_scale)
                value -= prior.count * log_scale + 0.5 * whitened
                gradient[matrix, i] += whitened - prior.count
    return value


@compiled_exactly
def diagonal_state(position, n_components, n_features, n_matrices, n_scales):
    """Log weights, means, log scales, and what passes over rows take: constants and factors."""
    ratios, means, log_scales, _ = parts(
        np.ascontiguousarray(position), n_components, n_features, n_matrices, n_scales
    )
    log_weights = log_weights_of(ratios)
    constants, factors = diagonal_precision_factors(log_weights, log_scales, n_features)
    return log_weights, means, log_scales, constants, factors


@compiled_exactly
def diagonal_value_and_gradient(
    size, state, statistics, constant, concentration, loc, precision, n_matrices, prior
):
    """Value and gradient, given what the position says and the statistics of the rows there."""
    log_weights, means, log_scales, _, factors = state
    log_likelihood, counts, sums, squares = statistics
    k, d = means.shape
    gradient = np.zeros(size)
    of_ratios, of_means, of_scales, _ = parts(gradient, k, d, n_matrices, log_scales.shape[1])
    value = constant + log_likelihood
    value += _add_weights(log_weights, counts, concentration, of_ratios)
    value += _add_means_prior(means, loc, precision, of_means)
    value += _add_scales_prior(log_scales, prior.terms, of_scales)
    value += _add_diagonal_prior_rows(prior, log_scales, of_scales)
    for component in range(k):
        for feature in range(d):
            squared = factors[component, feature] ** 2
            of_means[component, feature] += squared * sums[component, feature]
            of_scales[component % n_matrices, feature % log_scales.shape[1]] += (
                squared * squares[component, feature] - counts[component]
            )
    return value, gradient


@compiled_exactly
def diagonal_log_posterior(
    position, X, constant, concentration, loc, precision, n_matrices,
    terms, eta, shrinkage, count, scatter, freedom,
):  # fmt: skip
    """Value and gradient for the structures without correlations, and for one feature."""
    k, d, n_scales = concentration.shape[0], X.shape[1], terms.shape[0]
    state = diagonal_state(position, k, d, n_matrices, n_scales)
    statistics = diagonal_statistics(X, np.empty(0), state[3], state[1], state[4])
    return diagonal_value_and_gradient(
        position.shape[0], state, statistics, constant, concentration, loc, precision, n_matrices,
        CovariancePrior(terms, eta, shrinkage, count, scatter, freedom),
    )  # fmt: skip


@compiled_exactly
def diagonal_log_posterior_given(
    position, log_likelihood, counts, sums, squares,
    constant, concentration, loc, precision, n_matrices,
    terms, eta, shrinkage, count, scatter, freedom,
):  # fmt: skip
    """The same, where the statistics of the rows at this position are known."""
    k, d, n_scales = concentration.shape[0], sums.shape[1], terms.shape[0]
    state = diagonal_state(position, k, d, n_matrices, n_scales)
    return diagonal_value_and_gradient(
        position.shape[0], state, (log_likelihood, counts, sums, squares),
        constant, concentration, loc, precision, n_matrices,
        CovariancePrior(terms, eta, shrinkage, count, scatter, freedom),
    )  # fmt: skip
