"""Missing cells: against regression, against solved distribution functions, and against draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from bayesgmm.numerics import imputation as module
from bayesgmm.numerics.imputation import imputed_cells, predicted_cells
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.parameters import MixtureParameters

LEVELS = (0.055, 0.5, 0.945)


def mixtures(m: int, k: int, d: int, *, correlated: bool = True, seed: int = 1):
    rng = np.random.default_rng(seed)
    roots = rng.normal(size=(m, k, d, 2 * d))
    covariances = roots @ np.swapaxes(roots, -1, -2) / (2 * d)
    parameters = MixtureParameters.from_covariances(
        rng.dirichlet(np.ones(k), m), rng.normal(0, 2, (m, k, d)), covariances
    )
    if correlated:
        return parameters
    return MixtureParameters(parameters.weights, parameters.means, parameters.scales)


def gappy_rows(n: int, d: int, *, seed: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(0, 2, (n, d))
    rows[rng.random((n, d)) < 0.4] = np.nan
    rows[0] = np.nan
    rows[1] = 0.5
    return rows


def conditionals(row, weights, means, covariances):
    """Return weights, means and covariances of the missing cells of a row, by textbook algebra."""
    o, m = ~np.isnan(row), np.isnan(row)
    seen = [
        stats.multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(row[o])
        if o.any()
        else 0.0
        for mean, covariance in zip(means, covariances, strict=True)
    ]
    shares = weights * np.exp(seen - np.max(seen))
    found = []
    for mean, whole in zip(means, covariances, strict=True):
        across = whole[np.ix_(m, o)]
        slopes = np.linalg.solve(whole[np.ix_(o, o)], across.T).T if o.any() else across
        center = mean[m] + slopes @ (row[o] - mean[o])
        found.append((center, whole[np.ix_(m, m)] - slopes @ across.T))
    return shares / shares.sum(), *map(np.array, zip(*found, strict=True))


def test_one_component_is_regression():
    """Mean and standard deviation are those of a regression with known coefficients."""
    covariance = np.array([[4.0, 1.2], [1.2, 1.0]])
    draws = MixtureParameters.from_covariances(
        np.ones((1, 1)), np.array([[[3.0, -1.0]]]), covariance[None, None]
    )
    found = predicted_cells(RowsInMemory(np.array([[np.nan, 1.5], [5.0, np.nan]])), draws, LEVELS)
    mean = np.array([3.0 + 1.2 * 2.5, -1.0 + 0.3 * 2.0])
    sd = np.sqrt([4.0 - 1.44, 1.0 - 0.36])
    expected = [mean, sd, *(stats.norm.ppf(level, mean, sd) for level in LEVELS)]
    np.testing.assert_allclose(found, np.transpose(expected), rtol=1e-10)


@pytest.mark.parametrize("correlated", [True, False])
def test_moments_and_quantiles_are_those_of_the_whole_mixture(correlated):
    draws, rows = mixtures(7, 3, 3, correlated=correlated), gappy_rows(40, 3)
    found, place = predicted_cells(RowsInMemory(rows), draws, LEVELS), 0
    for row in rows:
        if not np.isnan(row).any():
            continue
        parts = [
            conditionals(row, *one)
            for one in zip(draws.weights, draws.means, draws.covariances, strict=True)
        ]
        shares = np.concatenate([part[0] for part in parts]) / len(parts)
        means = np.concatenate([part[1] for part in parts])
        variances = np.concatenate([np.diagonal(part[2], axis1=1, axis2=2) for part in parts])
        for cell in range(means.shape[1]):
            mean = shares @ means[:, cell]
            variance = shares @ (variances[:, cell] + (means[:, cell] - mean) ** 2)
            sds = np.sqrt(variances[:, cell])
            below = lambda x: shares @ stats.norm.cdf(x, means[:, cell], sds)  # noqa: B023, E731
            ends = [brentq(lambda x: below(x) - level, -60, 60, xtol=1e-13) for level in LEVELS]  # noqa: B023
            np.testing.assert_allclose(found[place, :2], [mean, np.sqrt(variance)], rtol=1e-9)
            np.testing.assert_allclose(found[place, 2:], ends, rtol=0, atol=1e-8)
            place += 1
    assert place == len(found)


@pytest.mark.parametrize("weight", [0.055, 0.0551, 0.5, 0.945, 1e-6])
def test_quantiles_of_distant_spikes(weight):
    """Newton's method alone would leave, or hang between, parts that are narrow and far apart."""
    draws = MixtureParameters(
        np.array([[weight, 1 - weight]]),
        np.array([[[-50.0], [50.0]]]),
        np.array([[[1e-5], [3.0]]]),
    )
    found = predicted_cells(RowsInMemory(np.full((1, 1), np.nan)), draws, LEVELS)[0]
    for level, value in zip(LEVELS, found[2:], strict=True):
        parts = stats.norm.cdf(value, [-50.0, 50.0], [1e-5, 3.0])
        np.testing.assert_allclose(weight * parts[0] + (1 - weight) * parts[1], level, atol=1e-6)


