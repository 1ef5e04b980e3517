"""EM for objectives whose M-step has a closed form, with quasi-Newton acceleration, compiled whole.

The objective is the log-likelihood, or the log-likelihood with prior rows and pseudo-counts
(``positions.py``). Of other parts of the ``prior`` only the sizes are used.

An EM step maps a position x to G(x). A state is (3, p): x, G(x), and one over rough posterior
standard deviations of the parameters (``positions.py``). In units of these, the residual
f(x) = G(x) - x is close to the gradient of the log-likelihood, and the curvature is close to one
for well separated components. So limited-memory quasi-Newton steps on the residual (QN1 of
Jamshidian & Jennrich, 1997, with the formulas of Nocedal, 1980) start out as EM steps, and become
longer where EM is slow. A step that lowers the objective, or leads to a nearly singular matrix, is
shortened, then replaced by the EM step, which never lowers the objective.

The memory (2, m, p) holds steps and the changes of the residual that they caused, with the sign
reversed. ``counts`` are the number of stored steps, and the index of the next one.

References
----------
Jamshidian, M. and Jennrich, R. I. (1997). Acceleration of the EM algorithm by using quasi-Newton
methods. Journal of the Royal Statistical Society B 59, 569-587.

Nocedal, J. (1980). Updating quasi-Newton matrices with limited storage. Mathematics of Computation
35, 773-782.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import correlation_factor
from bayesgmm.numerics.kernels.log_posterior import State, state_at
from bayesgmm.numerics.kernels.positions import log_weights_of, maximize, parts
from bayesgmm.numerics.kernels.rows import statistics

MEMORY = 14  # stored steps, which approximate the curvature

_TRIES, _SHORTER = 2, 0.25  # steps before the EM step, and the factor of the second
_LEAST_COSINE = 0.1  # between a step and its change of the residual; less is not used
_STEEP = 0.8  # of the slope: if more remains after a step, the next may be twice as long,
_LONGEST = 4.0  # up to this length
_LONGEST_RATIO = 10.0  # of a step to the EM step
_LONGEST_CHANGE = 3.0  # in logarithms and correlation coordinates: a factor of twenty in a scale


@compiled_exactly
def _write_direction(here, memory, counts, direction):
    """Write the quasi-Newton direction: two loops over the memory (Nocedal, 1980).

    Steps along which the likelihood is not clearly concave are left out.
    """
    (kept, following), (steps, changes), widths = counts, memory, here[2]
    slopes, multipliers = np.zeros(kept), np.zeros(kept)
    for i in range(direction.shape[0]):
        direction[i] = (here[1, i] - here[0, i]) * widths[i]
    for back in range(kept):
        number = (following - 1 - back) % steps.shape[0]
        along, length, bend, product = 0.0, 0.0, 0.0, 0.0
        for i in range(direction.shape[0]):
            moved, changed = steps[number, i] * widths[i], changes[number, i] * widths[i]
            along += moved * changed
            length += moved * moved
            bend += changed * changed
            product += moved * direction[i]
        if along > _LEAST_COSINE * math.sqrt(length * bend):
            slopes[back], multipliers[back] = along, product / along
            for i in range(direction.shape[0]):
                direction[i] -= multipliers[back] * changes[number, i] * widths[i]
    for back in range(kept - 1, -1, -1):
        if slopes[back] > 0.0:
            number = (following - 1 - back) % steps.shape[0]
            excess = 0.0
            for i in range(direction.shape[0]):
                excess += changes[number, i] * widths[i] * direction[i]
            for i in range(direction.shape[0]):
                multiplier = multipliers[back] - excess / slopes[back]
                direction[i] += multiplier * steps[number, i] * widths[i]
    for i in range(direction.shape[0]):
        direction[i] /= widths[i]


@compiled_exactly
def _allowed_length(length, direction, widths, usual, n_components, n_features):
    """Shorten a step that is far longer than the EM step, or changes coordinates by too much."""
    longest, furthest = 0.0, 0.0
    first_mean = n_components - 1
    first_scale = first_mean + n_components * n_features
    for i in range(direction.shape[0]):
        longest = max(longest, widths[i] * abs(direction[i]))
        if i < first_mean or i >= first_scale:
            furthest = max(furthest, abs(direction[i]))
    if longest > 0.0:
        length = min(length, max(1.0, _LONGEST_RATIO * usual / longest))
    return min(length, _LONGEST_CHANGE / furthest) if furthest > 0.0 else length


@compiled_exactly
def propose(here, memory, counts, stretch, n_components, n_features, direction, there):
    """Write a direction and the next position to try; with no memory that is the EM step.

    Returns the length of the step in units of the direction, 0 for the EM step, and the expected
    gain of the EM step.
    """
    square, slope, length = 0.0, 0.0, 0.0
    _write_direction(here, memory, counts, direction)
    for i in range(direction.shape[0]):
        residual, width = here[1, i] - here[0, i], here[2, i]
        square += width * width * residual * residual
        slope += width * width * residual * direction[i]
    if counts[0] > 0 and slope > 0.0:
        length = _allowed_length(
            stretch, direction, here[2], math.sqrt(square), n_components, n_features
        )
    return place(here, direction, length, 0, there), 0.5 * square


@compiled_exactly
def place(here, direction, length, tries, there):
    """Write the position to try after some failed tries, and return its length.

    The first steps are along the direction, each shorter; the last is the EM step, of length 0.
    """
    length = 0.0 if tries == _TRIES else length * _SHORTER**tries
    for i in range(direction.shape[0]):
        there[0, i] = here[0, i] + length * direction[i] if length > 0.0 else here[1, i]
    return length


@compiled_exactly
def remember(here, there, length, memory, counts):
    """Add the step from here to there to the memory; return the length allowed for the next.

    If the EM step was taken because directions had failed, earlier steps are forgotten.
    """
    before, after, number = 0.0, 0.0, counts[1]
    for i in range(here.shape[1]):
        moved = there[0, i] - here[0, i]
        old, new = here[1, i] - here[0, i], there[1, i] - there[0, i]
        memory[0, number, i], memory[1, number, i] = moved, old - new
        before += here[2, i] * here[2, i] * moved * old
        after += here[2, i] * here[2, i] * moved * new
    counts[0] = min((counts[0] if length > 0.0 else 0) + 1, MEMORY)
    counts[1] = (number + 1) % MEMORY
    return min(2.0 * max(length, 1.0), _LONGEST) if after > _STEEP * before else 1.0


CONVERGED, LIMIT, THIN, RUNNING = 0, 1, 2, 3
"""States of a run; thin: a covariance matrix is singular, or nearly so."""

_FIRST_STEPS = 5  # of EM alone, which move from the start toward the mode that plain EM finds
_HOPE = 30.0  # times the last gain: the largest gain expected of all further steps
_FINER = 1e-2  # of the tolerance: the largest expected gain of an EM step at convergence
_THINNEST = 1e7  # see ``_write_factor``
_LOG_2_PI = math.log(2 * math.pi)


@compiled_exactly
def _write_factor(log_scales, pairs, factor):
    """Write the precision factor of one matrix; return its log determinant and its thinness.

    With C the factor of the correlation matrix, whose row i is (y_i, 1) / |(y_i, 1)|, row i of
    V = C^-1 has |(y_i, 1)| on the diagonal, and before it -y_i times the rows above. Thinness is
    the sum of the squares of V, an upper bound of one over the smallest eigenvalue.
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
    """Return constants, means, factors and log prior at a position, and the largest thinness."""
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
    """Return the log prior of a mixture without correlations.

    In a spherical structure the d variances of a matrix are equal.
    """
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
    """Return the objective at a position; write the EM step into ``target``, and its ``widths``.

    ``rows`` are values (n, d), weights (n,) or (0,), and label log likelihoods (n, k) or (0, 0).
    Returns NaN if a matrix is nearly singular before or after the step. ``widths`` are one over
    rough posterior standard deviations.
    """
    X, row_weights, label_log_likelihoods = rows
    k, d = prior.concentration.shape[0], X.shape[1]
    if correlated:
        constants, means, factors, log_prior, thinnest = _full_mixture(position, d, prior)
        if not thinnest < _THINNEST:
            return np.nan
        value, counts, sums, scatter = statistics(
            X, row_weights, label_log_likelihoods, constants, means, factors
        )
        if not maximize(counts, sums, scatter, means, prior, smallest, target, widths):
            return np.nan
        return value + log_prior
    state = State(*state_at(position, prior, np.empty((k, d))))
    value, counts, sums, squares = statistics(
        X, row_weights, label_log_likelihoods, state.constants, state.means, state.factors
    )
    if not maximize(counts, sums, squares, state.means, prior, smallest, target, widths):
        return np.nan
    return value + _diagonal_log_prior(state, d, prior)


