"""Log posterior density and gradient on the unconstrained space, from one pass over the rows.

A position is a vector of unconstrained coordinates (``positions.py``), and its ``State`` holds the
quantities computed from it. The density includes the Jacobians of the map to the parameters. The
passes over rows take parts of the state, and return the log-likelihood and sufficient statistics,
which give the gradient by Fisher's identity. The prior rows of a ``CovariancePrior`` are added to
the statistics of the table.

Slices are filled by loops, because numba's slice assignment also compiles its error messages.
"""

from __future__ import annotations

import math
from typing import NamedTuple

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
    scale_prior,
)
from bayesgmm.numerics.kernels.factors import (
    factor_prior,
    factor_root,
    write_factor_gradient,
)
from bayesgmm.numerics.kernels.positions import log_weights_of, parts
from bayesgmm.numerics.kernels.triangular import add, congruence, inverse

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _log_prior(log_weights, means, log_scales, prior):
    """Return the log density of weights (sum a_k log pi_k), means and scales, with Jacobians."""
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


class State(NamedTuple):
    """Quantities computed from a position.

    Attributes
    ----------
    log_weights : array, shape (k,)
    log_scales : array, shape (m, s)
    roots, inverses : array, shape (m, d, d), or (m, 0, 0) without correlations
        The Cholesky factors C of the correlation matrices, or of I + A A' (``factors.py``), and
        their inverses.
    constants, means, factors : array
        Arguments of the passes over rows, see ``rows.py``.
    pairs : array, shape (m, p)
        The coordinates of correlations, or A.
    """

    log_weights: np.ndarray
    log_scales: np.ndarray
    roots: np.ndarray
    inverses: np.ndarray
    constants: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    pairs: np.ndarray


@compiled_exactly
def state_at(position, prior, factors):
    """Return the fields of a ``State``; ``factors`` are written, (k, d) without correlations.

    A plain tuple, because numba takes a quarter of a millisecond to return a named one to Python.
    """
    (k, d), of_matrix = factors.shape[:2], prior.covariances
    ratios, means, log_scales, pairs = parts(
        np.ascontiguousarray(position), k, d, prior.n_matrices, of_matrix.terms.shape[0]
    )
    log_weights = log_weights_of(ratios)
    roots, inverses = _roots(pairs, d if factors.ndim == 3 else 0, int(of_matrix.n_factors))
    constants = log_weights - 0.5 * d * _LOG_2_PI
    for component in range(k):
        matrix = component % prior.n_matrices
        _write_factor(log_scales[matrix], inverses[matrix], factors[component])
        constants[component] -= log_determinant(roots[matrix])
        for feature in range(d):
            constants[component] -= log_scales[matrix, feature % log_scales.shape[1]]
    return log_weights, log_scales, roots, inverses, constants, means, factors, pairs


@compiled_exactly
def _roots(pairs, size, n_factors):
    """Return the Cholesky factors C of all matrices, and their inverses."""
    shape = (pairs.shape[0], size, size)
    roots, inverses = np.zeros(shape), np.zeros(shape)
    for matrix in range(pairs.shape[0] if size > 0 else 0):
        if n_factors > 0:
            root = factor_root(pairs[matrix].reshape(n_factors, size))
        else:
            root = correlation_factor(pairs[matrix], size)
        add(root, roots[matrix])
        add(inverse(root), inverses[matrix])
    return roots, inverses


@compiled_exactly
def _write_factor(log_scales, root_inverse, factor):
    """Write a precision factor (d, d), or one over the scales (d,) without correlations."""
    for j in range(factor.shape[0]):
        unscale = math.exp(-log_scales[j % log_scales.shape[0]])
        if factor.ndim == 1:
            factor[j] = unscale
        else:
            for i in range(factor.shape[0]):
                factor[i, j] = root_inverse[i, j] * unscale


@compiled_exactly
def value_at(state, log_likelihood, prior):
    """Return the log posterior density, given the log-likelihood of the rows in a state."""
    value = log_likelihood + _log_prior(state.log_weights, state.means, state.log_scales, prior)
    for matrix in range(prior.n_matrices):
        value += _value_of_matrix(state.factors[matrix], state, matrix, prior.covariances)
    return value


@compiled_exactly
def _precisions(factor, n_scales):
    """Return the diagonal of Sigma^-1; without correlations one entry for every scale."""
    return partial_precisions(factor) if factor.ndim == 2 else factor[:n_scales] ** 2


