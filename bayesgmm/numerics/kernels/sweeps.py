"""Gibbs sweeps: allocations, then weights, means and covariances, on the unconstrained space.

A state is a position, see ``positions.py``, and is changed in place.
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
    diagonal_precision_factors,
    precision_factors,
)
from bayesgmm.numerics.kernels.positions import log_weights_of, parts, write_ratios


@compiled_exactly
def _move(count, total, scatter, shift):
    """Turn the scatter about a mean into the scatter about the mean plus shift, in place."""
    size = shift.shape[0]
    for i in range(size):
        for j in range(size):
            scatter[i, j] += count * shift[i] * shift[j]
            scatter[i, j] -= total[i] * shift[j] + shift[i] * total[j]


@compiled_exactly
def _mean_of_tried(acceptance):
    """Mean over the matrices that a proposal was made for; NaN where there were none."""
    total, tried = 0.0, 0
    for value in acceptance.flat:
        if not math.isnan(value):
            total += value
            tried += 1
    return total / tried if tried > 0 else np.nan


@compiled_exactly
def full_sweep(position, X, concentration, loc, precision, prior, n_matrices, rng, seed):
    """One sweep in place for structures with correlations; return the mean acceptance."""
    k, d = concentration.shape[0], X.shape[1]
    ratios, means, log_scales, pairs = parts(position, k, d, n_matrices, d)
    log_weights = log_weights_of(ratios)
    _, roots, inverses = correlation_roots(pairs, d, prior.shrinkage)
    constants, factors = precision_factors(log_weights, log_scales, roots, inverses)
    counts, sums, scatter = full_allocations(X, 0, constants, means, factors, seed)
    draw_log_weights(counts, concentration, rng, log_weights)
    write_ratios(log_weights, ratios)
    total, pooled = np.full(n_matrices, prior.count), np.empty((n_matrices, d, d))
    pooled[:] = prior.scatter
    for component in range(k):
        shift = full_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            loc, precision, rng,
        )  # fmt: skip
        means[component] += shift
        _move(counts[component], sums[component], scatter[component], shift)
        total[component % n_matrices] += counts[component]
        pooled[component % n_matrices] += scatter[component]
    acceptance = np.empty(n_matrices)
    for matrix in range(n_matrices):
        acceptance[matrix] = draw_covariance(
            total[matrix], pooled[matrix], prior, rng, log_scales[matrix], pairs[matrix]
        )
    return _mean_of_tried(acceptance)


@compiled_exactly
def diagonal_sweep(position, X, concentration, loc, precision, prior, n_matrices, rng, seed):
    """One sweep in place for structures without correlations; return the mean acceptance."""
    k, d, n_scales = concentration.shape[0], X.shape[1], prior.terms.shape[0]
    ratios, means, log_scales, _ = parts(position, k, d, n_matrices, n_scales)
    log_weights = log_weights_of(ratios)
    constants, factors = diagonal_precision_factors(log_weights, log_scales, d)
    counts, sums, scatter = diagonal_allocations(X, 0, constants, means, factors, seed)
    draw_log_weights(counts, concentration, rng, log_weights)
    write_ratios(log_weights, ratios)
    total, pooled = np.full((n_matrices, n_scales), prior.count), np.empty((n_matrices, n_scales))
    pooled[:] = np.diag(prior.scatter)
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
    acceptance = np.empty((n_matrices, n_scales))
    for matrix in range(n_matrices):
        for scale in range(n_scales):
            acceptance[matrix, scale] = draw_log_scale(
                total[matrix, scale], pooled[matrix, scale], prior, rng, log_scales[matrix], scale
            )
    return _mean_of_tried(acceptance)


@compiled_exactly
def full_sweeps(position, X, concentration, loc, precision, prior, n_matrices, rng, seeds, output):
    """As many sweeps as there are seeds; every position goes to ``output``, with its acceptance."""
    acceptance = np.empty(seeds.shape[0])
    for sweep in range(seeds.shape[0]):
        acceptance[sweep] = full_sweep(
            position, X, concentration, loc, precision, prior, n_matrices, rng, seeds[sweep]
        )
        output[sweep] = position
    return acceptance


@compiled_exactly
def diagonal_sweeps(
    position, X, concentration, loc, precision, prior, n_matrices, rng, seeds, output
):
    """As many sweeps as there are seeds; every position goes to ``output``, with its acceptance."""
    acceptance = np.empty(seeds.shape[0])
    for sweep in range(seeds.shape[0]):
        acceptance[sweep] = diagonal_sweep(
            position, X, concentration, loc, precision, prior, n_matrices, rng, seeds[sweep]
        )
        output[sweep] = position
    return acceptance
