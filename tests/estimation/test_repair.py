"""The search: planted clusters are found, repairs never lead down, and labels keep their rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import adjusted_rand_score

import bayesgmm as bg
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.repair import repaired
from bayesgmm.estimation.search import Search
from bayesgmm.estimation.starts import from_labels
from bayesgmm.estimation.surrogate import Surrogate, in_coordinates, whitening
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import log_densities, responsibilities
from tests.cases import STRUCTURES, example_rows


def blobs(n_each: int, centers: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    clusters = np.repeat(np.arange(len(centers)), n_each)
    noise = np.random.default_rng(seed).normal(size=(clusters.size, centers.shape[1]))
    return centers[clusters] + noise, clusters


GRID = 8.0 * np.stack(np.meshgrid(np.arange(4), np.arange(3)), -1).reshape(-1, 2)
SQUARE = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0], [9.0, 9.0]])
MISTAKEN = np.array([0, 1, 2, 2])
"""The third of the clusters in a square and the fourth in one component, the first in two."""


def surrogate_of(X, partition: np.ndarray, structure: str, goal: str = "posterior", **known):
    """Return rows, the surrogate with its coordinates from a partition, and the objective."""
    n_components = int(partition.max()) + 1
    spec = bg.MixtureSpec(n_components, covariances=STRUCTURES[structure]())
    problem = Problem.pose(X, spec, **known)
    objective = bg.EM(goal).objective_of(problem.scaled_spec, problem.scaled_data)
    complete = filled(problem.scaled_data.fitted_rows)
    return complete, Surrogate.of(complete, [partition], objective), objective


def mistaken(clusters: np.ndarray) -> np.ndarray:
    labels = MISTAKEN[clusters]
    labels[np.flatnonzero(clusters == 0)[::2]] = 3
    return labels


def groups_of(surrogate: Surrogate, mode) -> np.ndarray:
    return responsibilities(surrogate.rows, mode.parameters).argmax(axis=1)


@pytest.mark.parametrize("goal", ["posterior", "likelihood"])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_two_clusters_in_one_component_are_told_apart(structure, goal):
    X, clusters = blobs(40, SQUARE)
    _, surrogate, _ = surrogate_of(X, mistaken(clusters), structure, goal)
    mode = surrogate.from_partition(mistaken(clusters))
    better = repaired(surrogate, mode)
    assert better.height >= mode.height
    assert adjusted_rand_score(clusters, groups_of(surrogate, better)) == 1.0


@pytest.mark.parametrize("seed", range(3))
def test_a_repair_never_leads_down_and_its_height_is_that_of_its_parameters(seed):
    X, labels = example_rows(150, 3), np.random.default_rng(seed).integers(5, size=150)
    _, surrogate, _ = surrogate_of(X, labels, "full", "likelihood")
    mode = surrogate.from_partition(labels)
    if mode is None:
        pytest.skip("the likelihood has no bound there")
    better = repaired(surrogate, mode)
    assert better.height >= mode.height
    # Without prior rows the surrogate is the likelihood.
    total = log_densities(surrogate.rows, better.parameters).sum()
    assert better.height == pytest.approx(total, rel=1e-9)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_parameters_go_to_the_coordinates_of_the_surrogate_and_back(structure):
    X, labels = example_rows(90, 3), np.arange(90) % 3
    rows, surrogate, _ = surrogate_of(X, labels, structure)
    mode = surrogate.from_partition(labels)
    there = surrogate.on_standard_scale(mode)
    assert_allclose(
        responsibilities(rows, there), responsibilities(surrogate.rows, mode.parameters), atol=1e-8
    )
    again = surrogate.from_standard(there)
    assert again.height == pytest.approx(mode.height, abs=1e-2)
    assert again.height >= mode.height - 1e-9 * abs(mode.height)


def test_whitened_rows_have_unit_covariance():
    X = RowsInMemory(
        example_rows(80, 3) @ np.array([[1.0, 0.9, 0.9], [0.0, 0.1, 0.0], [0.0, 0.0, 1e-3]])
    )
    white = in_coordinates(X, *whitening(X)).values
    assert_allclose(np.cov(white.T, bias=True), np.eye(3), atol=0.01)  # a ridge of 1e-9


@pytest.mark.filterwarnings("ignore:Columns depend on each other")
def test_rows_that_lie_on_each_other_can_be_searched():
    X = np.repeat([[0.0, 0.0, 1.0], [1.0, 2.0, 1.0], [4.0, 4.0, 2.0]], 5, axis=0)
    _, surrogate, _ = surrogate_of(X, np.arange(15) % 4, "full")
    mode = repaired(surrogate, surrogate.from_partition(np.arange(15) % 4))
    assert np.isfinite(mode.height)


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_labels_keep_their_rows(structure):
    """Both components that have labels sit in one cluster; the others are moved, not they."""
    X, clusters = blobs(30, SQUARE)
    labels = [None] * 120
    for row in (0, 1, 2):
        labels[row] = 0
    for row in (30, 31, 32):
        labels[row] = 1
    known = {"labels": labels}
    _, surrogate, _ = surrogate_of(X, mistaken(clusters), structure, **known)
    mode = surrogate.from_partition(mistaken(clusters))
    better = repaired(surrogate, mode)
    assert better.height >= mode.height
    found = groups_of(surrogate, better)
    assert adjusted_rand_score(clusters, found) == 1.0
    assert np.all(found[:30] == 0)
    assert np.all(found[30:60] == 1)


def test_weights_and_gaps_take_part():
    X, clusters = blobs(40, SQUARE)
    X[::7, 0] = np.nan
    weights = np.random.default_rng(0).integers(1, 4, size=160).astype(float)
    _, surrogate, _ = surrogate_of(X, mistaken(clusters), "full", sample_weight=weights)
    assert surrogate.counts.sum() == weights.sum()
    mode = surrogate.from_partition(mistaken(clusters))
    better = repaired(surrogate, mode)
    assert better.height > mode.height + 10
    whole = ~np.isnan(X).any(axis=1)
    found = groups_of(surrogate, better)
    assert adjusted_rand_score(clusters[whole], found[whole]) > 0.98


def test_starts_that_meet_share_a_lead_and_none_is_lost():
    X, _ = blobs(30, SQUARE)
    problem = Problem.pose(X, bg.MixtureSpec(4))
    objective = bg.EM().objective_of(problem.scaled_spec, problem.scaled_data)
    methods = [("random" if n % 2 else "k-means++", np.random.default_rng(n)) for n in range(9)]
    search = Search.of(problem.scaled_data.rows, objective, methods, np.zeros(4, dtype=np.int64))
    leads = search.leads()
    heights = [lead.mode.height for lead in leads]
    assert heights == sorted(heights, reverse=True)
    assert sorted([n for lead in leads for n in lead.starts] + search.failed) == list(range(9))


@pytest.mark.parametrize("seed", range(3))
def test_a_dozen_clusters_are_found_from_a_few_starts(seed):
    X, clusters = blobs(40, GRID, seed)
    point = bg.estimate(X, bg.MixtureSpec(12), solver=bg.EM(n_starts=4), random_seed=seed)
    found = responsibilities(X, point.parameters).argmax(axis=1)
    assert adjusted_rand_score(clusters, found) > 0.99
    assert point.starts.objectives.size == 4


def test_groups_within_columns_that_share_a_factor_are_found():
    """The groups differ across the factor, in directions that have a thousandth of the variance."""
    rng = np.random.default_rng(0)
    size, clusters = 10.0 * rng.normal(size=200), np.repeat(np.arange(4), 50)
    shape = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [-1.0, 1.0, 0.0]])
    X = size[:, None] + shape[clusters] + 0.2 * rng.normal(size=(200, 3))
    assert np.corrcoef(X.T).min() > 0.95
    point = bg.estimate(X, bg.MixtureSpec(4), solver=bg.EM("likelihood"), random_seed=1)
    found = responsibilities(X, point.parameters).argmax(axis=1)
    assert adjusted_rand_score(clusters, found) == 1.0


def test_one_component_needs_one_start():
    point = bg.estimate(example_rows(50, 2), bg.MixtureSpec(1), random_seed=1)
    assert str(point.starts) == "1 of 1 starts reached this optimum"


@pytest.mark.parametrize("seed", range(3))
def test_clusters_a_thousand_times_as_narrow_as_others_are_told_apart(seed):
    """Beside the widest cluster, prior rows as wide as clusters of k-means hide the narrow ones."""
    rng = np.random.default_rng(seed)
    deviations = np.geomspace(1.0, 0.001, 5)
    clusters = np.repeat(np.arange(5), 50)
    centers = np.zeros((5, 2))
    centers[:, 0] = 8.0 * (np.cumsum(deviations) + np.cumsum(np.append(0.0, deviations[:-1])))
    X = centers[clusters] + deviations[clusters, None] * rng.standard_normal((250, 2))
    # Half of the starts would do on most tables; here EM starts where it is wrong on purpose.
    wrong = np.array([0, 1, 2, 3, 3])[clusters]
    wrong[np.flatnonzero(clusters == 0)[::2]] = 4
    complete, surrogate, objective = surrogate_of(X, wrong, "full")
    solver = bg.EM(n_starts=1)
    start = solver.optimize(complete, from_labels(complete, wrong, objective), objective)
    search = Search(surrogate, complete, [wrong], np.zeros(5, dtype=int))
    (better,) = solver._repaired(search, complete, [start], objective)
    found = responsibilities(complete, better.parameters).argmax(axis=1)
    assert adjusted_rand_score(clusters, found) > 0.98
