"""Gibbs sweeps: allocations, then weights, means and covariances, on the unconstrained space.

A state is a position as in ``log_posterior.py``. The log weights are kept beside it, because
log-ratios are all that a position has of them.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.allocations import diagonal_allocations, full_allocations
from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.conditionals import (
    diagonal_mean_shift,
    draw_covariance,
    draw_log_scale,
    draw_log_weights,
    full_mean_shift,
)
from bayesgmm.numerics.kernels.log_posterior import (
    correlation_roots,
    log_weights_of,
    precision_factors,
)

_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _write_ratios(log_weights, position):
    mean = log_weights.mean()
    for component in range(log_weights.shape[0] - 1):
        position[component] = log_weights[component] - mean


@compiled_exactly
def _move(count, total, scatter, shift):
    """Turn the scatter about a mean into the scatter about the mean plus shift, in place."""
    size = shift.shape[0]
    for i in range(size):
        for j in range(size):
            scatter[i, j] += count * shift[i] * shift[j]
            scatter[i, j] -= total[i] * shift[j] + shift[i] * total[j]


@compiled_exactly
def full_sweep(
    position, X, concentration, loc, precision, terms, eta, shrinkage, n_matrices, rng, seed
):
    """One sweep in place for structures with correlations; return the mean acceptance."""
    k, d = concentration.shape[0], X.shape[1]
    n_pairs = d * (d - 1) // 2
    first_mean, first_scale = k - 1, k - 1 + k * d
    first_pair = first_scale + n_matrices * d
    log_weights = log_weights_of(position[:first_mean])
    means = position[first_mean:first_scale].copy().reshape(k, d)
    log_scales = position[first_scale:first_pair].copy().reshape(n_matrices, d)
    pairs = position[first_pair:].copy().reshape(n_matrices, n_pairs)

    _, roots, inverses = correlation_roots(pairs, d, shrinkage)
    constants, factors = precision_factors(log_weights, log_scales, roots, inverses)
    counts, sums, scatter = full_allocations(X, 0, constants, means, factors, seed)
    draw_log_weights(counts, concentration, rng, log_weights)
    total, pooled = np.zeros(n_matrices), np.zeros((n_matrices, d, d))
    for component in range(k):
        shift = full_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            loc, precision, rng,
        )  # fmt: skip
        means[component] += shift
        _move(counts[component], sums[component], scatter[component], shift)
        total[component % n_matrices] += counts[component]
        pooled[component % n_matrices] += scatter[component]
    accepted, tried = 0.0, 0
    for matrix in range(n_matrices):
        acceptance = draw_covariance(
            total[matrix], pooled[matrix], terms, eta, shrinkage, rng,
            log_scales[matrix], pairs[matrix],
        )  # fmt: skip
        if not math.isnan(acceptance):
            accepted += acceptance
            tried += 1
    _write_ratios(log_weights, position)
    position[first_mean:first_scale] = means.ravel()
    position[first_scale:first_pair] = log_scales.ravel()
    position[first_pair:] = pairs.ravel()
    return accepted / tried if tried > 0 else np.nan


@compiled_exactly
def diagonal_sweep(
    position, X, concentration, loc, precision, terms, n_matrices, n_scales, rng, seed
):
    """One sweep in place for structures without correlations; return the mean acceptance."""
    k, d = concentration.shape[0], X.shape[1]
    first_mean, first_scale = k - 1, k - 1 + k * d
    log_weights = log_weights_of(position[:first_mean])
    means = position[first_mean:first_scale].copy().reshape(k, d)
    log_scales = position[first_scale:].copy().reshape(n_matrices, n_scales)

    constants, factors = log_weights - 0.5 * d * _LOG_2_PI, np.empty((k, d))
    for component in range(k):
        for feature in range(d):
            log_scale = log_scales[component % n_matrices, feature % n_scales]
            constants[component] -= log_scale
            factors[component, feature] = math.exp(-log_scale)
    counts, sums, scatter = diagonal_allocations(X, 0, constants, means, factors, seed)
    draw_log_weights(counts, concentration, rng, log_weights)
    total, pooled = np.zeros((n_matrices, n_scales)), np.zeros((n_matrices, n_scales))
    for component in range(k):
        shift = diagonal_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            loc, precision, rng,
        )  # fmt: skip
        means[component] += shift
        for feature in range(d):
            matrix, scale = component % n_matrices, feature % n_scales
            total[matrix, scale] += counts[component]
            pooled[matrix, scale] += scatter[component, feature] + shift[feature] * (
                counts[component] * shift[feature] - 2.0 * sums[component, feature]
            )
    accepted, tried = 0.0, 0
    for matrix in range(n_matrices):
        for scale in range(n_scales):
            log_scales[matrix, scale], acceptance = draw_log_scale(
                log_scales[matrix, scale], total[matrix, scale], pooled[matrix, scale],
                terms[scale], rng,
            )  # fmt: skip
            if not math.isnan(acceptance):
                accepted += acceptance
                tried += 1
    _write_ratios(log_weights, position)
    position[first_mean:first_scale] = means.ravel()
    position[first_scale:] = log_scales.ravel()
    return accepted / tried if tried > 0 else np.nan


@compiled_exactly
def full_sweeps(
    position,
    X,
    concentration,
    loc,
    precision,
    terms,
    eta,
    shrinkage,
    n_matrices,
    rng,
    seeds,
    output,
):
    """As many sweeps as there are seeds; every position goes to ``output``, with its acceptance."""
    acceptance = np.empty(seeds.shape[0])
    for sweep in range(seeds.shape[0]):
        acceptance[sweep] = full_sweep(
            position, X, concentration, loc, precision, terms, eta, shrinkage, n_matrices, rng,
            seeds[sweep],
        )  # fmt: skip
        output[sweep] = position
    return acceptance


@compiled_exactly
def diagonal_sweeps(
    position, X, concentration, loc, precision, terms, n_matrices, n_scales, rng, seeds, output
):
    """As many sweeps as there are seeds; every position goes to ``output``, with its acceptance."""
    acceptance = np.empty(seeds.shape[0])
    for sweep in range(seeds.shape[0]):
        acceptance[sweep] = diagonal_sweep(
            position, X, concentration, loc, precision, terms, n_matrices, n_scales, rng,
            seeds[sweep],
        )  # fmt: skip
        output[sweep] = position
    return acceptance