@compiled_exactly
def climb(rows, starts, prior, correlated, smallest, tolerance, limit, screening, goal, trace):
    """Run EM from the best of some starts (s, p) until it converges or reaches the limit.

    With several starts, each takes ``screening`` steps first, and the one with the highest
    objective continues. A run ends early if it is not expected to reach the objective ``goal``.
    The end replaces the first start, and the objective at every step is written into ``trace``
    (limit + 1,). Returns the status, the number of values in the trace, and the number of passes
    over the rows. It is one function with one call of ``step``, because every function that calls
    the passes over the rows compiles them again.
    """
    (n_starts, size), (k, d) = starts.shape, (prior.concentration.shape[0], rows[0].shape[1])
    here, there, direction = np.empty((3, size)), np.empty((3, size)), np.empty(size)
    memory, counts = np.empty((2, MEMORY, size)), np.zeros(2, dtype=np.int64)
    chosen, highest, passes = 0, -np.inf, 0
    for start in range(0 if n_starts > 1 else 1, n_starts + 1):  # the last is the best of them
        is_last = start == n_starts
        most = limit if is_last else screening
        for i in range(size):
            there[0, i] = starts[chosen if is_last else start, i]
        value, gain, length, stretch, number, tries = -np.inf, np.inf, 0.0, 1.0, 0, 0
        counts[0], status = 0, RUNNING
        while status == RUNNING:
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
    """Return weights (k,), means (k, d), scales (k, d) and correlations (k, d, d) at a position.

    Without correlations, the last array is (0, d, d).
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
