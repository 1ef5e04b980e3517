"""Splits: halves that together are the whole, and a better start than the fit before."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.splits import best_split, split
from bayesgmm.numerics.kernels.em_starts import longest_axis, split_axes
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import log_densities, responsibilities
from bayesgmm.parameters import MixtureParameters
from tests.cases import STRUCTURES, example_rows

GOALS = ("posterior", "likelihood")


def fitted(X: np.ndarray, structure: str, k: int, goal: str):
    """Return scaled rows, an estimate and responsibilities, and the objective with one more."""
    problem = Problem.pose(X, bg.MixtureSpec(k, covariances=STRUCTURES[structure]()))
    point = bg.EM(goal, n_starts=3).run(problem.scaled_spec, problem.scaled_data, seed=1)
    rows = problem.scaled_data.values
    larger = Problem.pose(X, bg.MixtureSpec(k + 1, covariances=STRUCTURES[structure]()))
    objective = Objective(larger.scaled_spec, X.shape[1], goal == "posterior")
    return rows, point.parameters, responsibilities(rows, point.parameters), objective


def moments(parameters: MixtureParameters) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance matrix of a whole mixture."""
    mean = parameters.weights @ parameters.means
    centered = parameters.means - mean
    within = np.einsum("k,kij->ij", parameters.weights, parameters.covariances)
    return mean, within + np.einsum("k,ki,kj->ij", parameters.weights, centered, centered)


@pytest.mark.parametrize("number", [0, 1])
def test_two_halves_are_together_what_the_whole_was(number):
    X = example_rows(200, 3)
    rows, parameters, shares, objective = fitted(X, "full", 2, "likelihood")
    axes = split_axes(rows.copy(), shares)[-1]
    halves = split(parameters, 1, axes[1, number], objective)
    assert halves.n_components == 3
    assert_allclose(halves.weights, [parameters.weights[0], *2 * [parameters.weights[1] / 2]])
    # EM ends within some 1e-7 of an optimum, where the rows have the moments of the mixture.
    for ours, theirs in zip(moments(halves), moments(parameters), strict=True):
        assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_split_is_inside_the_space_and_raises_the_likelihood(structure, goal):
    # Two clouds in one component: the rows could hardly ask for anything else.
    X = np.concatenate([example_rows(80, 2), example_rows(80, 2) + 12.0])
    rows, parameters, shares, objective = fitted(X, structure, 1, goal)
    start = best_split(RowsInMemory(rows), parameters, shares, objective)
    assert start.weights.sum() == pytest.approx(1.0)
    assert np.all(np.linalg.eigvalsh(start.covariances) > 0)
    assert log_densities(rows, start).sum() > log_densities(rows, parameters).sum() + 10
    assert objective.layout.unpack(objective.layout.pack(start)).n_components == 2


def test_the_component_that_holds_two_clouds_is_the_one_to_split():
    rng = np.random.default_rng(0)
    clouds = [rng.normal(size=(100, 2)) + center for center in ([0, 0], [30, 0], [36, 0])]
    X = np.concatenate(clouds)
    for goal in GOALS:
        rows, parameters, shares, objective = fitted(X, "full", 2, goal)
        start = best_split(RowsInMemory(rows), parameters, shares, objective)
        assert_allclose(np.sort(start.weights), 1 / 3, atol=0.02)


def test_where_every_split_collapses_there_is_none():
    X = np.repeat([[0.0, 1.0], [3.0, 0.0]], 10, axis=0)
    problem = Problem.pose(X, bg.MixtureSpec(3, covariances=bg.Diagonal()))
    objective = Objective(problem.scaled_spec, 2, uses_prior=False)
    rows = problem.scaled_data.values
    parameters = MixtureParameters(
        np.full(2, 0.5), rows[[0, -1]].copy(), np.full((2, 2), 1e-3), None
    )
    assert (
        best_split(RowsInMemory(rows), parameters, responsibilities(rows, parameters), objective)
        is None
    )


@pytest.mark.parametrize("d", [1, 2, 6])
def test_the_longest_axis_is_the_first_eigenvector(d):
    matrix = np.cov(example_rows(50, d).T).reshape(d, d)
    values, vectors = np.linalg.eigh(matrix)
    axis = longest_axis(matrix)
    assert np.linalg.norm(axis) ** 2 == pytest.approx(values[-1])
    assert abs(axis @ vectors[:, -1]) == pytest.approx(np.linalg.norm(axis))
