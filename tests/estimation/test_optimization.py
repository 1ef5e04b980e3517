"""Accelerated EM: the same optimum as EM alone, in a fraction of the passes, never going down."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import Status, distance
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.starts import start
from bayesgmm.numerics.rows import RowsInMemory
from tests.cases import SCALE_PRIORS, STRUCTURES, example_rows
from tests.estimation.problems import (
    layout_for,
    numeric_gradient,
    plain_objective,
    spec_of,
)

GOALS = ("posterior", "likelihood")


def overlapping_clouds() -> np.ndarray:
    """Return three clouds two standard deviations apart, where EM takes hundreds of steps."""
    rng = np.random.default_rng(1)
    centers = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    return rng.normal(size=(2000, 2)) + centers[rng.integers(3, size=2000)]


def optimized(X: np.ndarray, spec: bg.MixtureSpec, goal: str, seed: int, **options):
    """Climb from one start that k-means found."""
    problem = Problem.pose(X, spec)
    objective = Objective(problem.scaled_spec, X.shape[1], goal == "posterior")
    rows = problem.scaled_data.rows
    first = start(rows, objective, "k-means++", np.random.default_rng(seed))
    return bg.EM(goal, n_starts=1, max_iterations=20_000, **options).optimize(
        rows, first, objective
    )


@pytest.mark.parametrize(
    ("structure", "goal"),
    [("full", "likelihood"), ("diagonal", "posterior"), ("spherical", "likelihood")],
)
def test_overlapping_components_need_less_than_half_the_passes(structure, goal):
    spec, X = bg.MixtureSpec(3, covariances=STRUCTURES[structure]()), overlapping_clouds()[:1000]
    plain = optimized(X, spec, goal, 0, acceleration="none", tolerance=1e-11)
    fast = optimized(X, spec, goal, 0, tolerance=1e-11)
    assert fast.converged
    assert plain.converged
    assert plain.n_passes == plain.trace.size
    assert fast.n_passes < 0.5 * plain.n_passes
    # EM stops while it still gains 1e-11 a step, hundreds of steps from the optimum.
    assert fast.objective >= plain.objective - 1e-6
    assert_allclose(fast.objective, plain.objective, atol=1e-3)
    assert distance(fast.parameters, plain.parameters) < 0.05


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_no_step_leads_down(structure, goal):
    spec = bg.MixtureSpec(4, covariances=STRUCTURES[structure]())
    trace = optimized(overlapping_clouds()[:300], spec, goal, 1).trace
    assert np.all(np.diff(trace) >= -1e-12 * np.abs(trace).max())


@pytest.mark.parametrize(("structure", "prior", "d", "goal"), [
    *((structure, "half-t", 3, goal) for structure in STRUCTURES for goal in GOALS),
    *(("full", prior, 2, "posterior") for prior in SCALE_PRIORS),
    *(("spherical", prior, 1, "posterior") for prior in SCALE_PRIORS),
])  # fmt: skip
def test_quasi_newton_steps_climb_the_objective_of_em(structure, prior, d, goal):
    spec, X = spec_of(structure, prior, n_components=2), example_rows(30, d)
    objective = Objective(spec, d, goal == "posterior")
    function = objective.function_of(RowsInMemory(X))
    rng = np.random.default_rng(0)
    one, other = rng.normal(0, 0.4, (2, objective.layout.size))

    def plain(position: np.ndarray) -> float:
        return plain_objective(spec, X, position, uses_prior=goal == "posterior")

    # They are equal up to a constant, which no difference has.
    assert_allclose(function(one)[0] - function(other)[0], plain(one) - plain(other), rtol=1e-9)
    assert_allclose(function(one)[1], numeric_gradient(plain, one), rtol=1e-4, atol=1e-4)


def test_a_likelihood_without_bound_ends_in_a_collapse_and_says_so():
    X = np.append(example_rows(40, 2), np.full((5, 2), 7.0), axis=0)
    with pytest.warns(bg.ConvergenceWarning, match="rows 40, 41, 42, 43, 44"):
        estimate = bg.estimate(
            X,
            bg.MixtureSpec(3),
            solver=bg.EM("likelihood", n_starts=1, init="k-means++"),
            random_seed=3,
        )
    assert estimate.status is Status.COLLAPSED


def test_few_iterations_are_em_alone():
    estimate = optimized(overlapping_clouds(), bg.MixtureSpec(3), "posterior", 0)
    assert estimate.n_iterations > 5
    short = bg.EM(max_iterations=3, n_starts=1)
    problem = Problem.pose(overlapping_clouds(), bg.MixtureSpec(3))
    result = short.run(problem.scaled_spec, problem.scaled_data, seed=1)
    assert result.n_iterations == 3
    assert result.status is Status.ITERATION_LIMIT


def test_layouts_say_how_wide_a_posterior_roughly_is():
    # One component, many rows: the mean has sigma / sqrt(n), its log scale 1 / sqrt(2 n).
    spec = spec_of("full", n_components=1)
    X = np.random.default_rng(0).normal(size=(10_000, 2))
    problem = Problem.pose(X, spec)
    layout = layout_for(problem.scaled_spec, problem.scaled_data)
    point = bg.EM(n_starts=1).run(problem.scaled_spec, problem.scaled_data, seed=0)
    widths = layout.rough_deviations(point.parameters, 10_000)
    assert_allclose(widths, [0.01, 0.01, 0.00707, 0.00707, 0.01], rtol=0.02)
