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
    diagonal_state,
    diagonal_value,
    full_state,
    full_value,
)
from bayesgmm.numerics.kernels.pattern_allocations import (
    diagonal_pattern_allocations,
    full_pattern_allocations,
)
from bayesgmm.numerics.kernels.positions import parts, write_ratios
from bayesgmm.numerics.kernels.triangular import add


@compiled_exactly
def _move(count, total, scatter, shift):
    """Turn the scatter about a mean into the scatter about the mean plus shift, in place."""
    size = shift.shape[0]
    for i in range(size):
        for j in range(size):
            scatter[i, j] += count * shift[i] * shift[j]
            scatter[i, j] -= total[i] * shift[j] + shift[i] * total[j]


@compiled_exactly
def _mean_of_tried(acceptance, accepted):
    """Mean over the matrices that a proposal was made for; NaN where there were none.

    ``accepted`` counts, for every matrix and scale, proposals and how many were accepted.
    """
    total, tried = 0.0, 0
    for matrix in range(acceptance.shape[0]):
        for scale in range(acceptance.shape[1]):
            value = acceptance[matrix, scale]
            if not math.isnan(value):
                total += value
                tried += 1
                accepted[matrix, scale, 0] += 1.0
                accepted[matrix, scale, 1] += value
    return total / tried if tried > 0 else np.nan


@compiled_exactly
def full_conditionals(position, factors, statistics, prior, steps, rng):
    """Draw everything but the allocations, given their statistics; return the mean acceptance.

    For structures with correlations. Position and precision factors are those at which the
    allocations were drawn; the position is moved. ``steps`` are two arrays: whether each matrix,
    or scale, is proposed, shape (m, s), and the counts of ``_mean_of_tried``, shape (m, s, 2).
    """
    _, counts, sums, scatter = statistics
    (k, d), n_matrices, of_matrix = sums.shape, prior.n_matrices, prior.covariances
    log_weights = np.empty(k)
    ratios, means, log_scales, pairs = parts(position, k, d, n_matrices, d)
    draw_log_weights(counts, prior.concentration, rng, log_weights)
    write_ratios(log_weights, ratios)
    total, pooled = np.zeros(n_matrices), np.zeros((n_matrices, d, d))
    for matrix in range(n_matrices):
        total[matrix] = of_matrix.count
        add(of_matrix.scatter, pooled[matrix])
    for component in range(k):
        shift = full_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            prior.loc[component], prior.precision[component], rng,
        )  # fmt: skip
        for feature in range(d):
            means[component, feature] += shift[feature]
        _move(counts[component], sums[component], scatter[component], shift)
        total[component % n_matrices] += counts[component]
        add(scatter[component], pooled[component % n_matrices])
    proposes, accepted = steps
    acceptance = np.empty((n_matrices, 1))
    for matrix in range(n_matrices):
        acceptance[matrix, 0] = draw_covariance(
            total[matrix], pooled[matrix], of_matrix, proposes[matrix, 0], rng,
            log_scales[matrix], pairs[matrix],
        )  # fmt: skip
    return _mean_of_tried(acceptance, accepted)


@compiled_exactly
def diagonal_conditionals(position, factors, statistics, prior, steps, rng):
    """Draw everything but the allocations, given their statistics; return the mean acceptance.

    For structures without correlations; otherwise as ``full_conditionals``.
    """
    _, counts, sums, scatter = statistics
    (k, d), n_matrices, of_matrix = sums.shape, prior.n_matrices, prior.covariances
    n_scales = of_matrix.terms.shape[0]
    log_weights = np.empty(k)
    ratios, means, log_scales, _ = parts(position, k, d, n_matrices, n_scales)
    draw_log_weights(counts, prior.concentration, rng, log_weights)
    write_ratios(log_weights, ratios)
    total, pooled = np.empty((n_matrices, n_scales)), np.empty((n_matrices, n_scales))
    for matrix in range(n_matrices):
        for scale in range(n_scales):
            total[matrix, scale] = of_matrix.count
            pooled[matrix, scale] = of_matrix.scatter[scale, scale]
    for component in range(k):
        shift = diagonal_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            prior.loc[component], prior.precision[component], rng,
        )  # fmt: skip
        for feature in range(d):
            means[component, feature] += shift[feature]
            matrix, scale = component % n_matrices, feature % n_scales
            total[matrix, scale] += counts[component]
            pooled[matrix, scale] += scatter[component, feature] + shift[feature] * (
                counts[component] * shift[feature] - 2.0 * sums[component, feature]
            )
    proposes, accepted = steps
    acceptance = np.empty((n_matrices, n_scales))
    for matrix in range(n_matrices):
        for scale in range(n_scales):
            acceptance[matrix, scale] = draw_log_scale(
                total[matrix, scale], pooled[matrix, scale], of_matrix, proposes[matrix, scale],
                rng, log_scales[matrix], scale,
            )  # fmt: skip
    return _mean_of_tried(acceptance, accepted)


