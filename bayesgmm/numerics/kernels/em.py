"""Maximum likelihood by EM, from start to end in compiled code, with quasi-Newton steps.

EM is a fixed-point iteration on positions (``positions.py``): x becomes G(x), with the residual
f(x) = G(x) - x. In units of rough deviations the residual is nearly the gradient, and the
curvature nearly one where components lie apart. Limited-memory quasi-Newton steps on the residual
(QN1 of Jamshidian & Jennrich, 1997, with the formulas of Nocedal, 1980) therefore begin as good as
EM and learn what slows it. A step that leads down, or to a matrix that is nearly singular, is
shortened once; then EM's own, which never leads down, is taken.

Priors have no part in this; the ``prior`` says sizes only.

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
from bayesgmm.numerics.kernels.log_posterior import diagonal_state, full_state
from bayesgmm.numerics.kernels.moments import diagonal_maximize, full_maximize
from bayesgmm.numerics.kernels.positions import log_weights_of, parts
from bayesgmm.numerics.kernels.rows import diagonal_statistics, full_statistics

CONVERGED, LIMIT, THIN = 0, 1, 2
"""How a climb ends; thin: a covariance matrix is, or is close to being, singular."""

_MEMORY = 14  # steps that stand for the curvature
_FIRST_STEPS = 5  # of EM alone, which leave the start for the basin that plain EM would end in
_TRIES, _SHORTER = 2, 0.25  # steps that are not EM's own, and by how much the second is shorter
_LEAST_COSINE = 0.1  # between step and change of the residual; below, there is little to learn
_STEEP = 0.8  # of the slope: if so much is left after a step, the next may be twice as long,
_LONGEST = 4.0  # up to so many times
_LONGEST_RATIO = 10.0  # to EM's own step
_LONGEST_CHANGE = 3.0  # in logarithms and correlation coordinates: a factor of twenty in a scale
_FINER = 1e-2  # of the tolerance: what another step of EM may still be expected to gain
_THICK = 1e7  # bound of the squared norm of an inverse factor of a correlation matrix


@compiled_exactly
def _is_thick(inverses):
    """Whether no correlation matrix is nearly singular, by the norms of the inverse factors."""
    for matrix in range(inverses.shape[0]):
        total = 0.0
        for value in inverses[matrix].flat:
            total += value * value
        if not total < _THICK:
            return False
    return True


@compiled_exactly
def step(X, position, prior, correlated, smallest, target, widths):
    """One step of EM: return the log-likelihood at a position, write where EM goes from there.

    NaN where a matrix is nearly singular at either. ``widths`` are one over rough deviations.
    """
    d, all_once = X.shape[1], np.empty(0)
    if correlated:
        state = full_state(position, d, prior)
        if not _is_thick(state[5]):
            return np.nan
        statistics = full_statistics(X, all_once, state[6], state[1], state[7])
        if not full_maximize(statistics[1:], state[1], prior, smallest, target, widths):
            return np.nan
        return statistics[0]
    state = diagonal_state(position, d, prior)
    statistics = diagonal_statistics(X, all_once, state[3], state[1], state[4])
    if not diagonal_maximize(statistics[1:], state[1], prior, smallest, target, widths):
        return np.nan
    return statistics[0]


@compiled_exactly
def _write_direction(residual, widths, steps, changes, kept, place, direction):
    """Write the quasi-Newton direction: two loops over what is remembered (Nocedal, 1980).

    ``place`` is where the next will be written, so that the latest lie before it. Pairs along
    which the likelihood is not clearly concave are left out.
    """
    slopes, shares = np.zeros(kept), np.zeros(kept)
    for i in range(residual.shape[0]):
        direction[i] = residual[i] * widths[i]
    for back in range(kept):
        number = (place - 1 - back) % steps.shape[0]
        along, length, bend, share = 0.0, 0.0, 0.0, 0.0
        for i in range(residual.shape[0]):
            moved, changed = steps[number, i] * widths[i], changes[number, i] * widths[i]
            along += moved * changed
            length += moved * moved
            bend += changed * changed
            share += moved * direction[i]
        if along > _LEAST_COSINE * math.sqrt(length * bend):
            slopes[back], shares[back] = along, share / along
            for i in range(residual.shape[0]):
                direction[i] -= shares[back] * changes[number, i] * widths[i]
    for back in range(kept - 1, -1, -1):
        if slopes[back] > 0.0:
            number = (place - 1 - back) % steps.shape[0]
            excess = 0.0
            for i in range(residual.shape[0]):
                excess += changes[number, i] * widths[i] * direction[i]
            for i in range(residual.shape[0]):
                share = shares[back] - excess / slopes[back]
                direction[i] += share * steps[number, i] * widths[i]
    for i in range(residual.shape[0]):
        direction[i] /= widths[i]


@compiled_exactly
def _product(one, other, widths):
    """Inner product in units of rough deviations."""
    total = 0.0
    for i in range(one.shape[0]):
        total += widths[i] * widths[i] * one[i] * other[i]
    return total


@compiled_exactly
def _allowed_length(length, direction, residual, widths, n_components, n_features):
    """Shorten a step that is far longer than that of EM, or changes logarithms out of bounds."""
    longest, furthest = 0.0, 0.0
    first_mean = n_components - 1
    first_scale = first_mean + n_components * n_features
    for i in range(direction.shape[0]):
        longest = max(longest, widths[i] * abs(direction[i]))
        if i < first_mean or i >= first_scale:
            furthest = max(furthest, abs(direction[i]))
    usual = math.sqrt(_product(residual, residual, widths))
    if longest > 0.0:
        length = min(length, max(1.0, _LONGEST_RATIO * usual / longest))
    return min(length, _LONGEST_CHANGE / furthest) if furthest > 0.0 else length


@compiled_exactly
def _advance(X, prior, correlated, smallest, here, there, direction, length, value):
    """Step along a direction, a shorter way if that leads down, and if that does, as EM would.

    Returns the log-likelihood there, the passes over the rows, and the length; 0 for EM's own.
    """
    for tried in range(_TRIES):
        if length > 0.0:
            for i in range(direction.shape[0]):
                there[0, i] = here[0, i] + length * direction[i]
            new_value = step(X, there[0], prior, correlated, smallest, there[1], there[2])
            if new_value >= value:  # and is a number
                return new_value, tried + 1, length
            length *= _SHORTER
    for i in range(direction.shape[0]):
        there[0, i] = here[1, i]
    new_value = step(X, there[0], prior, correlated, smallest, there[1], there[2])
    return new_value, 1 + (_TRIES if length > 0.0 else 0), 0.0


@compiled_exactly
def _remember(here, there, number, steps, changes):
    """Write the last step and change of the residual; return whether it should have been longer."""
    before, after = 0.0, 0.0
    for i in range(here.shape[1]):
        moved = there[0, i] - here[0, i]
        old, new = here[1, i] - here[0, i], there[1, i] - there[0, i]
        steps[number, i], changes[number, i] = moved, old - new
        before += here[2, i] * here[2, i] * moved * old
        after += here[2, i] * here[2, i] * moved * new
    return after > _STEEP * before


@compiled_exactly
def climb(X, position, prior, correlated, smallest, tolerance, limit, trace):
    """Climb from a position, which is moved, until steps gain little, or as often as allowed.

    Writes the log-likelihood of every step into ``trace`` (limit + 1,). Returns how it ended, the
    number of values in the trace, and that of passes over the rows.
    """
    size, k = position.shape[0], prior.concentration.shape[0]
    here, there = np.empty((3, size)), np.empty((3, size))  # position, where EM goes, widths
    steps, changes = np.empty((_MEMORY, size)), np.empty((_MEMORY, size))
    residual, direction = np.empty(size), np.empty(size)
    for i in range(size):
        here[0, i] = position[i]
    value = step(X, position, prior, correlated, smallest, here[1], here[2])
    if not math.isfinite(value):
        return THIN, 0, 1
    trace[0] = value
    kept, place, passes, gain, stretch = 0, 0, 1, np.inf, 1.0
    for number in range(1, limit + 1):
        for i in range(size):
            residual[i] = here[1, i] - here[0, i]
        least = tolerance * (1.0 + abs(value))
        if gain < least and 0.5 * _product(residual, residual, here[2]) < _FINER * least:
            return CONVERGED, number, passes
        _write_direction(residual, here[2], steps, changes, kept, place, direction)
        length = 0.0
        if kept > 0 and _product(direction, residual, here[2]) > 0.0:
            length = _allowed_length(stretch, direction, residual, here[2], k, X.shape[1])
        new_value, tried, length = _advance(
            X, prior, correlated, smallest, here, there, direction, length, value
        )
        passes += tried
        for i in range(size):
            position[i] = there[0, i]
        if not math.isfinite(new_value):
            return THIN, number, passes
        if number >= _FIRST_STEPS:
            kept = kept if length > 0.0 else 0  # what led astray is forgotten
            too_short = _remember(here, there, place, steps, changes)
            stretch = min(2.0 * max(length, 1.0), _LONGEST) if too_short else 1.0
            place, kept = (place + 1) % _MEMORY, min(kept + 1, _MEMORY)
        gain = new_value - value
        value = max(value, new_value)
        trace[number] = value
        here, there = there, here
    return LIMIT, limit + 1, passes


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
