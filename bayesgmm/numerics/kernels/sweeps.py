"""Gibbs sweeps: allocations, then weights, means and covariances, on the unconstrained space.

A state is a position, see ``positions.py``, and is changed in place.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.allocations import allocations, pattern_allocations
from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.full_conditionals import (
    draw_covariance,
    draw_log_scale,
    draw_log_weights,
    draw_mean_shift,
)
from bayesgmm.numerics.kernels.log_posterior import State, state_at, value_at
from bayesgmm.numerics.kernels.positions import parts, write_ratios
from bayesgmm.numerics.kernels.triangular import add


@compiled_exactly
def _move(count, total, scatter, shift):
    """Turn the scatter about a mean into the scatter about the mean plus shift, in place."""
    for i in range(shift.shape[0]):
        if scatter.ndim == 1:
            scatter[i] += shift[i] * (count * shift[i] - 2.0 * total[i])
        else:
            for j in range(shift.shape[0]):
                scatter[i, j] += count * shift[i] * shift[j]
                scatter[i, j] -= total[i] * shift[j] + shift[i] * total[j]


@compiled_exactly
def _mean_of_tried(acceptance, moves):
    """Mean over the matrices that a proposal was made for, NaN where there were none; count them."""
    total, tried = 0.0, 0
    for matrix in range(acceptance.shape[0]):
        for scale in range(acceptance.shape[1]):
            value = acceptance[matrix, scale]
            if not math.isnan(value):
                total += value
                tried += 1
                moves.tried[matrix, scale] += 1.0
                moves.accepted[matrix, scale] += value
    return total / tried if tried > 0 else np.nan


@compiled_exactly
def _draw_matrix(scatter, counts, matrix, prior, moves, rng, log_scales, pairs, acceptance):
    """Draw one covariance matrix, given the scatter (k, d, d) or squares (k, d) of all components.

    Writes one acceptance, or one for every scale where there are no correlations.
    """
    (k, d), (n_matrices, n_scales) = scatter.shape[:2], log_scales.shape
    count, pooled = prior.count, prior.scatter.copy()
    for component in range(matrix, k, n_matrices):  # which share the matrix
        count += counts[component] * (d // n_scales)
        if scatter.ndim == 3:
            add(scatter[component], pooled)
        else:
            for feature in range(d):
                scale = feature % n_scales
                pooled[scale, scale] += scatter[component, feature]
    if scatter.ndim == 3:
        acceptance[matrix, 0] = draw_covariance(
            count, pooled, prior, moves.kinds[matrix, 0], moves.leaps[matrix, 0], rng,
            log_scales[matrix], pairs[matrix],
        )  # fmt: skip
    else:
        for scale in range(n_scales):
            acceptance[matrix, scale] = draw_log_scale(
                count, pooled[scale, scale], prior, moves.kinds[matrix, scale], rng,
                log_scales[matrix], scale,
            )  # fmt: skip


@compiled_exactly
def draw_parameters(position, factors, counts, sums, scatter, prior, moves, rng):
    """Draw everything but the allocations, given their statistics; return the mean acceptance.

    Position and precision factors are those at which the allocations were drawn; the position and
    the scatter are moved, and what was accepted is counted in ``moves``.
    """
    (k, d), n_matrices, n_scales = sums.shape, prior.n_matrices, prior.covariances.terms.shape[0]
    log_weights = np.empty(k)
    ratios, means, log_scales, pairs = parts(position, k, d, n_matrices, n_scales)
    draw_log_weights(counts, prior.concentration, rng, log_weights)
    write_ratios(log_weights, ratios)
    for component in range(k):
        shift = draw_mean_shift(
            counts[component], sums[component], means[component], factors[component],
            prior.loc[component], prior.precision[component], rng,
        )  # fmt: skip
        for feature in range(d):
            means[component, feature] += shift[feature]
        _move(counts[component], sums[component], scatter[component], shift)
    acceptance = np.empty(moves.kinds.shape)
    for matrix in range(n_matrices):
        _draw_matrix(
            scatter, counts, matrix, prior.covariances, moves, rng, log_scales, pairs, acceptance
        )
    return _mean_of_tried(acceptance, moves)


@compiled_exactly
def sweeps(
    position, rows, label_log_likelihoods, prior, factors, moves, rng, seeds,
    positions, log_densities, acceptances,
):  # fmt: skip
    """As many sweeps as there are seeds.

    ``rows`` are values alone, ``(X,)``, or ``Patterns``; ``factors`` are room for those of a
    state. Every position goes to ``positions``, with its acceptance. ``log_densities`` are those
    before each sweep, which its allocations find anyway.
    """
    for sweep in range(seeds.shape[0]):
        state = State(*state_at(position, prior, factors))
        if len(rows) == 1:
            log_likelihood, counts, sums, scatter = allocations(
                rows[0],
                label_log_likelihoods,
                0,
                state.constants,
                state.means,
                factors,
                seeds[sweep],
            )
        else:
            log_likelihood, counts, sums, scatter = pattern_allocations(
                rows, label_log_likelihoods, 0, state.constants, state.means, factors, seeds[sweep]
            )
        log_densities[sweep] = value_at(state, log_likelihood, prior)
        acceptances[sweep] = draw_parameters(
            position, factors, counts, sums, scatter, prior, moves, rng
        )
        for place in range(position.shape[0]):
            positions[sweep, place] = position[place]