@compiled_exactly
def _value_of_matrix(factor, state, matrix, prior):
    """Return the log prior of a matrix without the terms of its scales, with the Jacobian."""
    log_scales, log_root = state.log_scales[matrix], log_determinant(state.roots[matrix])
    if prior.n_factors > 0.0:
        loadings = state.pairs[matrix].reshape(int(prior.n_factors), factor.shape[0])
        return factor_prior(log_scales, loadings, prior)
    value = _exponent(prior, log_scales.shape[0]) * log_root
    value += partial_prior(_precisions(factor, log_scales.shape[0]), prior)
    if prior.count > 0.0:
        value -= prior.count * log_root + 0.5 * _whitened_trace(factor, prior.scatter)
        for i in range(log_scales.shape[0]):
            value -= prior.count * log_scales[i]
    return value


@compiled_exactly
def _whitened_trace(factor, scatter):
    """Return the trace of Sigma^-1 scatter; without correlations scatter is (s, s)."""
    total = 0.0
    if factor.ndim == 2:
        whitened = congruence(factor, scatter)
    for i in range(scatter.shape[0]):
        total += whitened[i, i] if factor.ndim == 2 else scatter[i, i] * factor[i] ** 2
    return total


@compiled_exactly
def _exponent(prior, n_features):
    """Return the power of the diagonal of C in the density, see ``covariances.py``."""
    return 2.0 * prior.eta - 1.0 + n_features


@compiled_exactly
def _write_mean_gradient(factor, total, gradient):
    """Write factor' factor total, the gradient of the log-likelihood in one mean."""
    for i in range(factor.shape[0]):
        if factor.ndim == 1:
            gradient[i] = factor[i] ** 2 * total[i]
        else:
            whitened, gradient[i] = 0.0, 0.0
            for j in range(i + 1):
                whitened += factor[i, j] * total[j]
            for j in range(i + 1):
                gradient[j] += factor[i, j] * whitened


@compiled_exactly
def _write_matrix_gradient(factors, state, counts, scatter, matrix, prior, of_scales, of_pairs):
    """Write the gradient in one matrix, without that of the priors of its scales.

    Prior rows are included, and so are the scatters that represent other factors of the prior.
    """
    (k, d), (n_matrices, n_scales) = state.means.shape, state.log_scales.shape
    if factors.ndim == 3:  # noqa: SIM102 - numba leaves out what this alone excludes
        if prior.n_factors > 0.0:
            _write_factor_gradient(
                factors, state, counts, scatter, matrix, prior, of_scales, of_pairs
            )
            return
    precisions = _precisions(factors[matrix], n_scales)
    count, pooled = prior.count, prior.scatter.copy()
    add_partial_scatter(precisions, prior, pooled)
    if factors.ndim == 3:
        for component in range(matrix, k, n_matrices):  # which share the matrix
            count += counts[component]
            add(scatter[component], pooled)
        root, whitened = state.roots[matrix], congruence(factors[matrix], pooled)
        of_root = likelihood_gradient(count, whitened, root, state.inverses[matrix], of_scales)
        correlation_gradient(root, of_root, _exponent(prior, d), of_pairs)
    else:
        for scale in range(n_scales):
            of_scales[scale] = precisions[scale] * pooled[scale, scale] - count
        for component in range(matrix, k, n_matrices):
            for feature in range(d):
                of_scales[feature % n_scales] += (
                    factors[component, feature] ** 2 * scatter[component, feature]
                    - counts[component]
                )


@compiled_exactly
def _write_factor_gradient(factors, state, counts, scatter, matrix, prior, of_scales, of_pairs):
    (k, d), n_matrices = state.means.shape, state.log_scales.shape[0]
    count, pooled = 0.0, np.zeros((d, d))
    for component in range(matrix, k, n_matrices):  # which share the matrix
        count += counts[component]
        add(scatter[component], pooled)
    shape = (int(prior.n_factors), d)
    write_factor_gradient(
        count, pooled, factors[matrix], state.inverses[matrix], state.log_scales[matrix],
        state.pairs[matrix].reshape(shape), prior, of_scales, of_pairs.reshape(shape),
    )  # fmt: skip


@compiled_exactly
def write_gradient(state, statistics, prior, gradient):
    """Write the gradient and return the value, given the statistics of the rows in a state."""
    log_likelihood, counts, sums, scatter = statistics
    (k, d), (n_matrices, n_scales) = state.means.shape, state.log_scales.shape
    of_ratios, of_means, of_scales, of_pairs = parts(gradient, k, d, n_matrices, n_scales)
    _write_weights_gradient(state.log_weights, counts, prior.concentration, of_ratios)
    for component in range(k):
        _write_mean_gradient(state.factors[component], sums[component], of_means[component])
    for matrix in range(n_matrices):
        _write_matrix_gradient(
            state.factors, state, counts, scatter, matrix, prior.covariances,
            of_scales[matrix], of_pairs[matrix],
        )  # fmt: skip
    _add_prior_gradient(state.means, state.log_scales, prior, of_means, of_scales)
    return value_at(state, log_likelihood, prior)
