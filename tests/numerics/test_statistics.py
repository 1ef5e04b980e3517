"""Sufficient statistics: they add over rows and move with the means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose
from scipy.special import logsumexp, softmax

from bayesgmm.numerics.blocks import SHORT
from bayesgmm.numerics.kernels.tiles import TILE
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    component_log_densities,
    each_mixture,
    log_densities,
    responsibilities,
    shared_statistics,
    sufficient_statistics,
)
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import layout_of
from tests.cases import STRUCTURES, example_rows, example_spec, random_parameters
from tests.references.density import joint_log_densities
from tests.references.test_scipy import expected_statistics


def parameters_of(structure: str, k: int, d: int, seed: int = 0) -> MixtureParameters:
    return random_parameters(example_spec(structure, "gamma", n_components=k), d, seed=seed)


@pytest.mark.parametrize("n_rows", [1, TILE - 1, TILE, TILE + 1, 2 * TILE, 300])
@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_the_ends_of_tiles_lose_no_row(structure, n_rows):
    X, parameters = example_rows(n_rows, 3), parameters_of(structure, 2, 3)
    ours = sufficient_statistics(X, parameters)
    theirs = expected_statistics(X, parameters)
    for mine, expected in zip(
        (ours.log_likelihood, ours.counts, ours.sums, ours.scatter), theirs, strict=True
    ):
        assert_allclose(mine, expected, rtol=1e-10, atol=1e-10)
    densities = component_log_densities(X, parameters)
    expected = joint_log_densities(X, parameters.weights, parameters.means, parameters.covariances)
    assert_allclose(densities, expected, rtol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_statistics_of_blocks_of_rows_add(structure):
    X, parameters = example_rows(301, 3), parameters_of(structure, 3, 3)
    whole = sufficient_statistics(X, parameters)
    parts = [sufficient_statistics(block, parameters) for block in np.split(X, [17, 140])]
    for name in ("log_likelihood", "counts", "sums", "scatter"):
        total = sum(getattr(part, name) for part in parts)
        assert_allclose(getattr(whole, name), total, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_moving_the_means_moves_the_statistics(structure):
    X, parameters = example_rows(60, 3), parameters_of(structure, 2, 3)
    shift = np.random.default_rng(0).normal(size=(2, 3))
    moved = sufficient_statistics(X, parameters).about(shift)
    shares = responsibilities(X, parameters)
    centered = X[:, None, :] - parameters.means - shift
    scatter = np.einsum("nk,nki,nkj->kij", shares, centered, centered)
    if structure == "diagonal":
        scatter = np.diagonal(scatter, axis1=1, axis2=2)
    assert_allclose(moved.sums, np.einsum("nk,nki->ki", shares, centered), atol=1e-10)
    assert_allclose(moved.scatter, scatter, atol=1e-10)


@pytest.mark.parametrize("d", [1, 2, 3, 4, 5, 6, 7, 8, 11])
@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_every_form_of_the_pass_agrees_with_scipy(structure, d):
    X, parameters = example_rows(70, d), parameters_of(structure, 3, d)
    joint = joint_log_densities(X, parameters.weights, parameters.means, parameters.covariances)
    assert_allclose(log_densities(X, parameters), logsumexp(joint, axis=1), rtol=1e-12)
    assert_allclose(responsibilities(X, parameters), softmax(joint, axis=1), rtol=1e-10, atol=1e-14)
    ours, theirs = sufficient_statistics(X, parameters), expected_statistics(X, parameters)
    for mine, expected in zip((ours.counts, ours.sums, ours.scatter), theirs[1:], strict=True):
        assert_allclose(mine, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_rows", [5, TILE + 17])
@pytest.mark.parametrize("d", [13, 47, 48, 63, 64, 65, 94, 127, 128, 129])
def test_many_features_agree_with_numpy(d, n_rows):
    rng, k = np.random.default_rng(d), 3
    X, constants, means = rng.normal(size=(n_rows, d)), rng.normal(size=k), rng.normal(size=(k, d))
    factors = np.eye(d) + np.tril(rng.normal(0.0, 0.3 / np.sqrt(d), (k, d, d)))
    mixture = PrecisionForm(constants, means, factors)
    centered = X[:, None, :] - means
    whitened = np.einsum("kij,nkj->nki", factors, centered)
    joint = constants - 0.5 * np.sum(whitened**2, axis=2)
    assert_allclose(component_log_densities(X, mixture), joint, rtol=1e-13)
    assert_allclose(log_densities(X, mixture), logsumexp(joint, axis=1), rtol=1e-13)
    ours, shares = sufficient_statistics(X, mixture), softmax(joint, axis=1)
    scatter = np.einsum("nk,nki,nkj->kij", shares, centered, centered)
    assert_allclose(ours.log_likelihood, logsumexp(joint, axis=1).sum(), rtol=1e-13)
    assert_allclose(ours.counts, shares.sum(axis=0), rtol=1e-11)
    assert_allclose(ours.sums, np.einsum("nk,nki->ki", shares, centered), rtol=1e-11, atol=1e-11)
    assert_allclose(ours.scatter, scatter, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("d", [3, 16, 65])
def test_means_far_from_zero_lose_only_the_digits_of_the_cells(d):
    X, parameters = example_rows(300, d), parameters_of("full", 3, d)
    near = sufficient_statistics(X, parameters)
    moved = np.round(1e6 * (1 + np.random.default_rng(0).random(d)))
    X += moved
    X -= moved  # what the cells still say
    rounded = sufficient_statistics(X, parameters)
    far = sufficient_statistics(X + moved, replace(parameters, means=parameters.means + moved))
    assert_allclose(rounded.log_likelihood, near.log_likelihood, rtol=1e-6)
    assert_allclose(far.log_likelihood, rounded.log_likelihood, rtol=1e-7)
    for name in ("counts", "sums", "scatter"):
        assert_allclose(getattr(far, name), getattr(rounded, name), rtol=1e-6, atol=1e-6)


def test_responsibilities_down_to_the_smallest_numbers_are_weights():
    parameters = MixtureParameters(
        np.array([0.5, 0.5]), np.array([[0.0, 0.0], [0.0, 30.0]]), np.ones((2, 2)),
        np.broadcast_to(np.eye(2), (2, 2, 2)).copy(),
    )  # fmt: skip
    X = np.array([[0.0, -4.0], [0.0, 4.0]])  # the second component has exp(-570) and exp(-330)
    expected, ours = expected_statistics(X, parameters), sufficient_statistics(X, parameters)
    assert_allclose(ours.counts, expected[1], rtol=1e-10)
    assert_allclose(ours.sums, expected[2], rtol=1e-10)
    assert_allclose(ours.scatter, expected[3], rtol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_whole_row_weights_are_repeated_rows_and_zero_is_absence(structure):
    X, parameters = example_rows(301, 3), parameters_of(structure, 2, 3)
    times = np.random.default_rng(1).integers(0, 4, 301)
    weighted = sufficient_statistics(RowsInMemory(X, times.astype(float)), parameters)
    repeated = sufficient_statistics(np.repeat(X, times, axis=0), parameters)
    for name in ("log_likelihood", "counts", "sums", "scatter"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_long_tables_are_passed_over_in_blocks(structure):
    X, parameters = example_rows(2 * SHORT + 5, 2), parameters_of(structure, 2, 2)
    ours, theirs = sufficient_statistics(X, parameters), expected_statistics(X, parameters)
    assert_allclose(ours.log_likelihood, theirs[0], rtol=1e-12)
    assert_allclose(ours.scatter, theirs[3], rtol=1e-10)
    joint = joint_log_densities(X, parameters.weights, parameters.means, parameters.covariances)
    assert_allclose(log_densities(X, parameters), logsumexp(joint, axis=1), rtol=1e-10)
    assert_allclose(responsibilities(X, parameters), softmax(joint, axis=1), atol=1e-12)


def test_more_components_than_a_product_of_totals_could_hold():
    # Equal components: every total is k, and a product over a whole tile would overflow.
    k, X = 300, example_rows(256, 1)
    parameters = MixtureParameters(np.full(k, 1 / k), np.zeros((k, 1)), np.ones((k, 1)), None)
    expected = scipy.stats.norm.logpdf(X).sum()
    assert_allclose(sufficient_statistics(X, parameters).log_likelihood, expected, rtol=1e-12)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_a_component_of_weight_zero_takes_no_rows(structure):
    X, parameters = example_rows(50, 2), parameters_of(structure, 3, 2)
    empty = replace(parameters, weights=np.array([0.4, 0.0, 0.6]))
    statistics = sufficient_statistics(X, empty)
    assert statistics.counts[1] == 0
    assert np.all(statistics.scatter[1] == 0)
    assert np.all(np.isneginf(component_log_densities(X, empty)[:, 1]))
    others = MixtureParameters(
        np.array([0.4, 0.6]), parameters.means[[0, 2]], parameters.scales[[0, 2]],
        None if structure == "diagonal" else parameters.correlations[[0, 2]],
    )  # fmt: skip
    alone = sufficient_statistics(X, others)
    assert statistics.log_likelihood == pytest.approx(alone.log_likelihood, rel=1e-12)
    assert_allclose(statistics.counts[[0, 2]], alone.counts)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_rows_very_far_away_have_finite_densities(structure):
    X, parameters = example_rows(200, 2), parameters_of(structure, 3, 2)
    X[3] = 1e9  # exp(-1e18) is zero: without the log-sum-exp the density would be too
    statistics = sufficient_statistics(X, parameters)
    assert np.isfinite(statistics.log_likelihood)
    assert statistics.counts.sum() == pytest.approx(200)
    joint = component_log_densities(X[3:4], parameters)
    # Far away the quadratic form is everything, and one component takes the row.
    expected = joint_log_densities(
        X[3:4], parameters.weights, parameters.means, parameters.covariances
    )
    assert_allclose(joint, expected, rtol=1e-9)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_one_component_is_one_normal(structure):
    X, parameters = example_rows(130, 4), parameters_of(structure, 1, 4)
    statistics = sufficient_statistics(X, parameters)
    centered = X - parameters.means[0]
    assert statistics.counts == pytest.approx(130)
    assert_allclose(statistics.sums[0], centered.sum(axis=0), rtol=1e-10)
    expected = centered.T @ centered
    if structure == "diagonal":
        expected = np.diagonal(expected)
    assert_allclose(statistics.scatter[0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_factors_whiten_and_constants_normalize(structure):
    parameters = parameters_of(structure, 2, 3)
    form = PrecisionForm.of(parameters)
    factors = form.factors
    if structure == "diagonal":
        factors = factors[:, :, None] * np.eye(3)
    whitened = factors @ parameters.covariances @ np.swapaxes(factors, 1, 2)
    assert_allclose(whitened, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12)
    log_determinants = np.linalg.slogdet(2 * np.pi * parameters.covariances)[1]
    assert_allclose(form.constants, np.log(parameters.weights) - 0.5 * log_determinants, rtol=1e-12)


def test_the_order_of_the_rows_changes_rounding_only():
    X, parameters = example_rows(500, 3), parameters_of("full", 3, 3)
    first, second = sufficient_statistics(X, parameters), sufficient_statistics(X[::-1], parameters)
    assert first.log_likelihood == pytest.approx(second.log_likelihood, rel=1e-12)
    assert_allclose(first.scatter, second.scatter, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_many_mixtures_one_after_another_are_each_itself(structure, monkeypatch):
    monkeypatch.setattr("bayesgmm.numerics.statistics._NUMBERS_AT_ONCE", 40)  # two at a time
    layout = layout_of(example_spec(structure, "gamma"), 2)
    draws = layout.unpack(np.random.default_rng(0).normal(0, 0.5, (3, 5, layout.size)))
    X, seen = example_rows(20, 2), []
    for index, mixture in each_mixture(draws):
        seen.append(index)
        assert_allclose(log_densities(X, mixture), log_densities(X, draws.draw(index)), rtol=1e-13)
    assert seen == list(np.ndindex(3, 5))


@pytest.mark.parametrize("correlated", [True, False])
def test_rows_that_are_shared_out_have_the_moments_of_the_shares(correlated):
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(300, 3)) + 1e3, rng.integers(1, 4, size=300).astype(float)
    shares = rng.dirichlet([1.0, 1.0, 0.2], size=300)
    shares[:100] = np.eye(3)[rng.integers(2, size=100)]
    shares[-5:] = 0.0  # of nobody
    given = shares * weights[:, None]
    means, found = shared_statistics(RowsInMemory(X, weights), shares, correlated=correlated)
    assert_allclose(found.counts, given.sum(axis=0), rtol=1e-12)
    assert_allclose(means, given.T @ X / found.counts[:, None], rtol=1e-13)
    assert_allclose(found.sums, 0.0, atol=1e-8)
    centered = X[:, None] - means
    scatter = np.einsum("nk,nki,nkj->kij", given, centered, centered)
    if not correlated:
        scatter = np.diagonal(scatter, axis1=1, axis2=2)
    assert_allclose(found.scatter, scatter, rtol=1e-10, atol=1e-9)
