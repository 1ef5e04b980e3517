"""Rows with missing cells, weights and labels, against sums over rows with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from bayesgmm.numerics.memberships import memberships
from bayesgmm.numerics.rows import Block, Rows, RowsInMemory
from bayesgmm.numerics.statistics import (
    component_log_densities,
    log_densities,
    mean_responsibilities,
    responsibilities,
    sufficient_statistics,
)
from bayesgmm.parameters import MixtureParameters
from tests.cases import example_rows, example_spec, random_parameters


def holes(n_rows: int, n_features: int, share: float, *, seed: int) -> np.ndarray:
    """Return rows in which cells are missing; the second lacks all of them."""
    X = example_rows(n_rows, n_features, seed=seed)
    X[np.random.default_rng(seed).random(X.shape) < share] = np.nan
    X[1] = np.nan
    return X


def known_of(n_rows: int, n_components: int, *, weighted: bool, labeled: bool, seed: int) -> dict:
    """Return weights, some of them zero, and labels: of certain rows, doubtful ones, and none."""
    rng, known = np.random.default_rng(seed), {}
    if weighted:
        known["weights"] = rng.uniform(0.0, 3.0, n_rows) * (rng.random(n_rows) < 0.9)
    if labeled:
        table = rng.uniform(0.0, 1.0, (n_rows, n_components))
        table[: n_rows // 3] = 1.0
        certain = np.arange(n_rows // 3, n_rows // 2)
        table[certain] = np.eye(n_components)[certain % n_components]
        with np.errstate(divide="ignore"):
            known["label_log_likelihoods"] = np.log(table)
    return known


def by_hand(rows: RowsInMemory, mixture: MixtureParameters):
    """Log-likelihood and expected statistics, row by row (Ghahramani & Jordan, 1994)."""
    k, d = mixture.means.shape
    covariances = mixture.covariances
    value, counts = 0.0, np.zeros(k)
    sums, scatter = np.zeros((k, d)), np.zeros((k, d, d))
    for number, (row, weight) in enumerate(zip(rows.values, rows.counts, strict=True)):
        o, m = ~np.isnan(row), np.isnan(row)
        logs = log_joint(rows, number, mixture)
        value += weight * logsumexp(logs)
        shares = weight * np.exp(logs - logsumexp(logs))
        for c in range(k):
            slope = covariances[c][m][:, o] @ np.linalg.inv(covariances[c][o][:, o])
            away = np.zeros(d)
            away[o] = row[o] - mixture.means[c][o]
            away[m] = slope @ away[o]
            square = np.outer(away, away)
            square[np.ix_(m, m)] += covariances[c][m][:, m] - slope @ covariances[c][o][:, m]
            counts[c] += shares[c]
            sums[c] += shares[c] * away
            scatter[c] += shares[c] * square
    return value, counts, sums, scatter


def log_joint(rows: RowsInMemory, number: int, mixture: MixtureParameters) -> np.ndarray:
    """Log density of what is observed of one row, with each component and what is known of it."""
    row = rows.values[number]
    o, logs = ~np.isnan(row), np.log(mixture.weights)
    if rows.label_log_likelihoods.size:
        logs = logs + rows.label_log_likelihoods[number]
    if o.any():
        logs = logs + [
            multivariate_normal.logpdf(row[o], mean[o], covariance[o][:, o])
            for mean, covariance in zip(mixture.means, mixture.covariances, strict=True)
        ]
    return logs


@pytest.mark.parametrize("labeled", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
@pytest.mark.parametrize(("structure", "d"), [("full", 4), ("full", 2), ("diagonal", 3)])
def test_statistics_are_those_of_whole_rows_given_what_is_known(
    structure, d, share, weighted, labeled
):
    X = holes(60, d, share, seed=d) if share else example_rows(60, d, seed=d)
    rows = RowsInMemory(X, **known_of(60, 3, weighted=weighted, labeled=labeled, seed=1))
    mixture = random_parameters(example_spec(structure, "gamma"), d, seed=2)
    found, expected = sufficient_statistics(rows, mixture), by_hand(rows, mixture)
    scatter = expected[3] if structure == "full" else np.einsum("kii->ki", expected[3])
    ours = (found.log_likelihood, found.counts, found.sums, found.scatter)
    for one, other in zip(ours, (*expected[:3], scatter), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_one_row_that_lacks_a_cell_changes_nothing_about_the_others(structure):
    X = example_rows(300, 3)
    mixture = random_parameters(example_spec(structure, "gamma"), 3, seed=2)
    empty = np.vstack([X, np.full(3, np.nan)])  # adds what is expected of any row
    found = sufficient_statistics(RowsInMemory(empty), mixture)
    complete = sufficient_statistics(X, mixture)
    np.testing.assert_allclose(found.log_likelihood, complete.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(found.counts, complete.counts + mixture.weights, rtol=1e-12)
    np.testing.assert_allclose(found.sums, complete.sums, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("labeled", [False, True])
@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_what_is_asked_of_rows_is_asked_of_their_observed_cells(structure, labeled):
    rows = RowsInMemory(
        holes(50, 3, 0.4, seed=5), **known_of(50, 3, weighted=True, labeled=labeled, seed=1)
    )
    mixture = random_parameters(example_spec(structure, "gamma"), 3, seed=2)
    expected = np.array([log_joint(rows, number, mixture) for number in range(50)])
    np.testing.assert_allclose(component_log_densities(rows, mixture), expected, atol=1e-10)
    totals = logsumexp(expected, axis=1)
    np.testing.assert_allclose(log_densities(rows, mixture), totals, atol=1e-10)
    shares = np.exp(expected - totals[:, None])
    np.testing.assert_allclose(responsibilities(rows, mixture), shares, atol=1e-10)
    np.testing.assert_allclose(responsibilities(rows, mixture)[1], mixture.weights)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_memberships_over_many_mixtures_are_those_of_each(structure):
    rows = RowsInMemory(
        holes(40, 3, 0.4, seed=5), **known_of(40, 3, weighted=False, labeled=True, seed=1)
    )
    spec = example_spec(structure, "gamma")
    each = [random_parameters(spec, 3, seed=seed) for seed in range(5)]
    draws = stacked(each)
    tables = np.array([responsibilities(rows, mixture) for mixture in each])
    found = memberships(rows, draws, (0.2, 0.9))
    np.testing.assert_allclose(found.mean, tables.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(found.lower, np.quantile(tables, 0.2, axis=0), atol=1e-12)
    np.testing.assert_allclose(found.upper, np.quantile(tables, 0.9, axis=0), atol=1e-12)
    np.testing.assert_allclose(mean_responsibilities(rows, draws), found.mean, atol=1e-12)


def stacked(mixtures: list[MixtureParameters]) -> MixtureParameters:
    """Return mixtures along one batch axis."""
    correlations = [mixture.correlations for mixture in mixtures]
    return MixtureParameters(
        *(np.stack([getattr(one, name) for one in mixtures]) for name in ("weights", "means")),
        np.stack([one.scales for one in mixtures]),
        None if correlations[0] is None else np.stack(correlations),
    )


@pytest.mark.parametrize("share", [0.0, 0.2])
@pytest.mark.parametrize("known", [False, True])
def test_blocks_of_a_long_table_add_up(known, share):
    X = holes(20_000, 3, share, seed=6) if share else example_rows(20_000, 3, seed=6)
    mixture = random_parameters(example_spec("full", "gamma"), 3, seed=2)
    rows = RowsInMemory(X, **known_of(20_000, 3, weighted=known, labeled=known, seed=3))
    whole = sufficient_statistics(rows, mixture)
    parts = [
        sufficient_statistics(rows.subset(np.arange(start, start + 4000)), mixture)
        for start in range(0, 20_000, 4000)
    ]
    for name in ("log_likelihood", "counts", "sums", "scatter"):
        total = sum(getattr(part, name) for part in parts)
        np.testing.assert_allclose(getattr(whole, name), total, rtol=1e-9, atol=1e-8)


class Pieces:
    """A table of which one piece at a time is in memory."""

    n_features, has_gaps = 3, True

    def __init__(self, parts: list[RowsInMemory]) -> None:
        self.parts = parts
        self.n_rows = sum(part.n_rows for part in parts)
        self.total_weight = sum(part.total_weight for part in parts)

    def blocks(self) -> list[Block]:
        ends = np.cumsum([0, *(part.n_rows for part in self.parts)]).tolist()
        blocks = zip(ends, ends[1:], self.parts, strict=False)
        return [Block(start, stop, *part.as_one_block()[2:]) for start, stop, part in blocks]

    def sum(self, work, *, cores=None) -> tuple:
        return tuple(map(sum, zip(*map(work, self.blocks()), strict=True)))

    def for_each(self, work) -> None:
        for block in self.blocks():
            work(block)

    def moments(self):
        raise NotImplementedError


def test_passes_go_over_any_rows_that_come_in_blocks():
    X, mixture = holes(90, 3, 0.3, seed=4), random_parameters(example_spec("full", "gamma"), 3)
    whole = RowsInMemory(X, **known_of(90, 3, weighted=True, labeled=True, seed=5))
    pieces = Pieces([whole.subset(places) for places in np.split(np.arange(90), [10, 50])])
    assert isinstance(pieces, Rows)
    assert isinstance(whole, Rows)
    found, expected = (sufficient_statistics(rows, mixture) for rows in (pieces, whole))
    for name in ("log_likelihood", "counts", "sums", "scatter"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-9)
    np.testing.assert_allclose(log_densities(pieces, mixture), log_densities(whole, mixture))
