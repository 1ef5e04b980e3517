"""M-steps without closed form, solved on the sufficient statistics of one matrix.

Their cost depends on the number of features, not on the number of rows.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.covariances import (
    correlation_factor,
    expected_log_posterior,
    floor_scatter,
    lone_scale_prior,
    mixing_scatter,
    partial_precisions,
    write_coordinates,
)
from bayesgmm.numerics.kernels.triangular import inverse

_SUFFICIENT_INCREASE = 1e-4  # Armijo's constant, Nocedal & Wright (2006), section 3.1
_LONGEST_STEP = 3.0  # in log scales and correlation coordinates: a factor of twenty in a scale
_MOST_ITERATIONS = 40
_MOST_HALVINGS = 40
_MOST_FIXED_POINTS, _LEAST_GAIN = 30, 1e-14
_GRADIENT_TOLERANCE = 1e-9  # relative to the number of rows of the matrix


@compiled_exactly
def _expected_scale(log_scale, count, scatter, prior, place):
    """Return -count u - scatter exp(-2 u)/2 + log p(exp(u)) and its two derivatives."""
    of_prior, slope, curvature = lone_scale_prior(prior, place, log_scale)
    spread = scatter * math.exp(-2.0 * log_scale)
    return (
        of_prior - count * log_scale - 0.5 * spread,
        slope - count + spread,
        curvature - 2.0 * spread,
    )


@compiled_exactly
def best_log_scale(log_scale, count, scatter, prior, place, lowest):
    """Maximize over one log scale by Newton's method with step halving; the objective is concave.

    The result is not below ``lowest``, the bound of a scale with neither rows nor prior.
    """
    value, slope, curvature = _expected_scale(log_scale, count, scatter, prior, place)
    for _ in range(_MOST_ITERATIONS):
        if abs(slope) <= _GRADIENT_TOLERANCE * (1.0 + count):
            break
        step = -slope / curvature if curvature < 0 else math.copysign(_LONGEST_STEP, slope)
        step = min(max(step, -_LONGEST_STEP), _LONGEST_STEP)
        for _ in range(_MOST_HALVINGS):
            proposal = max(log_scale + step, lowest)
            new = _expected_scale(proposal, count, scatter, prior, place)
            if new[0] >= value:
                break
            step *= 0.5
        if new[0] < value or proposal == log_scale:
            break
        log_scale = proposal
        value, slope, curvature = new
    return log_scale


@compiled_exactly
def _initial_metric(size, n_parameters, count):
    """Return an initial inverse curvature: that of n normal rows is 2 n in u, about n in y."""
    metric = np.zeros((n_parameters, n_parameters))
    for i in range(n_parameters):
        metric[i, i] = 1.0 / (2.0 * count + 2.0) if i < size else 1.0 / (count + 2.0)
    return metric


@compiled_exactly
def _update_metric(metric, step, change):
    """BFGS update of the inverse curvature (Nocedal & Wright, 2006, equation 6.17)."""
    along = -(step * change).sum()
    if along <= 1e-12 * math.sqrt((step * step).sum() * (change * change).sum()):
        return
    projected = np.zeros(step.shape[0])
    for i in range(step.shape[0]):
        for j in range(step.shape[0]):
            projected[i] -= metric[i, j] * change[j]
    quadratic = -(change * projected).sum()
    for i in range(step.shape[0]):
        for j in range(step.shape[0]):
            metric[i, j] += (1.0 + quadratic / along) * step[i] * step[j] / along
            metric[i, j] -= (projected[i] * step[j] + step[i] * projected[j]) / along


@compiled_exactly
def _largest(vector):
    """Return the largest absolute value."""
    largest = 0.0
    for value in vector:
        largest = max(largest, abs(value))
    return largest


@compiled_exactly
def _write_scatter_per_row(position, count, scatter, prior, of_floor, target):
    """Write the maximum with the prior replaced by prior rows; return False if there is none.

    The scatter that replaces the scale mixture has its gradient at the current position. The term
    is convex in the precisions and lies above its tangent, so that the objective does not decrease.
    The scatter of the floor grows as the third power of a precision, which itself is inversely
    proportional to that scatter where rows lie in a plane. So only a quarter of each step is taken,
    on the log scale. ``of_floor`` holds the last scatter, negative at first.
    """
    size = scatter.shape[0]
    precision_factor = inverse(correlation_factor(position[size:], size))
    for i in range(size):
        for j in range(i + 1):
            precision_factor[i, j] *= math.exp(-position[j])
    matrix, precisions = scatter.copy(), partial_precisions(precision_factor)
    for i in range(size):
        here = floor_scatter(precisions[i], prior, i)
        of_floor[i] = here if of_floor[i] < 0.0 else of_floor[i] ** 0.75 * here**0.25
        matrix[i, i] += mixing_scatter(precisions[i], prior, i) + of_floor[i]
    rows = count - 2.0 * (prior.eta - 1.0)
    for i in range(size):
        if not (rows > 0.0 and matrix[i, i] > 0.0):
            return False
        for j in range(size):
            matrix[i, j] /= rows
    return write_coordinates(matrix, target[:size], target[size:])


@compiled_exactly
def best_covariance(log_scales, pairs, count, scatter, prior, lowest):
    """Maximize the expected log posterior of one covariance matrix from its current value.

    Returns log scales and correlation coordinates with an objective no lower than at the start. No
    log scale is below its ``lowest``.
    """
    size = log_scales.shape[0]
    position = np.concatenate((log_scales, pairs))
    value, gradient = expected_log_posterior(position, count, scatter, prior)
    # Under the joint prior of scales and correlations these fixed-point steps alone converge to
    # the maximum, even for nearly singular matrices; under other priors they end near it.
    here, there = position.copy(), np.empty(position.shape[0])
    last, of_floor = value, np.full(size, -1.0)
    for _ in range(_MOST_FIXED_POINTS):
        if not _write_scatter_per_row(here, count, scatter, prior, of_floor, there):
            break
        for i in range(size):
            there[i] = max(there[i], lowest[i])
        here, there = there, here
        new_value, new_gradient = expected_log_posterior(here, count, scatter, prior)
        if new_value > value:
            position, value, gradient = here.copy(), new_value, new_gradient
        if abs(new_value - last) < _LEAST_GAIN * (1.0 + abs(value)):
            break
        last = new_value
    metric = _initial_metric(size, position.shape[0], count)
    for _ in range(_MOST_ITERATIONS):
        if _largest(gradient) <= _GRADIENT_TOLERANCE * (1.0 + count):
            break
        direction = np.zeros(position.shape[0])
        for i in range(position.shape[0]):
            for j in range(position.shape[0]):
                direction[i] += metric[i, j] * gradient[j]
        direction *= min(1.0, _LONGEST_STEP / _largest(direction))
        slope = (direction * gradient).sum()
        length, accepted = 1.0, False
        for _ in range(_MOST_HALVINGS):
            proposal = position + length * direction
            for i in range(size):
                proposal[i] = max(proposal[i], lowest[i])
            new_value, new_gradient = expected_log_posterior(proposal, count, scatter, prior)
            if new_value >= value + _SUFFICIENT_INCREASE * length * slope:
                accepted = True
                break
            length *= 0.5
        if not accepted:
            break
        _update_metric(metric, proposal - position, new_gradient - gradient)
        position, value, gradient = proposal, new_value, new_gradient
    return position[:size].copy(), position[size:].copy()