@pytest.mark.parametrize("correlated", [True, False])
def test_imputations_have_the_predicted_distribution(correlated):
    """4000 imputations; the test statistics are z-scores, all below 5 but for chance of 1e-4."""
    m, k, d = 4000, 3, 3
    one = mixtures(1, k, d, correlated=correlated)
    draws = one.draw((np.zeros(m, dtype=int),))
    rows = gappy_rows(30, d)
    drawn = imputed_cells(RowsInMemory(rows), draws, np.random.SeedSequence(3).spawn(m))
    found = predicted_cells(RowsInMemory(rows), one, LEVELS)
    z = (drawn.mean(axis=0) - found[:, 0]) / found[:, 1] * np.sqrt(m)
    assert np.abs(z).max() < 5
    for level, quantile in zip(LEVELS, found[:, 2:].T, strict=True):
        share = (drawn <= quantile).mean(axis=0)
        assert np.abs(share - level).max() < 5 * np.sqrt(level * (1 - level) / m)


def test_cells_of_one_row_are_drawn_together():
    """Covariances of 4000 imputations; relative errors of 5 / sqrt(m) are chances of 1e-6."""
    m = 4000
    one = mixtures(1, 1, 3)
    draws = one.draw((np.zeros(m, dtype=int),))
    row = np.array([[np.nan, 0.3, np.nan]])
    drawn = imputed_cells(RowsInMemory(row), draws, np.random.SeedSequence(4).spawn(m))
    _, _, covariance = conditionals(row[0], one.weights[0], one.means[0], one.covariances[0])
    found, sd = np.cov(drawn.T), np.sqrt(np.diagonal(covariance[0]))
    np.testing.assert_allclose(
        found / np.outer(sd, sd), covariance[0] / np.outer(sd, sd), atol=0.12
    )


def test_labels_decide_the_component():
    draws = MixtureParameters(
        np.full((50, 2), 0.5), np.tile([[[-9.0], [9.0]]], (50, 1, 1)), np.ones((50, 2, 1))
    )
    known = np.log(np.array([[1.0, 1e-300], [1e-300, 1.0]]))
    rows = RowsInMemory(np.full((2, 1), np.nan), label_log_likelihoods=known)
    np.testing.assert_allclose(predicted_cells(rows, draws, LEVELS)[:, 0], [-9.0, 9.0])
    drawn = imputed_cells(rows, draws, np.random.SeedSequence(5).spawn(50))
    assert (drawn[:, 0] < 0).all()
    assert (drawn[:, 1] > 0).all()


def test_the_blocks_do_not_matter(monkeypatch):
    draws, rows = mixtures(20, 2, 3), RowsInMemory(gappy_rows(300, 3))
    whole = predicted_cells(rows, draws, LEVELS)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", 500)
    np.testing.assert_allclose(predicted_cells(rows, draws, LEVELS), whole, rtol=1e-12)


def test_complete_rows_have_no_cells():
    rows = RowsInMemory(np.zeros((3, 2)))
    assert predicted_cells(rows, mixtures(4, 2, 2), LEVELS).shape == (0, 5)
    assert imputed_cells(rows, mixtures(4, 2, 2), np.random.SeedSequence(1).spawn(4)).shape == (
        4,
        0,
    )
