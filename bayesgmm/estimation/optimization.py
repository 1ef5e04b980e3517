"""One optimization run from one starting point: EM, quasi-Newton, and confirming EM steps.

EM converges safely from anywhere, but slowly if components overlap: it does not use the curvature.
Quasi-Newton steps (``numerics/quasi_newton.py``) approximate it, in units of the rough widths of
the posterior; if EM needs a thousand passes over the rows, they need fifty. Jamshidian & Jennrich
(1997) accelerate EM in this way. Without priors and with not very many rows, all steps are
compiled (``likelihood.py``).

References
----------
Jamshidian, M. and Jennrich, R. I. (1997). Acceleration of the EM algorithm by using quasi-Newton
methods. Journal of the Royal Statistical Society B 59, 569-587.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from bayesgmm.estimation.collapse import has_collapsed, made_finite
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.factor_steps import statistics_for_factors, with_factors
from bayesgmm.estimation.likelihood import (
    compiled_steps,
    position_of,
    position_of_partition,
    suits_compiled_steps,
)
from bayesgmm.estimation.maximization import maximize
from bayesgmm.estimation.point_estimate import Path, Status
from bayesgmm.estimation.starts import from_labels
from bayesgmm.numerics.quasi_newton import highest_point
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import sufficient_statistics
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters

_FIRST_STEPS = 5  # of EM, which leave the start for the basin that plain EM would end in
_OF_FACTORS = 60  # for factor analyzers: with many features components are clear, and EM is fast
_MEMORY = 20  # corrections that stand for the curvature
# Quasi-Newton steps vary in length: one that gains little may come before one that gains much.
_FINER = 1e-3
_GRADIENT = 1e-6  # in units of the objective per rough width
_SMALLEST_WEIGHT = 1e-100  # a position takes its logarithm


def optimize(
    X: RowsInMemory,
    parameters: MixtureParameters,
    objective: Objective,
    *,
    tolerance: float,
    max_iterations: int,
    accelerated: bool,
) -> Path:
    """Optimize from one starting point until convergence, collapse or the limit."""
    if not accelerated or max_iterations <= _FIRST_STEPS:
        return em_steps(X, parameters, objective, tolerance=tolerance, limit=max_iterations)
    if suits_compiled_steps(X, objective):
        position = position_of(parameters, objective)
        if position is not None:
            return _maximize_likelihood(X, position, objective, tolerance, max_iterations)
    return _optimize_in_turns(X, parameters, objective, tolerance, max_iterations)


def optimize_from_partition(
    X: RowsInMemory,
    complete: RowsInMemory,
    labels: Int[np.ndarray, " n"],
    objective: Objective,
    *,
    tolerance: float,
    max_iterations: int,
    accelerated: bool,
) -> Path:
    """Optimize from the parameters that fit a partition of the rows.

    ``complete`` are the rows with imputed missing cells.
    """
    if accelerated and max_iterations > _FIRST_STEPS and suits_compiled_steps(X, objective):
        position = position_of_partition(X, labels, objective)
        if position is not None:
            return _maximize_likelihood(X, position, objective, tolerance, max_iterations)
    return optimize(
        X, from_labels(complete, labels, objective), objective,
        tolerance=tolerance, max_iterations=max_iterations, accelerated=accelerated,
    )  # fmt: skip


def _maximize_likelihood(
    X: RowsInMemory, position: np.ndarray, objective: Objective, tolerance: float, limit: int
) -> Path:
    """Optimize the likelihood in compiled code, except near singular matrices."""
    path = compiled_steps(X, position, objective, tolerance=tolerance, limit=limit)
    if path.status is not Status.COLLAPSED:
        return path
    later = _optimize_in_turns(X, path.parameters, objective, tolerance, limit)
    return path.followed_by(later)


def _optimize_in_turns(
    X: RowsInMemory,
    parameters: MixtureParameters,
    objective: Objective,
    tolerance: float,
    max_iterations: int,
) -> Path:
    """Take EM steps, quasi-Newton steps, and EM steps."""
    first = _OF_FACTORS if objective.layout.covariances.n_factors else _FIRST_STEPS
    first = min(first, max_iterations)
    finer = _FINER if objective.layout.covariances.n_factors else 1.0
    path = em_steps(X, parameters, objective, tolerance=finer * tolerance, limit=first)
    if path.status is not Status.ITERATION_LIMIT:
        return path
    left = max_iterations - first
    if left == 0:
        return path
    faster = quasi_newton_steps(X, path, objective, tolerance=tolerance, limit=left)
    left = max(1, left - len(faster.trace))
    last = em_steps(X, faster.parameters, objective, tolerance=tolerance, limit=left)
    return path.followed_by(faster).followed_by(last)


def em_steps(
    X: RowsInMemory,
    parameters: MixtureParameters,
    objective: Objective,
    *,
    tolerance: float,
    limit: int,
) -> Path:
    """Take EM steps until the gain is below the tolerance, a collapse, or the limit."""
    trace: list[float] = []
    parameters = with_factors(parameters, objective)
    status, best = Status.ITERATION_LIMIT, (parameters, -np.inf)
    is_bounded = np.all(objective.mode_prior.covariances.floor > 0)  # components do not collapse
    for number in range(limit + 1):
        if not is_bounded and has_collapsed(parameters, objective.smallest_scales, X):
            status = Status.COLLAPSED
            best = made_finite(parameters, objective.smallest_scales), best[1]
            break
        statistics = (
            statistics_for_factors(X, parameters)
            if objective.layout.covariances.n_factors
            else sufficient_statistics(X, parameters)
        )
        height = statistics.log_likelihood + objective.log_prior(parameters)
        if not math.isfinite(height):  # an extreme position, as of weights or outliers of 1e12
            status = Status.COLLAPSED
            break
        trace.append(height)
        best = parameters, statistics.log_likelihood
        if len(trace) > 1 and trace[-1] - trace[-2] < tolerance * (1 + abs(trace[-1])):
            status = Status.CONVERGED
            break
        if number == limit:
            break
        try:
            parameters = maximize(statistics, parameters, objective)
        except np.linalg.LinAlgError:  # on the edge of what correlations may be: no step leads on
            break
    return Path(*best, trace, status, len(trace))


def quasi_newton_steps(
    X: RowsInMemory,
    path: Path,
    objective: Objective,
    *,
    tolerance: float,
    limit: int,
) -> Path:
    """Take quasi-Newton steps from the end of a path; the objective never decreases."""
    layout, last = objective.layout, path.trace[-1]
    center = _packed(path.parameters, layout)
    if center is None:
        return replace(path, trace=[], n_passes=0)
    widths = layout.rough_deviations(
        path.parameters, X.total_weight, objective.mode_prior.precision
    )
    function = objective.function_of(X)
    heights: list[float] = []  # after every step
    values: list[float] = []  # at every call, at the center first
    least_gain = _FINER * tolerance * (1 + abs(last))

    def gain(position: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = function(position)
        values.append(value)
        return value - values[0], gradient

    def gains_little(gain: float) -> bool:
        heights.append(last + gain)
        return len(heights) > 1 and heights[-1] - heights[-2] < least_gain

    end, n_passes = highest_point(
        gain, center, widths, lowest=_lowest_steps(objective, center, widths), memory=_MEMORY,
        gradient=_GRADIENT, max_steps=limit, max_calls=limit, finished=gains_little,
    )  # fmt: skip
    return replace(path, parameters=layout.unpack(end), trace=heights, n_passes=n_passes)


def _packed(parameters: MixtureParameters, layout: Layout) -> np.ndarray | None:
    """Return where steps begin; ``None`` at the edge of the space, where there are no steps."""
    if not np.all(parameters.scales > 0):  # nor NaN, where a component is empty
        return None
    weights = np.maximum(parameters.weights, _SMALLEST_WEIGHT)
    try:
        return layout.pack(replace(parameters, weights=weights))
    except np.linalg.LinAlgError:
        return None


def _lowest_steps(objective: Objective, center: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Return bounds that keep scales finite when a component collapses."""
    layout = objective.layout
    lowest = np.full(center.size, -np.inf)
    log_scales = np.tile(np.log(objective.smallest_scales), layout.covariances.n_matrices)
    first, last = layout.boundaries[-1], layout.boundaries[-1] + log_scales.size
    lowest[first:last] = (log_scales - center[first:last]) / widths[first:last]
    return lowest