@compiled_exactly
def full_sweeps(
    position, X, plausibilities, prior, steps, rng, seeds, positions, log_densities, acceptances
):
    """As many sweeps as there are seeds, for structures with correlations.

    Every position goes to ``positions``, with its acceptance. ``log_densities`` are those before
    each sweep, which its allocations find anyway.
    """
    for sweep in range(seeds.shape[0]):
        state = full_state(position, X.shape[1], prior)
        statistics = full_allocations(
            X, plausibilities, 0, state[5], state[1], state[6], seeds[sweep]
        )
        log_densities[sweep] = full_value(state, statistics[0], prior)
        acceptances[sweep] = full_conditionals(position, state[6], statistics, prior, steps, rng)
        for place in range(position.shape[0]):
            positions[sweep, place] = position[place]


@compiled_exactly
def diagonal_sweeps(
    position, X, plausibilities, prior, steps, rng, seeds, positions, log_densities, acceptances
):
    """The same, for structures without correlations."""
    for sweep in range(seeds.shape[0]):
        state = diagonal_state(position, X.shape[1], prior)
        statistics = diagonal_allocations(
            X, plausibilities, 0, state[3], state[1], state[4], seeds[sweep]
        )
        log_densities[sweep] = diagonal_value(state, statistics[0], prior)
        acceptances[sweep] = diagonal_conditionals(
            position, state[4], statistics, prior, steps, rng
        )
        for place in range(position.shape[0]):
            positions[sweep, place] = position[place]


@compiled_exactly
def full_pattern_sweeps(
    position, cells, cells_starts, features, n_observed, starts, plausibilities, prior, steps, rng,
    seeds, positions, log_densities, acceptances,
):  # fmt: skip
    """The same as ``full_sweeps``, over rows with missing cells."""
    for sweep in range(seeds.shape[0]):
        state = full_state(position, features.shape[1], prior)
        statistics = full_pattern_allocations(
            cells, cells_starts, features, n_observed, starts, plausibilities, 0,
            state[5], state[1], state[6], seeds[sweep],
        )  # fmt: skip
        log_densities[sweep] = full_value(state, statistics[0], prior)
        acceptances[sweep] = full_conditionals(position, state[6], statistics, prior, steps, rng)
        for place in range(position.shape[0]):
            positions[sweep, place] = position[place]


@compiled_exactly
def diagonal_pattern_sweeps(
    position, cells, cells_starts, features, n_observed, starts, plausibilities, prior, steps, rng,
    seeds, positions, log_densities, acceptances,
):  # fmt: skip
    """The same as ``diagonal_sweeps``, over rows with missing cells."""
    for sweep in range(seeds.shape[0]):
        state = diagonal_state(position, features.shape[1], prior)
        statistics = diagonal_pattern_allocations(
            cells, cells_starts, features, n_observed, starts, plausibilities, 0,
            state[3], state[1], state[4], seeds[sweep],
        )  # fmt: skip
        log_densities[sweep] = diagonal_value(state, statistics[0], prior)
        acceptances[sweep] = diagonal_conditionals(
            position, state[4], statistics, prior, steps, rng
        )
        for place in range(position.shape[0]):
            positions[sweep, place] = position[place]
