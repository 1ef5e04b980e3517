"""Statistics of rows with missing cells, against sums over rows and components with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from bayesgmm.numerics.kernels.patterns import (
    diagonal_pattern_statistics,
    full_pattern_statistics,
)
from bayesgmm.numerics.patterns import GappyRows, Patterns
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    component_log_densities,
    log_densities,
    responsibilities,
    sufficient_statistics,
)
from bayesgmm.parameters import MixtureParameters
from tests.cases import example_rows, example_spec, random_parameters

KERNELS = {"full": full_pattern_statistics, "diagonal": diagonal_pattern_statistics}


def holes(n_rows: int, n_features: int, share: float, *, seed: int) -> np.ndarray:
    """Return rows in which cells are missing; the second lacks all of them."""
    X = example_rows(n_rows, n_features, seed=seed)
    X[np.random.default_rng(seed).random(X.shape) < share] = np.nan
    X[1] = np.nan
    return X


def by_hand(X: np.ndarray, row_weights: np.ndarray, mixture: MixtureParameters):
    """Log-likelihood and expected statistics, row by row (Ghahramani & Jordan, 1994)."""
    k, d = mixture.means.shape
    covariances = mixture.covariances
    value, counts = 0.0, np.zeros(k)
    sums, scatter = np.zeros((k, d)), np.zeros((k, d, d))
    for row, weight in zip(X, row_weights, strict=True):
        o, m = ~np.isnan(row), np.isnan(row)
        logs = np.log(mixture.weights)
        if o.any():
            logs = logs + [
                multivariate_normal.logpdf(row[o], mixture.means[c][o], covariances[c][o][:, o])
                for c in range(k)
            ]
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


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
@pytest.mark.parametrize(("structure", "d"), [("full", 4), ("full", 2), ("diagonal", 3)])
def test_statistics_are_those_of_whole_rows_given_the_observed_cells(structure, d, share, weighted):
    X, rng = holes(60, d, share, seed=d), np.random.default_rng(1)
    mixture = random_parameters(example_spec(structure, "gamma"), d, seed=2)
    row_weights = rng.uniform(0.0, 3.0, 60) if weighted else np.ones(60)
    patterns = Patterns.of(X)
    given = row_weights[patterns.rows] if weighted else np.empty(0)
    found = KERNELS[structure](
        *patterns.kernel_arguments(), given, *PrecisionForm.of(mixture).kernel_arguments()
    )
    expected = by_hand(X, row_weights, mixture)
    scatter = expected[3] if structure == "full" else np.einsum("kii->ki", expected[3])
    for ours, theirs in zip(found, (*expected[:3], scatter), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_with_nothing_missing_they_are_those_of_complete_rows(structure):
    X = example_rows(300, 3)
    mixture = random_parameters(example_spec(structure, "gamma"), 3, seed=2)
    found = KERNELS[structure](
        *Patterns.of(X).kernel_arguments(), np.empty(0),
        *PrecisionForm.of(mixture).kernel_arguments(),
    )  # fmt: skip
    complete = sufficient_statistics(X, mixture)
    expected = (complete.log_likelihood, complete.counts, complete.sums, complete.scatter)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_what_is_asked_of_rows_is_asked_of_their_observed_cells(structure):
    X = holes(50, 3, 0.4, seed=5)
    mixture = random_parameters(example_spec(structure, "gamma"), 3, seed=2)
    expected = np.empty((50, 3))
    for row, o in enumerate(~np.isnan(X)):
        for c in range(3):
            expected[row, c] = np.log(mixture.weights[c])
            if o.any():
                expected[row, c] += multivariate_normal.logpdf(
                    X[row][o], mixture.means[c][o], mixture.covariances[c][o][:, o]
                )
    rows = GappyRows(X)
    np.testing.assert_allclose(component_log_densities(rows, mixture), expected, atol=1e-10)
    totals = logsumexp(expected, axis=1)
    np.testing.assert_allclose(log_densities(rows, mixture), totals, atol=1e-10)
    shares = np.exp(expected - totals[:, None])
    np.testing.assert_allclose(responsibilities(rows, mixture), shares, atol=1e-10)
    np.testing.assert_allclose(responsibilities(rows, mixture)[1], mixture.weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_blocks_of_a_long_table_add_up(weighted):
    X = holes(20_000, 3, 0.2, seed=6)
    mixture = random_parameters(example_spec("full", "gamma"), 3, seed=2)
    row_weights = np.random.default_rng(3).uniform(0, 2, 20_000) if weighted else None
    patterns = Patterns.of(X)
    expected = full_pattern_statistics(
        *patterns.kernel_arguments(),
        row_weights[patterns.rows] if weighted else np.empty(0),
        *PrecisionForm.of(mixture).kernel_arguments(),
    )
    found = sufficient_statistics(GappyRows(X), mixture, row_weights)
    for ours, theirs in zip(
        (found.log_likelihood, found.counts, found.sums, found.scatter), expected, strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-8)
