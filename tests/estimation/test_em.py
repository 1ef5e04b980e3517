"""EM: it never goes down, it ends at a mode, and it says how it ended."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation import em as duration
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import distance
from bayesgmm.estimation.problem import Problem
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import layout_of
from tests.cases import SCALE_PRIORS, SEPARATED, STRUCTURES
from tests.estimation.problems import (
    TABLES,
    layout_for,
    numeric_gradient,
    plain_objective,
    scaled,
    spec_of,
)

GOALS = ("posterior", "likelihood")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_objective_never_decreases(structure, goal, table):
    dataset = scaled(TABLES[table])
    for n_components, start in [(1, "k-means++"), (2, "random"), (4, "k-means++")]:
        solver = bg.EM(goal, n_starts=2, init=start, max_iterations=300)
        estimate = solver.run(
            spec_of(structure, n_components=n_components), dataset, seed=n_components
        )
        # Sums of about a hundred terms are equal up to a few thousand roundings.
        slack = 1e-12 * np.abs(estimate.trace).max()
        assert np.all(np.diff(estimate.trace) >= -slack)
        assert estimate.objective == estimate.trace[-1]
        assert estimate.starts.objectives.size == min(n_components, 2)  # one has one optimum


def mode_of(structure: str, prior: str, table: str, goal: str, *, n_components: int = 2):
    """Return a mode to many digits, and the objective by SciPy around it."""
    dataset, spec = scaled(TABLES[table]), spec_of(structure, prior, n_components=n_components)
    solver = bg.EM(goal, n_starts=20, tolerance=1e-14, max_iterations=20_000)
    estimate = solver.run(spec, dataset, seed=1)

    def objective(position: np.ndarray) -> float:
        return plain_objective(spec, dataset.values, position, uses_prior=goal == "posterior")

    return estimate, objective, layout_for(spec, dataset).pack(estimate.parameters)


MODES = [
    *((structure, "half-t", "overlapping", goal) for structure in STRUCTURES
      for goal in GOALS),
    *(("full", prior, "separated", "posterior") for prior in SCALE_PRIORS),
    *(("tied-spherical", prior, "one-feature", "posterior") for prior in SCALE_PRIORS),
]  # fmt: skip


@pytest.mark.parametrize(("structure", "prior", "table", "goal"), MODES)
def test_the_end_is_a_local_maximum_of_the_objective(structure, prior, table, goal):
    estimate, objective, position = mode_of(structure, prior, table, goal)
    assert estimate.converged
    assert objective(position) == pytest.approx(estimate.objective, rel=1e-10)
    # Near a mode the objective is flat: an ascent that stops at a gain of 1e-14 relative, here
    # 3e-12, leaves a gradient of the order of the square root of that times the curvature n.
    gradient = numeric_gradient(objective, position)
    assert np.abs(gradient).max() < 1e-3 * np.sqrt(len(TABLES[table]))
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1e-1):
        for _ in range(10):
            assert objective(position + size * rng.normal(size=position.size)) < estimate.objective


@pytest.mark.parametrize(
    ("structure", "prior", "table"),
    [
        ("full", "log-normal", "one-feature"),
        ("spherical", "exponential", "separated"),
        ("tied-inverse-wishart", "half-t", "one-feature"),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ("full", "half-t", "separated"),
                ("tied", "gamma", "separated"),
                ("diagonal", "half-normal", "overlapping"),
                ("tied-diagonal", "half-t", "overlapping"),
                ("inverse-wishart", "half-t", "separated"),
            )
        ),
    ],
)
def test_an_independent_optimizer_finds_the_same_mode_and_none_better(structure, prior, table):
    estimate, objective, position = mode_of(structure, prior, table, "posterior")
    rng = np.random.default_rng(0)

    def optimize(start: np.ndarray) -> tuple[float, np.ndarray]:
        result = minimize(lambda vector: -objective(vector), start, method="BFGS")
        return -result.fun, result.x

    value, end = optimize(position + 0.1 * rng.normal(size=position.size))
    assert value == pytest.approx(estimate.objective, abs=1e-5)
    assert_allclose(end, position, atol=5e-3)
    for _ in range(2):
        value, _ = optimize(0.7 * rng.normal(size=position.size))
        assert value <= estimate.objective + 1e-5


def test_the_same_seed_gives_the_same_estimate_bit_for_bit():
    X = TABLES["overlapping"]
    before = X.copy()
    first, second = (bg.estimate(X, bg.MixtureSpec(3), random_seed=5) for _ in range(2))
    for name in ("weights", "means", "covariances", "trace"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert np.array_equal(first.starts.objectives, second.starts.objectives)
    assert np.array_equal(X, before)


def test_another_seed_starts_elsewhere():
    first, second = (
        bg.estimate(TABLES["separated"], bg.MixtureSpec(5), solver=bg.EM(n_starts=2), random_seed=s)
        for s in (5, 6)
    )
    assert not np.array_equal(first.starts.objectives, second.starts.objectives)


def test_components_are_ordered_by_weight_unless_the_prior_tells_them_apart():
    dataset = scaled(TABLES["separated"])
    exchangeable = bg.EM().run(spec_of("full", n_components=3), dataset, seed=1)
    assert np.all(np.diff(exchangeable.weights) <= 0)
    prior = bg.Dirichlet((2.0, 40.0, 90.0))
    spec = replace(spec_of("full", n_components=3), weights=prior)
    assert np.all(np.diff(bg.EM().run(spec, dataset, seed=1).weights) > 0)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_estimate_follows_a_change_of_units(structure, goal):
    X = TABLES["overlapping"]
    factor, shift = np.array([0.25, 8.0, 64.0]), np.array([3.0, -40.0, 500.0])
    if STRUCTURES[structure].isotropic:  # one factor for all: another would change the model
        factor = np.full(3, 8.0)
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    here, there = (
        bg.estimate(rows, spec, solver=bg.EM(goal, n_starts=4, tolerance=1e-12), random_seed=1)
        for rows in (X, X * factor + shift)
    )
    # Standardizing rounds, and an ascent that ends at a gain of 1e-12 leaves the optimum uncertain
    # by the root of that in units of the width of the posterior.
    assert_allclose(there.weights, here.weights, atol=1e-5)
    assert_allclose((there.means - shift) / factor, here.means, atol=1e-5)
    units = factor[:, None] * factor
    assert_allclose(there.covariances / units, here.covariances, atol=1e-5)
    # Densities change by the Jacobian of the rows, and of parameters that have units.
    jacobian = len(X) * np.log(factor).sum()
    assert there.log_likelihood == pytest.approx(here.log_likelihood - jacobian, abs=1e-6)
    if goal == "posterior":
        # Two means; logarithms of scales and correlations have no unit.
        jacobian += 2 * np.log(factor).sum()
    if goal == "posterior" and structure not in SEPARATED:
        # Entry i, j of a matrix is multiplied by factors i and j: 1 + 3 times each.
        jacobian += 4 * layout_of(spec, 2).covariances.n_matrices * np.log(factor).sum()
    assert there.objective == pytest.approx(here.objective - jacobian, abs=1e-6)
    assert there.trace[-1] == pytest.approx(there.objective)


def test_the_iteration_limit_is_told():
    with pytest.warns(bg.ConvergenceWarning, match="raise max_iterations"):
        estimate = bg.estimate(
            TABLES["one-normal"], bg.MixtureSpec(3), solver=bg.EM(max_iterations=2), random_seed=1
        )
    assert estimate.status is bg.Status.ITERATION_LIMIT
    assert estimate.n_iterations == 2
    assert not estimate.converged
    assert "max_iterations" in str(estimate)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_maximum_likelihood_collapses_onto_equal_rows_and_says_so(structure):
    X = np.repeat([[0.0, 1.0], [3.0, 0.0], [1.0, 5.0]], 10, axis=0)
    spec = bg.MixtureSpec(3, covariances=STRUCTURES[structure]())
    with pytest.warns(bg.ConvergenceWarning, match="component 0 has no spread in 'x0', 'x1' on"):
        estimate = bg.estimate(X, spec, solver=bg.EM("likelihood"), random_seed=1)
    assert estimate.status is bg.Status.COLLAPSED
    assert "posterior" in estimate.status.in_words
    assert np.isneginf(estimate.starts.objectives[0])


def test_a_proper_optimum_is_preferred_to_a_collapse():
    rng = np.random.default_rng(0)
    clouds = rng.normal(-5, 1, size=(40, 2)), rng.normal(5, 1, size=(40, 2))
    X = np.concatenate([*clouds, np.full((6, 2), 0.3)])
    spec = bg.MixtureSpec(3, covariances=bg.Diagonal())
    solver = bg.EM("likelihood", n_starts=30, init="random")
    estimate = bg.estimate(X, spec, solver=solver, random_seed=1)
    assert estimate.converged
    assert estimate.log_likelihood == pytest.approx(estimate.starts.objectives[0])
    assert np.isneginf(estimate.starts.objectives[-1])
    assert "collapsed" in str(estimate.starts)


def _counts() -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.where(rng.random((300, 2)) < 0.8, 0.0, rng.poisson(3.0, (300, 2)))


def _degenerate_tables() -> dict[str, tuple[np.ndarray, int]]:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    equal, plane, outlier = rows.copy(), rows.copy(), rows.copy()
    equal[:30] = equal[0]
    plane[:, 2] = plane[:, 0] + plane[:, 1]
    outlier[0] = 1e6
    return {
        "half of the rows equal": (equal, 3),
        "rows in a plane": (plane, 2),
        "an outlier at a million standard deviations": (outlier, 2),
        "an outlier, and components to spare": (outlier, 4),
        "as many components as rows": (rows[:6], 6),
        "more components than distinct rows": (np.repeat(rows[:2], 5, axis=0), 4),
        "all rows but one equal": (np.append(np.zeros((20, 3)), np.ones((1, 3)), axis=0), 3),
        "fewer rows than features": (np.random.default_rng(1).normal(size=(4, 6)), 2),
        "two rows": (rows[:2], 2),
        "counts, most of them zero": (_counts(), 3),
    }


RELATED = ("rows in a plane", "more components than distinct rows", "all rows but one equal")


DEGENERATE = [
    (structure, table)
    for shift, structure in enumerate(STRUCTURES)
    for place, table in enumerate(_degenerate_tables())
    if structure in ("full", "diagonal") or (place + shift) % 4 == 0
]


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "table"), DEGENERATE)
def test_under_the_default_priors_nothing_collapses(structure, table):
    X, n_components = _degenerate_tables()[table]
    spec = bg.MixtureSpec(n_components, covariances=STRUCTURES[structure]())
    related = table in RELATED and structure in ("full", "tied")
    named = pytest.warns(bg.BayesGMMWarning, match="Columns depend") if related else nullcontext()
    with named, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "EM stopped at the iteration limit")
        estimate = bg.estimate(X, spec, random_seed=1)
    assert estimate.status in (bg.Status.CONVERGED, bg.Status.ITERATION_LIMIT)
    for values in (estimate.weights, estimate.means, estimate.covariances, estimate.trace,
                   estimate.log_likelihood):  # fmt: skip
        assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(estimate.starts.objectives))
    assert np.all(np.linalg.eigvalsh(estimate.covariances) > 0)
    assert estimate.weights.sum() == pytest.approx(1.0)
    # Near-singular matrices lose some digits of terms that are larger than their sum.
    assert np.all(np.diff(estimate.trace) >= -1e-7 * np.abs(estimate.trace).max())


def test_a_sparse_dirichlet_prior_has_an_estimate_too():
    spec = bg.MixtureSpec(4, weights=bg.Dirichlet(0.1))
    estimate = bg.estimate(TABLES["separated"], spec, random_seed=1)
    assert estimate.converged
    assert np.all(estimate.weights > 0)


@pytest.mark.parametrize(
    ("option", "value"),
    [("objective", "map"), ("init", "kmeans"), ("n_starts", 0), ("max_iterations", 1.5),
     ("tolerance", 0.0), ("tolerance", 1.0)],
)  # fmt: skip
def test_options_are_checked(option, value):
    with pytest.raises(SpecificationError, match=f"EM: {option} must"):
        replace(bg.EM(), **{option: value})


def test_how_long_a_wide_table_takes_is_told_before(monkeypatch):
    X = np.random.default_rng(0).normal(size=(30, 90))
    solver = bg.EM(n_starts=1, max_iterations=5)
    monkeypatch.setattr(duration, "_LONG", 0.0)
    with pytest.warns() as caught:
        found = bg.estimate(X, bg.MixtureSpec(2), solver=solver, random_seed=1)
    assert "from 1 start will take some" in str(caught[0].message)
    assert "Diagonal()" in str(caught[0].message)
    assert np.isfinite(found.objective)
    with warnings.catch_warnings():
        warnings.simplefilter("error", bg.BayesGMMWarning)
        bg.estimate(X, bg.MixtureSpec(2, covariances=bg.Diagonal()), random_seed=1)


def test_many_rows_end_in_the_same_optimum_as_an_ascent_on_all_of_them():
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    X = rng.normal(size=(45_000, 2)) + centers[rng.integers(3, size=45_000)]
    problem = Problem.pose(X, bg.MixtureSpec(3))
    spec, rows = problem.scaled_spec, problem.scaled_data
    found = bg.EM(n_starts=6).run(spec, rows, seed=1)
    assert found.converged
    assert found.starts.objectives.size == 6
    assert found.starts.agreeing >= 2
    assert found.objective == found.starts.objectives[0]
    # EM from the truth, on all rows, cannot do better.
    truth = MixtureParameters(
        np.full(3, 1 / 3), problem.scaling.standardize(read_table(centers)).values,
        np.tile(1 / problem.scaling.factor, (3, 1)), np.tile(np.eye(2), (3, 1, 1)),
    )  # fmt: skip
    best = bg.EM(tolerance=1e-12).optimize(rows.values, truth, Objective(spec, 2, uses_prior=True))
    assert found.objective == pytest.approx(best.objective, abs=1e-3)
    assert distance(found.parameters, best.parameters) < 0.01


def test_a_collapse_on_a_sample_of_many_rows_is_a_collapse():
    X = np.append(np.random.default_rng(0).normal(size=(30_000, 1)), np.zeros((9_000, 1)), axis=0)
    solver = bg.EM("likelihood", n_starts=2, init="random")
    with pytest.warns(bg.ConvergenceWarning, match=r"on rows 30000, .* and 8995 more"):
        estimate = bg.estimate(X, bg.MixtureSpec(2), solver=solver, random_seed=1)
    assert estimate.status is bg.Status.COLLAPSED
