"""Log posterior density and gradient on the unconstrained space, from one pass over the rows.

``positions.py`` says where the parameters lie in a position. The density includes the Jacobians
of the map to them. What a position says is its state; passes over the rows take parts of it, and
what they return goes into the value and, by Fisher's identity, into the gradient. The prior rows
of a ``CovariancePrior`` join the statistics of the table.

Slices are filled by loops: numba's own assignment compiles the text of its error message, too.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    add_partial_scatter,
    correlation_factor,
    correlation_gradient,
    likelihood_gradient,
    log_determinant,
    partial_precisions,
    partial_prior,
)
from bayesgmm.numerics.kernels.positions import log_weights_of, parts
from bayesgmm.numerics.kernels.scale_priors import scale_prior
from bayesgmm.numerics.kernels.triangular import add, congruence, inverse

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _log_prior(log_weights, means, log_scales, prior):
    """Log density of weights (sum a_k log pi_k), means and scales, with Jacobians."""
    value = prior.constant
    for component in range(means.shape[0]):
        value += prior.concentration[component] * log_weights[component]
        for feature in range(means.shape[1]):
            distance = means[component, feature] - prior.loc[component, feature]
            value -= 0.5 * prior.precision[component, feature] * distance * distance
    for matrix in range(log_scales.shape[0]):
        for i in range(log_scales.shape[1]):
            value += scale_prior(prior.covariances.terms[i], log_scales[matrix, i])[0]
            value += log_scales[matrix, i]
    return value


@compiled_exactly
def _write_weights_gradient(log_weights, counts, concentration, of_ratios):
    total = 0.0
    for component in range(counts.shape[0]):
        total += counts[component] + concentration[component]
    last = counts.shape[0] - 1
    slope_last = counts[last] + concentration[last] - total * math.exp(log_weights[last])
    for component in range(last):
        slope = counts[component] + concentration[component]
        of_ratios[component] = slope - total * math.exp(log_weights[component]) - slope_last


@compiled_exactly
def _add_prior_gradient(means, log_scales, prior, of_means, of_scales):
    """Add the gradient of the log prior of means and scales, with the Jacobian of the latter."""
    for component in range(means.shape[0]):
        for feature in range(means.shape[1]):
            distance = means[component, feature] - prior.loc[component, feature]
            of_means[component, feature] -= prior.precision[component, feature] * distance
    for matrix in range(log_scales.shape[0]):
        for i in range(log_scales.shape[1]):
            _, slope, _ = scale_prior(prior.covariances.terms[i], log_scales[matrix, i])
            of_scales[matrix, i] += slope + 1.0


@compiled_exactly
def _correlation_factors(pairs, size):
    """Cholesky factors C of the correlation matrices, and their inverses."""
    shape = (pairs.shape[0], size, size)
    factors, inverses = np.zeros(shape), np.zeros(shape)
    for matrix in range(pairs.shape[0]):
        factor = correlation_factor(pairs[matrix], size)
        add(factor, factors[matrix])
        add(inverse(factor), inverses[matrix])
    return factors, inverses


@compiled_exactly
def _precision_factors(log_weights, log_scales, correlation, inverses):
    """What the pass over the rows takes: constants (k,) and precision factors (k, d, d)."""
    n_components, (n_matrices, size) = log_weights.shape[0], log_scales.shape
    constants = np.empty(n_components)
    factors = np.empty((n_components, size, size))
    for component in range(n_components):
        matrix = component % n_matrices
        constant = log_weights[component] - 0.5 * size * _LOG_2_PI
        constant -= log_determinant(correlation[matrix])
        for j in range(size):
            constant -= log_scales[matrix, j]
            unscale = math.exp(-log_scales[matrix, j])
            for i in range(size):
                factors[component, i, j] = inverses[matrix, i, j] * unscale
        constants[component] = constant
    return constants, factors


@compiled_exactly
def full_state(position, n_features, prior):
    """What a position says: weights, means, scales, correlations, and what passes over rows take.

    Log weights, means, log scales, factors C and their inverses, constants, precision factors.
    """
    ratios, means, log_scales, pairs = parts(
        np.ascontiguousarray(position), prior.concentration.shape[0], n_features,
        prior.n_matrices, n_features,
    )  # fmt: skip
    log_weights = log_weights_of(ratios)
    correlation, inverses = _correlation_factors(pairs, n_features)
    constants, factors = _precision_factors(log_weights, log_scales, correlation, inverses)
    return log_weights, means, log_scales, correlation, inverses, constants, factors


@compiled_exactly
def full_value(state, log_likelihood, prior):
    """Log posterior density, given the log-likelihood of the rows in this state."""
    log_weights, means, log_scales, _, _, _, factors = state
    value = log_likelihood + _log_prior(log_weights, means, log_scales, prior)
    for matrix in range(prior.n_matrices):
        value += _value_of_matrix(state, matrix, partial_precisions(factors[matrix]), prior)
    return value


@compiled_exactly
def _value_of_matrix(state, matrix, precisions, prior):
    """What the prior says of a matrix, beyond its scales, with the Jacobian."""
    correlation, factors, of_matrix = state[3], state[6], prior.covariances
    size = correlation.shape[1]
    value = _exponent(of_matrix, size) * log_determinant(correlation[matrix])
    value += partial_prior(precisions, of_matrix)
    if of_matrix.count > 0.0:
        whitened = congruence(factors[matrix], of_matrix.scatter)
        value += of_matrix.count * log_determinant(factors[matrix])
        for i in range(size):
            value -= 0.5 * whitened[i, i]
    return value


@compiled_exactly
def _exponent(prior, n_features):
    """Power of the diagonal of C in the density, see ``covariances.py``."""
    return 2.0 * prior.eta - 1.0 + n_features


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
def full_log_posterior(state, statistics, prior, gradient):
    """Return the value and write the gradient, given the statistics of the rows in this state."""
    log_weights, means, log_scales, correlation, inverses, _, factors = state
    log_likelihood, counts, sums, squares = statistics
    (k, d), n_matrices, of_matrix = means.shape, prior.n_matrices, prior.covariances
    of_ratios, of_means, of_scales, of_pairs = parts(gradient, k, d, n_matrices, d)
    _write_weights_gradient(log_weights, counts, prior.concentration, of_ratios)
    value = log_likelihood + _log_prior(log_weights, means, log_scales, prior)
    for component in range(k):
        for feature in range(d):
            of_means[component, feature] = 0.0
        _add_precision_times_sum(factors[component], sums[component], of_means[component])
    for matrix in range(n_matrices):
        precisions = partial_precisions(factors[matrix])
        value += _value_of_matrix(state, matrix, precisions, prior)
        count, scatter = of_matrix.count, of_matrix.scatter.copy()
        add_partial_scatter(precisions, of_matrix, scatter)
        for component in range(matrix, k, n_matrices):  # which share the matrix
            count += counts[component]
            add(squares[component], scatter)
        factor, whitened = correlation[matrix], congruence(factors[matrix], scatter)
        of_factor = likelihood_gradient(
            count, whitened, factor, inverses[matrix], of_scales[matrix]
        )
        correlation_gradient(factor, of_factor, _exponent(of_matrix, d), of_pairs[matrix])
    _add_prior_gradient(means, log_scales, prior, of_means, of_scales)
    return value


@compiled_exactly
def _diagonal_precision_factors(log_weights, log_scales, n_features):
    """What the pass over the rows takes: constants (k,) and one over the scales (k, d)."""
    n_components, (n_matrices, n_scales) = log_weights.shape[0], log_scales.shape
    constants = np.empty(n_components)
    factors = np.empty((n_components, n_features))
    for component in range(n_components):
        constant = log_weights[component] - 0.5 * n_features * _LOG_2_PI
        for feature in range(n_features):
            log_scale = log_scales[component % n_matrices, feature % n_scales]
            constant -= log_scale
            factors[component, feature] = math.exp(-log_scale)
        constants[component] = constant
    return constants, factors


@compiled_exactly
def diagonal_state(position, n_features, prior):
    """Log weights, means, log scales, and what passes over rows take: constants and factors."""
    ratios, means, log_scales, _ = parts(
        np.ascontiguousarray(position), prior.concentration.shape[0], n_features,
        prior.n_matrices, prior.covariances.terms.shape[0],
    )  # fmt: skip
    log_weights = log_weights_of(ratios)
    constants, factors = _diagonal_precision_factors(log_weights, log_scales, n_features)
    return log_weights, means, log_scales, constants, factors


@compiled_exactly
def diagonal_value(state, log_likelihood, prior):
    """Log posterior density, given the log-likelihood of the rows in this state."""
    log_weights, means, log_scales, _, _ = state
    of_matrix = prior.covariances
    value = log_likelihood + _log_prior(log_weights, means, log_scales, prior)
    for matrix in range(log_scales.shape[0]):
        value += partial_prior(np.exp(-2.0 * log_scales[matrix]), of_matrix)
        for i in range(log_scales.shape[1]):
            log_scale = log_scales[matrix, i]
            if of_matrix.count > 0.0:
                whitened = of_matrix.scatter[i, i] * math.exp(-2.0 * log_scale)
                value -= of_matrix.count * log_scale + 0.5 * whitened
    return value


@compiled_exactly
def diagonal_log_posterior(state, statistics, prior, gradient):
    """Return the value and write the gradient, given the statistics of the rows in this state."""
    log_weights, means, log_scales, _, factors = state
    log_likelihood, counts, sums, squares = statistics
    (k, d), (n_matrices, n_scales), of_matrix = means.shape, log_scales.shape, prior.covariances
    of_ratios, of_means, of_scales, _ = parts(gradient, k, d, n_matrices, n_scales)
    _write_weights_gradient(log_weights, counts, prior.concentration, of_ratios)
    for matrix in range(n_matrices):
        precisions = np.exp(-2.0 * log_scales[matrix])
        prior_scatter = of_matrix.scatter.copy()
        add_partial_scatter(precisions, of_matrix, prior_scatter)
        for i in range(n_scales):
            of_scales[matrix, i] = precisions[i] * prior_scatter[i, i] - of_matrix.count
    for component in range(k):
        for feature in range(d):
            squared = factors[component, feature] ** 2
            of_means[component, feature] = squared * sums[component, feature]
            of_scales[component % n_matrices, feature % n_scales] += (
                squared * squares[component, feature] - counts[component]
            )
    _add_prior_gradient(means, log_scales, prior, of_means, of_scales)
    return diagonal_value(state, log_likelihood, prior)
