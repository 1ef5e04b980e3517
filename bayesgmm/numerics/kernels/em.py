"""EM for objectives whose M-step has a closed form, compiled from start to end.

That is maximum likelihood, or the likelihood with prior rows and pseudo-counts (``moments.py``):
the other parts of the ``prior`` say sizes only.

EM is a fixed-point iteration on positions (``positions.py``): x becomes G(x), and where it goes
says which way is up (``quasi_newton.py``). A step that leads down, or to a matrix that is nearly
singular, is shortened; then EM's own, which never leads down, is taken.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import correlation_factor
from bayesgmm.numerics.kernels.log_posterior import State, state_at
from bayesgmm.numerics.kernels.moments import maximize
from bayesgmm.numerics.kernels.positions import log_weights_of, parts
from bayesgmm.numerics.kernels.quasi_newton import MEMORY, place, propose, remember
from bayesgmm.numerics.kernels.rows import statistics

CONVERGED, LIMIT, THIN, CLIMBING = 0, 1, 2, 3
"""How a climb ends; thin: a covariance matrix is, or is close to being, singular."""

_FIRST_STEPS = 5  # of EM alone, which leave the start for the basin that plain EM would end in
_HOPE = 30.0  # times what the last step gained: the most that all others are expected to gain
_FINER = 1e-2  # of the tolerance: what another step of EM may still be expected to gain
_THINNEST = 1e7  # see ``_write_factor``
_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _write_factor(log_scales, pairs, factor):
    """Write the precision factor of one matrix; return its log determinant, and how thin it is.

    With C the factor of the correlation matrix, whose row i is (y_i, 1) / |(y_i, 1)|, row i of
    the inverse V has |(y_i, 1)| on the diagonal, and before it -y_i times the rows above. How thin
    is the sum of the squares of V, a bound of one over the smallest eigenvalue.
    """
    log_determinant, thinness, first = 0.0, 0.0, 0
    for i in range(log_scales.shape[0]):
        square = 1.0
        for j in range(i):
            square += pairs[first + j] ** 2
            factor[i, j] = 0.0
            for m in range(j, i):
                factor[i, j] -= pairs[first + m] * factor[m, j]
        factor[i, i] = math.sqrt(square)
        log_determinant += 0.5 * math.log(square) - log_scales[i]
        first += i
    for j in range(log_scales.shape[0]):
        unscale = math.exp(-log_scales[j])
        for i in range(j, log_scales.shape[0]):
            thinness += factor[i, j] ** 2
            factor[i, j] *= unscale
    return log_determinant, thinness


@compiled_exactly
def _full_mixture(position, d, prior):
    """Constants, means, factors and log prior at a position; how thin the thinnest matrix is."""
    k, n_matrices = prior.concentration.shape[0], prior.n_matrices
    ratios, means, log_scales, pairs = parts(position, k, d, n_matrices, d)
    constants, factors, thinnest = log_weights_of(ratios), np.zeros((k, d, d)), 0.0
    log_prior = (prior.concentration * constants).sum()
    for component in range(k):
        matrix = component % n_matrices
        log_determinant, thinness = _write_factor(
            log_scales[matrix], pairs[matrix], factors[component]
        )
        constants[component] += log_determinant - 0.5 * d * _LOG_2_PI
        thinnest = max(thinnest, thinness)
        if component < n_matrices and prior.covariances.count > 0.0:
            log_prior += prior.covariances.count * log_determinant
            for i in range(d):
                for j in range(i + 1):
                    square = factors[component, i, j] ** 2
                    log_prior -= 0.5 * prior.covariances.scatter[j, j] * square
    return constants, means, factors, log_prior, thinnest


@compiled_exactly
def _diagonal_log_prior(state, n_features, prior):
    """Log prior of a mixture without correlations; a spherical matrix has d equal variances."""
    log_scales, log_prior = state.log_scales, (prior.concentration * state.log_weights).sum()
    if prior.covariances.count > 0.0:
        for matrix in range(log_scales.shape[0]):
            for i in range(n_features):
                scale = i % log_scales.shape[1]
                precision = math.exp(-2.0 * log_scales[matrix, scale])
                log_prior -= prior.covariances.count * log_scales[matrix, scale]
                log_prior -= 0.5 * prior.covariances.scatter[scale, scale] * precision
    return log_prior


@compiled_exactly
def step(rows, position, prior, correlated, smallest, target, widths):
    """One step of EM: return the objective at a position, write where EM goes from there.

    ``rows`` are values (n, d), weights (n,) or (0,), and plausibilities (n, k) or (0, 0). NaN where
    a matrix is nearly singular at either. ``widths`` are one over rough deviations.
    """
    X, row_weights, plausibilities = rows
    k, d = prior.concentration.shape[0], X.shape[1]
    if correlated:
        constants, means, factors, log_prior, thinnest = _full_mixture(position, d, prior)
        if not thinnest < _THINNEST:
            return np.nan
        value, counts, sums, scatter = statistics(
            X, row_weights, plausibilities, constants, means, factors
        )
        if not maximize(counts, sums, scatter, means, prior, smallest, target, widths):
            return np.nan
        return value + log_prior
    state = State(*state_at(position, prior, np.empty((k, d))))
    value, counts, sums, squares = statistics(
        X, row_weights, plausibilities, state.constants, state.means, state.factors
    )
    if not maximize(counts, sums, squares, state.means, prior, smallest, target, widths):
        return np.nan
    return value + _diagonal_log_prior(state, d, prior)


@compiled_exactly
def climb(rows, starts, prior, correlated, smallest, tolerance, limit, screening, goal, trace):
    """Climb from the best of some starts (s, p) until steps gain little, or as often as allowed.

    Where there are several, each makes so many steps first (``screening``), and the highest goes
    on. Steps end early where they will not come to a height that has to be passed (``goal``).
    The end is written in place of the first start, the objective at every step into ``trace``
    (limit + 1,). Returns how it ended, the number of values in the trace, and that of passes over
    the rows. All is one function, and steps are taken in one place, because whatever calls the
    passes over the rows compiles them again.
    """
    (n_starts, size), (k, d) = starts.shape, (prior.concentration.shape[0], rows[0].shape[1])
    here, there, direction = np.empty((3, size)), np.empty((3, size)), np.empty(size)
    memory, counts = np.empty((2, MEMORY, size)), np.zeros(2, dtype=np.int64)
    chosen, highest, passes = 0, -np.inf, 0
    for start in range(0 if n_starts > 1 else 1, n_starts + 1):  # at last, the best of them
        is_last = start == n_starts
        most = limit if is_last else screening
        for i in range(size):
            there[0, i] = starts[chosen if is_last else start, i]
        value, gain, length, stretch, number, tries = -np.inf, np.inf, 0.0, 1.0, 0, 0
        counts[0], status = 0, CLIMBING
        while status == CLIMBING:
            new_value = step(rows, there[0], prior, correlated, smallest, there[1], there[2])
            passes += 1
            if length > 0.0 and not new_value >= value:
                tries += 1
                length = place(here, direction, length, tries, there)
            elif not math.isfinite(new_value):
                status = THIN
            else:
                if number >= _FIRST_STEPS:
                    stretch = remember(here, there, length, memory, counts)
                gain, value = new_value - value, max(value, new_value)
                if is_last:
                    trace[number] = value
                here, there = there, here
                number, tries, least = number + 1, 0, tolerance * (1.0 + abs(value))
                length, expected = propose(here, memory, counts, stretch, k, d, direction, there)
                if gain < least and expected < _FINER * least:
                    status = CONVERGED
                elif number > most or value + _HOPE * max(gain, expected) < goal:
                    status = LIMIT
        if status != THIN and value > highest:
            highest, chosen = value, start
        if start < n_starts:
            for i in range(size):
                starts[start, i] = here[1, i]
    for i in range(size):
        starts[0, i] = there[0, i] if status == THIN else here[0, i]
    return status, number, passes


@compiled_exactly
def mixture_at(position, prior, n_features, correlated):
    """Weights (k,), means (k, d), scales (k, d) and correlations (k, d, d) at a position.

    The latter have no components where there are none.
    """
    k, d = prior.concentration.shape[0], n_features
    n_matrices, n_scales = prior.n_matrices, prior.covariances.terms.shape[0]
    ratios, means, log_scales, pairs = parts(position, k, d, n_matrices, n_scales)
    scales = np.empty((k, d))
    correlations = np.zeros((k if correlated else 0, d, d))
    for component in range(k):
        matrix = component % n_matrices
        for i in range(d):
            scales[component, i] = math.exp(log_scales[matrix, i % n_scales])
        if correlated:
            root = correlation_factor(pairs[matrix], d)
            for i in range(d):
                for j in range(i):
                    for m in range(j + 1):
                        correlations[component, i, j] += root[i, m] * root[j, m]
                    correlations[component, j, i] = correlations[component, i, j]
                correlations[component, i, i] = 1.0
    return np.exp(log_weights_of(ratios)), means.copy(), scales, correlations
