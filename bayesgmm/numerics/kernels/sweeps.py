"""Gibbs sweeps: allocations, then weights, means and covariances.

The state of a chain is a position on the unconstrained space (``positions.py``), updated in place.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.allocations import allocations, pattern_allocations
from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.factors import draw_factors
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
    """Convert the scatter about a mean to that about the mean plus shift, in place."""
    for i in range(shift.shape[0]):
        if scatter.ndim == 1:
            scatter[i] += shift[i] * (count * shift[i] - 2.0 * total[i])
        else:
            for j in range(shift.shape[0]):
                scatter[i, j] += count * shift[i] * shift[j]
                scatter[i, j] -= total[i] * shift[j] + shift[i] * total[j]


@compiled_exactly
def _mean_of_tried(acceptance, moves):
    """Return the mean acceptance of proposals, NaN if there were none; count them in ``moves``."""
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

    Writes one acceptance; without correlations, one for every scale.
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
            count, pooled, prior, moves.kinds[matrix, 0], moves.step_sizes[matrix, 0], rng,
            log_scales[matrix], pairs[matrix],
        )  # fmt: skip
    else:
        for scale in range(n_scales):
            acceptance[matrix, scale] = draw_log_scale(
                count, pooled[scale, scale], prior, moves.kinds[matrix, scale], rng,
                log_scales[matrix], scale,
            )  # fmt: skip


@compiled_exactly
def _draw_factor_analytic(
    scatter, counts, matrix, prior, moves, rng, log_scales, pairs, acceptance
):
    """Draw one factor-analytic matrix, given the scatter (k, d, d) of all components."""
    (k, d), n_matrices = scatter.shape[:2], log_scales.shape[0]
    count, pooled = 0.0, np.zeros((d, d))
    for component in range(matrix, k, n_matrices):  # which share the matrix
        count += counts[component]
        add(scatter[component], pooled)
    draw_factors(
        count, pooled, prior, moves.kinds[matrix], rng, log_scales[matrix],
        pairs[matrix].reshape(int(prior.n_factors), d), acceptance[matrix],
    )  # fmt: skip


@compiled_exactly
def draw_parameters(position, factors, counts, sums, scatter, prior, moves, rng):
    """Draw all parameters given the statistics of allocations; return the mean acceptance.

    Position and precision factors are those at which the allocations were drawn; position and
    scatter are updated, and ``moves`` counts proposals and those accepted.
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
    of_matrix = prior.covariances
    for matrix in range(n_matrices):
        if scatter.ndim == 3:  # noqa: SIM102 - numba leaves out what this alone excludes
            if of_matrix.n_factors > 0.0:
                _draw_factor_analytic(
                    scatter, counts, matrix, of_matrix, moves, rng, log_scales, pairs, acceptance
                )
                continue
        _draw_matrix(scatter, counts, matrix, of_matrix, moves, rng, log_scales, pairs, acceptance)
    return _mean_of_tried(acceptance, moves)


@compiled_exactly
def sweeps(
    position, rows, label_log_likelihoods, prior, factors, moves, rng, seeds,
    positions, log_densities, acceptances,
):  # fmt: skip
    """Run one sweep for each seed.

    ``rows`` are values alone, ``(X,)``, or ``Patterns``; ``factors`` is an array for the precision
    factors of a state. Writes the position after each sweep, its acceptance, and the log density
    before the sweep, which the pass of the allocations computes.
    """
    nowhere = np.empty(0, np.int64)
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
                nowhere,
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
