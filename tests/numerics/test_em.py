"""Compiled EM: its M-step against NumPy, its starts against partitions and SciPy's k-means."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.cluster.vq import kmeans2

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.likelihood import parameters_at, position_of_partition
from bayesgmm.estimation.optimization import em_steps
from bayesgmm.numerics.kernels.em import climb, step
from bayesgmm.numerics.kernels.em_starts import k_means, nearest_centers, spread_out_rows
from bayesgmm.numerics.rows import RowsInMemory
from tests.cases import FREE, STRUCTURES, columns_of, example_rows


def objective_of(structure: str, d: int, k: int = 3) -> Objective:
    spec = bg.MixtureSpec(k, covariances=STRUCTURES[structure]())
    spec = spec.resolved(columns_of(np.ones(d)))
    return Objective(spec, d, uses_prior=False)


def started(structure: str, d: int):
    """Return rows, an objective, and a position inside the space."""
    X, objective = example_rows(90, d), objective_of(structure, d)
    return X, objective, position_of_partition(RowsInMemory(X), np.arange(90) % 3, objective)


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("structure", FREE)
def test_a_compiled_step_is_a_step_of_em(structure, d):
    X, objective, position = started(structure, d)
    target, widths = np.empty_like(position), np.empty_like(position)
    value = step(
        (X, np.empty(0), np.empty((0, 0))), position, objective.mixture_prior,
        objective.layout.covariances.correlated, objective.smallest_scales, target, widths,
    )  # fmt: skip
    path = em_steps(
        RowsInMemory(X), parameters_at(position, objective), objective, tolerance=1e-300, limit=1
    )
    assert value == pytest.approx(path.trace[0], rel=1e-12)
    assert_allclose(target, objective.layout.pack(path.parameters), rtol=1e-8, atol=1e-8)
    rough = objective.layout.rough_deviations(path.parameters, 90)
    assert_allclose(1 / widths, rough, rtol=0.02)  # that counts some rows more where they are tied


@pytest.mark.parametrize("structure", FREE)
def test_parameters_are_those_that_the_layout_unpacks(structure):
    _, objective, position = started(structure, 3)
    ours, theirs = parameters_at(position, objective), objective.layout.unpack(position)
    for name in ("weights", "means", "scales"):
        assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12)
    assert_allclose(ours.covariances, theirs.covariances, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("structure", FREE)
def test_a_climb_never_leads_down_and_ends_where_em_stands_still(structure):
    X, objective, position = started(structure, 2)
    trace, prior = np.empty(2001), objective.mixture_prior
    rest = objective.layout.covariances.correlated, objective.smallest_scales
    rows = X, np.empty(0), np.empty((0, 0))
    status, n_values, n_passes = climb(
        rows, position[None], prior, *rest, 1e-12, 2000, 0, -np.inf, trace
    )
    assert status == 0
    assert n_values <= n_passes
    assert np.all(np.diff(trace[:n_values]) >= 0)
    target, widths = np.empty_like(position), np.empty_like(position)
    value = step(rows, position, prior, *rest, target, widths)
    assert value == pytest.approx(trace[n_values - 1], rel=1e-13)
    # What EM may still gain is half the square of this.
    assert np.linalg.norm((target - position) * widths) < 1e-5


def test_few_rows_of_a_component_are_no_dead_end():
    # One row, which alone has no spread, and two, which have none in one direction.
    X, objective = example_rows(30, 2), objective_of("full", 2)
    labels = np.zeros(30, dtype=np.int64)
    labels[:3] = [1, 2, 2]
    parameters = parameters_at(position_of_partition(RowsInMemory(X), labels, objective), objective)
    assert_allclose(parameters.weights, [28 / 33, 2 / 33, 3 / 33])
    assert np.all(np.linalg.eigvalsh(parameters.covariances) > 0)


def test_equal_rows_and_components_without_rows_are_no_start():
    objective, labels = objective_of("full", 2), np.arange(30) % 3
    X = example_rows(30, 2)
    assert position_of_partition(RowsInMemory(X), np.minimum(labels, 1), objective) is None
    X[labels == 2] = [1.0, 2.0]
    assert position_of_partition(RowsInMemory(X), labels, objective) is None


@pytest.mark.parametrize("seed", range(5))
def test_k_means_is_that_of_scipy(seed):
    X, rng = example_rows(200, 3), np.random.default_rng(seed)
    centers = X[rng.choice(200, 5, replace=False)]
    _, theirs = kmeans2(X, centers.copy(), iter=15, minit="matrix")
    assert np.array_equal(k_means(X, centers.copy(), 15), theirs)


def test_rows_are_spread_out_in_proportion_to_squared_distance():
    # From the row at 0, those at 1, 2 and 3 have probabilities 1/14, 4/14 and 9/14.
    X = np.arange(4.0)[:, None]
    levels = (np.arange(1400) + 0.5) / 1400
    second = [spread_out_rows(X, 0, np.array([[level]]))[1] for level in levels]
    assert np.bincount(second).tolist() == [0, 100, 400, 900]
    assert spread_out_rows(np.ones((3, 1)), 1, np.array([[0.99]])).tolist() == [1, 2]


def test_the_nearest_center_counts_and_the_first_of_equals():
    labels = np.array([9, 1, 0])
    changed = nearest_centers(np.array([[0.0], [2.0], [1.0]]), np.array([[0.0], [2.0]]), labels)
    assert labels.tolist() == [0, 1, 0]
    assert changed == 1
