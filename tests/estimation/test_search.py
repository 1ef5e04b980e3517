"""Components that priors tell apart are put where the priors are highest, whatever starts found."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.estimation.search import exchanges, in_best_places
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.parameters import MixtureParameters
from tests.estimation.problems import (
    TABLES,
    layout_for,
    numeric_gradient,
    plain_objective,
    scaled,
    spec_of,
)

LOC = np.array([[1.0, 0.3], [-0.2, -1.1], [-1.1, 0.6], [0.4, 0.1]])
SCALE = np.array([[0.4, 1.0], [0.7, 0.2], [2.0, 0.5], [0.3, 0.9]])


def objective_of(n_components: int) -> Objective:
    spec = replace(
        spec_of("full", n_components=n_components),
        weights=bg.Dirichlet(tuple(1.0 + np.arange(n_components))),
        means=bg.NormalMeans(LOC[:n_components], SCALE[:n_components]),
    )
    return Objective(spec, 2, True)


def mixture_of(n_components: int, seed: int) -> MixtureParameters:
    rng = np.random.default_rng(seed)
    return MixtureParameters(
        rng.dirichlet(np.ones(n_components)), rng.normal(size=(n_components, 2)),
        rng.uniform(0.5, 2, (n_components, 2)), np.tile(np.eye(2), (n_components, 1, 1)),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_no_order_has_a_higher_prior_density(seed):
    objective, mixture = objective_of(4), mixture_of(4, seed)
    X = RowsInMemory(TABLES["separated"])
    found = in_best_places(X, mixture, objective)
    heights = [objective.log_prior(mixture.reordered(np.array(o))) for o in permutations(range(4))]
    assert objective.log_prior(found) == pytest.approx(max(heights))
    assert in_best_places(X, found, objective) is found
    losses = [
        objective.log_prior(found) - objective.log_prior(other)
        for other in exchanges(X, found, objective, np.arange(4))
    ]
    assert losses == sorted(losses)
    assert all(loss < 20 for loss in losses)


def test_exchangeable_components_are_left_alone():
    objective = Objective(spec_of("full", n_components=3), 2, True)
    mixture = mixture_of(3, 0)
    assert in_best_places(TABLES["separated"], mixture, objective) is mixture
    assert exchanges(TABLES["separated"], mixture, objective, np.zeros(3, int)) == []


def test_labels_outvote_a_prior():
    """Certain labels of ten rows of each cloud, under a prior that wants the other names."""
    X = np.random.default_rng(0).normal(size=(60, 2)) + np.repeat([[-4.0, 0.0], [4.0, 0.0]], 30, 0)
    labels = [int(row >= 30) if row % 3 == 0 else None for row in range(60)]
    spec = bg.MixtureSpec(2, means=bg.NormalMeans([[4.0, 0.0], [-4.0, 0.0]], 2.0))
    point = bg.estimate(X, spec, labels=labels, solver=bg.EM(n_starts=4), random_seed=1)
    assert point.means[0, 0] < 0 < point.means[1, 0]
    free = bg.estimate(X, spec, solver=bg.EM(n_starts=4), random_seed=1)
    assert free.means[1, 0] < 0 < free.means[0, 0]
    certain = np.log(np.eye(2) + 1e-300)[(np.arange(60) >= 30).astype(int)]
    known = np.where(np.arange(60)[:, None] % 3 == 0, certain, 0.0)
    rows = RowsInMemory(X, label_log_likelihoods=known)
    objective = Objective(replace(spec, resolution=0.01), 2, True)
    assert in_best_places(rows, point.parameters, objective) is point.parameters


@pytest.mark.parametrize("goal", ["posterior", "likelihood"])
@pytest.mark.parametrize("structure", ["full", "tied", "spherical"])
def test_every_order_of_the_priors_is_followed(structure, goal):
    """The same mixture comes out, its components in the order of the priors that name them."""
    dataset, solver = scaled(TABLES["separated"]), bg.EM(goal, n_starts=5)
    loc = np.array([dataset.values[start : start + 30].mean(axis=0) for start in (0, 30, 60)])
    plain, estimates = spec_of(structure, n_components=3), []
    for order in map(list, permutations(range(3))):
        spec = replace(plain, means=bg.NormalMeans(loc[order], 0.3))
        estimates.append(solver.run(spec, dataset, seed=1))
        assert_allclose(estimates[-1].means, loc[order], atol=0.1)
        assert estimates[-1].starts.agreeing == 5
        assert not estimates[-1].alternative_modes  # other orders are far below
        # EM stops where it gains less than 1e-9 of the objective.
        assert estimates[-1].objective == pytest.approx(estimates[0].objective, abs=1e-5)


@pytest.mark.parametrize("structure", ["full", "tied", "diagonal", "inverse-wishart"])
def test_the_end_is_a_mode_of_the_density_with_a_prior_for_each_mean(structure):
    dataset = scaled(TABLES["separated"])
    spec = replace(spec_of(structure, n_components=3), means=bg.NormalMeans(LOC[:3], SCALE[:3]))
    estimate = bg.EM(n_starts=4, tolerance=1e-14, max_iterations=20_000).run(spec, dataset, seed=1)
    position = layout_for(spec, dataset).pack(estimate.parameters)

    def objective(position: np.ndarray) -> float:
        return plain_objective(spec, dataset.values, position, uses_prior=True)

    assert objective(position) == pytest.approx(estimate.objective, rel=1e-10)
    assert np.abs(numeric_gradient(objective, position)).max() < 1e-3 * np.sqrt(90)
    assert np.all(np.diff(estimate.trace) >= -1e-12 * np.abs(estimate.trace).max())


def test_another_order_that_a_prior_hardly_minds_is_another_mode():
    """Two clouds, and weights that are expected to differ a little: both orders are modes."""
    X = np.repeat([[-4.0], [4.0]], 40, 0) + np.random.default_rng(0).normal(size=(80, 1))
    spec = bg.MixtureSpec(2, weights=bg.Dirichlet((1.0, 2.0)))
    point = bg.estimate(X, spec, solver=bg.EM(n_starts=4), random_seed=1)
    assert point.status is Status.CONVERGED
    assert point.weights[0] < point.weights[1]
    assert point.starts.agreeing == 4
    assert_allclose(point.alternative.means, point.means[::-1], atol=0.01)
    assert point.starts.mode_gap == pytest.approx(
        np.log(point.weights[1] / point.weights[0]), abs=0.05
    )


def test_a_component_without_rows_goes_where_the_prior_wants_none():
    rows = np.concatenate([np.random.default_rng(s).normal(9.0 * s, 1, (60, 2)) for s in (0, 1)])
    for concentration in permutations((50.0, 50.0, 0.1)):
        spec = bg.MixtureSpec(3, weights=bg.Dirichlet(concentration))
        point = bg.estimate(rows, spec, solver=bg.EM(n_starts=4), random_seed=1)
        assert_array_equal(point.weights < 0.1, np.array(concentration) < 1)


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 5))])
def test_clusters_that_one_column_separates_are_found(seed):
    """Twenty clusters along a line, eight standard deviations apart and as wide across as all.

    k-means cuts them up on rows as they are and on whitened rows: it ended hundreds of log units
    below the clusters themselves.
    """
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(20), 50)
    X = rng.normal(size=(1000, 2)) + np.column_stack([8.0 * truth, np.zeros(1000)])
    point = bg.estimate(X, bg.MixtureSpec(20), solver=bg.EM(n_starts=8), random_seed=seed)
    labels = bg.cluster(point)["label"].values
    assert len(set(zip(truth, labels, strict=True))) == 20
