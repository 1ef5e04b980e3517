"""Where EM starts: inside the parameter space, whatever the rows are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.starts import from_labels, rows_to_start_on, start
from bayesgmm.numerics.rows import RowsInMemory
from tests.cases import STRUCTURES, example_rows
from tests.estimation.problems import spec_of

METHODS = ("k-means++", "random")


def objective_of(structure: str, n_components: int, d: int, *, uses_prior: bool = True):
    spec = spec_of(structure, n_components=n_components)
    return Objective(spec, d, uses_prior)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_start_is_inside_the_space_and_follows_its_seed(structure, method):
    X, objective = example_rows(40, 3), objective_of(structure, 4, 3)
    first, second, third = (
        start(RowsInMemory(X), objective, method, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.means, second.means)
    assert not np.array_equal(first.means, third.means)
    assert np.all(first.weights > 0)
    assert first.weights.sum() == pytest.approx(1.0)
    assert np.all(np.linalg.eigvalsh(first.covariances) > 0)


def test_k_means_finds_clouds_that_are_far_apart():
    # A second center in one cloud is chosen with probability of about (1 / 100)^2 only.
    clouds = np.repeat([[-100.0, 0.0], [100.0, 0.0], [0.0, 150.0]], 30, axis=0)
    X = clouds + np.random.default_rng(0).normal(size=clouds.shape)
    objective = objective_of("full", 3, 2, uses_prior=False)
    centers = X.reshape(3, 30, 2).mean(axis=1)
    for seed in range(20):
        means = start(RowsInMemory(X), objective, "k-means++", np.random.default_rng(seed)).means
        order = np.linalg.norm(means[:, None] - centers, axis=2).argmin(axis=0)
        assert_allclose(means[order], centers, atol=1e-9)


def test_labels_give_the_moments_of_their_rows():
    X, labels = example_rows(60, 2), np.repeat([0, 1], [20, 40])
    parameters = from_labels(RowsInMemory(X), labels, objective_of("full", 2, 2, uses_prior=False))
    for component in (0, 1):
        rows = X[labels == component]
        assert_allclose(parameters.means[component], rows.mean(axis=0), atol=1e-12)
        assert_allclose(parameters.covariances[component], np.cov(rows.T, bias=True), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_components_without_rows_start_with_some_weight(structure, method):
    X = np.repeat([[0.0, 0.0], [1.0, 2.0]], 5, axis=0)
    parameters = start(
        RowsInMemory(X), objective_of(structure, 4, 2), method, np.random.default_rng(0)
    )
    assert np.all(parameters.weights >= 1 / 14 - 1e-12)
    for values in (parameters.means, parameters.covariances):
        assert np.all(np.isfinite(values))


def test_large_tables_are_thinned():
    X = np.random.default_rng(0).normal(size=(20_001, 1))
    parameters = start(
        RowsInMemory(X), objective_of("diagonal", 2, 1), "k-means++", np.random.default_rng(0)
    )
    # Means of the two halves of a standard normal: sqrt(2 / pi) = 0.798, with 10 000 rows each.
    assert_allclose(np.sort(parameters.means[:, 0]), [-0.798, 0.798], atol=0.05)


def test_rows_are_left_alone():
    X = example_rows(30, 2)
    X.flags.writeable = False
    for method in METHODS:
        start(RowsInMemory(X), objective_of("full", 3, 2), method, np.random.default_rng(0))


def test_an_unknown_word_never_gets_this_far():
    with pytest.raises(bg.SpecificationError, match="init must be one of"):
        bg.EM(init="best")


def test_starts_are_sought_on_all_rows_unless_there_are_very_many():
    objective, rng = objective_of("full", 2, 2), np.random.default_rng(0)
    few = RowsInMemory(np.zeros((20_000, 2)))
    assert rows_to_start_on(few, objective, rng) is few
    many = RowsInMemory(np.arange(100_002.0).reshape(-1, 2))
    sample = rows_to_start_on(many, objective, rng)
    assert sample.values.shape == (20_000, 2)
    assert np.all(np.diff(sample.values[:, 0]) > 0)  # every row at most once
