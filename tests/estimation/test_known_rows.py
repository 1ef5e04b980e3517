"""EM with weights and labels: repeated rows, absence, class-wise fits, and names that stay."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem
from tests.cases import STRUCTURES, example_rows
from tests.numerics.test_rows import holes


def clouds(n_rows: int = 300, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three overlapping components, and these."""
    rng = np.random.default_rng(seed)
    components = rng.integers(3, size=n_rows)
    return rng.normal(size=(n_rows, 2)) + 2.0 * np.array([[0, 0], [1, 1], [2, 0]])[components], (
        components
    )


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_weighted_rows_have_the_posterior_of_repeated_ones(structure, gaps):
    X = holes(80, 3, 0.2, seed=1) if gaps else example_rows(80, 3, seed=1)
    X[np.isnan(X).all(axis=1)] = 0.0  # rows without any cell are warned of
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    times = np.random.default_rng(2).integers(0, 4, 80)
    problem = Problem.pose(X, spec, times)
    repeated = problem.scaling.standardize(read_table(np.repeat(X, times, axis=0)))
    one = Target(problem.scaled_spec, problem.scaled_data)
    other = Target(problem.scaled_spec, repeated)
    position = np.random.default_rng(3).normal(0, 0.3, one.layout.size)
    for ours, theirs in zip(one(position), other(position), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-8)


def test_estimates_from_weighted_rows_are_those_from_repeated_ones():
    X, _ = clouds()
    times = np.random.default_rng(2).integers(0, 3, 300)
    spec, solver = bg.MixtureSpec(3), bg.EM(tolerance=1e-12)
    one = bg.estimate(X, spec, solver=solver, random_seed=1, sample_weight=times)
    other = bg.estimate(np.repeat(X, times, axis=0), spec, solver=solver, random_seed=1)
    np.testing.assert_allclose(one.means, other.means, atol=1e-4)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-9)


def test_a_row_of_weight_zero_is_absent():
    X, _ = clouds()
    weights = np.ones(300)
    weights[:40] = 0.0
    far = X.copy()
    far[:40] = 1e6
    one = bg.estimate(far, bg.MixtureSpec(3), random_seed=1, sample_weight=weights)
    other = bg.estimate(X[40:], bg.MixtureSpec(3), random_seed=1, sample_weight=np.ones(260))
    np.testing.assert_array_equal(one.means, other.means)
    assert one.log_likelihood == other.log_likelihood


def test_bins_with_their_counts_stand_for_the_rows_in_them():
    """Bins a tenth of a standard deviation wide add a 1200th to the variance (Sheppard, 1898)."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(0, 1, 60_000), rng.normal(5, 1, 40_000)])
    counts, edges = np.histogram(x, bins=np.arange(-6, 12, 0.1))
    middles = 0.5 * (edges[1:] + edges[:-1])
    spec = bg.MixtureSpec(2)
    binned = bg.estimate(middles, spec, random_seed=1, sample_weight=counts)
    whole = bg.estimate(x, spec, random_seed=1)
    np.testing.assert_allclose(binned.means, whole.means, atol=2e-3)
    np.testing.assert_allclose(
        binned.parameters.scales**2 - 0.1**2 / 12, whole.parameters.scales**2, atol=3e-3
    )


@pytest.mark.parametrize("structure", ["full", "diagonal", "tied"])
def test_all_labels_given_is_the_fit_of_each_class(structure):
    X, components = clouds()
    spec = bg.MixtureSpec(3, covariances=STRUCTURES[structure]())
    found = bg.estimate(
        X, spec, solver=bg.EM("likelihood", n_starts=2, tolerance=1e-13), random_seed=1,
        labels=components,
    )  # fmt: skip
    classes = [X[components == number] for number in range(3)]
    np.testing.assert_allclose(found.weights, [len(each) / 300 for each in classes], rtol=1e-8)
    np.testing.assert_allclose(found.means, [each.mean(axis=0) for each in classes], atol=1e-7)
    matrices = np.array([np.cov(each.T, bias=True) for each in classes])
    if structure == "tied":
        matrices = np.tile(np.einsum("k,kij->ij", found.weights, matrices), (3, 1, 1))
    if structure == "diagonal":
        matrices = matrices * np.eye(2)
    np.testing.assert_allclose(found.covariances, matrices, atol=1e-6)


def test_a_few_labels_name_the_components():
    X, components = clouds(600)
    labels = [int(c) if i < 45 else None for i, c in enumerate(components)]
    for order in ([0, 1, 2], [2, 0, 1]):
        named = [None if label is None else order[label] for label in labels]
        found = bg.estimate(X, bg.MixtureSpec(3), random_seed=1, labels=named)
        centers = 2.0 * np.array([[0, 0], [1, 1], [2, 0]])
        np.testing.assert_allclose(found.means[order], centers, atol=0.5)


def test_a_label_that_fits_two_components_equally_well_makes_two_optima():
    sides = np.concatenate([np.linspace(3, 7, 40), np.linspace(-7, -3, 40)])
    rows = np.append(sides, 0.0)[:, None]
    found = bg.estimate(rows, bg.MixtureSpec(2), random_seed=1, labels=[*[None] * 80, "between"])
    assert found.starts.mode_gap == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(found.alternative.means, -found.means, atol=1e-4)


def test_labels_that_say_nothing_change_nothing():
    X, _ = clouds()
    one = bg.estimate(X, bg.MixtureSpec(3), random_seed=1, labels=[None] * 300)
    other = bg.estimate(X, bg.MixtureSpec(3), random_seed=1)
    np.testing.assert_allclose(one.means, other.means, atol=1e-4)
    np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, rtol=1e-9)


def test_a_set_excludes_the_other_components():
    X, components = clouds()
    labels = [{int(c), (int(c) + 1) % 3} for c in components]
    found = bg.estimate(X, bg.MixtureSpec(3), random_seed=1, labels=labels)
    problem = Problem.pose(X, bg.MixtureSpec(3), labels=labels)
    from bayesgmm.numerics.statistics import responsibilities

    shares = responsibilities(problem.data.rows, found.parameters)
    excluded = (components + 2) % 3
    assert np.all(shares[np.arange(300), excluded] == 0.0)
