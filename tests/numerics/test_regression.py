"""Regression against conditional mixtures, simulation, and rows without their missing cells."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from bayesgmm.numerics.conditional_normals import conditional_mixture, marginal_mixture
from bayesgmm.numerics.regression import predictive_rows, regression
from bayesgmm.parameters import MixtureParameters
from tests.cases import example_spec, random_parameters


def several(structure: str) -> MixtureParameters:
    """Five mixtures of three components, the first two features to be given, two targets."""
    mixtures = [
        random_parameters(example_spec(structure, "inverse-gamma"), 4, seed=seed)
        for seed in range(5)
    ]
    parts = [[m.weights, m.means, m.scales, m.correlations] for m in mixtures]
    arrays = [None if part[0] is None else np.stack(part) for part in zip(*parts, strict=True)]
    return MixtureParameters(*arrays)


@pytest.fixture(params=["full", "diagonal"])
def draws(request):
    return several(request.param)


ROWS = np.random.default_rng(4).normal(size=(6, 2))
TAILS = (0.055, 0.945)


def test_equals_the_conditional_mixtures_of_every_row(draws):
    found = regression(ROWS, draws, TAILS)
    for row in range(len(ROWS)):
        one = conditional_mixture(draws, np.array([0, 1]), ROWS[row])
        weights = one.weights[..., None] / 5
        by_draw = (one.weights[..., None] * one.means).sum(axis=1)
        mean = by_draw.mean(axis=0)
        variance = (weights * (one.scales**2 + (one.means - mean) ** 2)).sum(axis=(0, 1))
        np.testing.assert_allclose(found.mean[row], mean, rtol=1e-11)
        np.testing.assert_allclose(found.sd[row], np.sqrt(variance), rtol=1e-11)
        np.testing.assert_allclose(found.mean_sd[row], by_draw.std(axis=0), rtol=1e-9)
        for target in range(2):

            def cdf(x, target=target, one=one, weights=weights):
                heights = norm.cdf(x, one.means[..., target], one.scales[..., target])
                return (weights[..., 0] * heights).sum()

            ends = [brentq(lambda x, q=q: cdf(x) - q, -50, 50, xtol=1e-13) for q in TAILS]
            pair = [found.lower[row, target], found.upper[row, target]]
            np.testing.assert_allclose(pair, ends, rtol=1e-10, atol=1e-11)


def test_predictive_rows_have_the_distribution_that_is_described(draws):
    """Each mean within 4.5 standard errors, each tail of 24 within 4.5 of its binomial ones."""
    n = 20_000
    found = regression(ROWS, draws, TAILS)
    drawn = predictive_rows(ROWS, draws, n, np.random.default_rng(5))
    assert drawn.shape == (n, 6, 2)
    assert np.all(np.abs(drawn.mean(axis=0) - found.mean) < 4.5 * found.sd / np.sqrt(n))
    error = np.sqrt(TAILS[0] * TAILS[1] / n)
    for outside in (drawn < found.lower, drawn > found.upper):
        assert np.all(np.abs(outside.mean(axis=0) - TAILS[0]) < 4.5 * error)


def test_targets_of_one_draw_belong_together():
    """Their covariance, within 4.5 standard errors of the draws' products."""
    draws = several("full")
    n = 50_000
    drawn = predictive_rows(ROWS[:1], draws, n, np.random.default_rng(6))[:, 0]
    one = conditional_mixture(draws, np.array([0, 1]), ROWS[0])
    weights = one.weights / 5
    mean = np.einsum("sk,skt->t", weights, one.means)
    centered = one.means - mean
    expected = np.einsum("sk,sk->", weights, one.covariances[..., 0, 1])
    expected += np.einsum("sk,sk,sk->", weights, centered[..., 0], centered[..., 1])
    products = (drawn[:, 0] - mean[0]) * (drawn[:, 1] - mean[1])
    assert abs(products.mean() - expected) < 4.5 * products.std() / np.sqrt(n)


def test_missing_cells_are_integrated_out(draws):
    rows = ROWS.copy()
    rows[1, 0] = rows[2, 1] = np.nan
    rows[3] = np.nan
    found = regression(rows, draws, TAILS)
    whole = regression(ROWS, draws, TAILS)
    for row, kept in ((0, [0, 1]), (1, [1]), (2, [0])):
        alone = marginal_mixture(draws, np.array([*kept, 2, 3]))
        expected = regression(rows[row : row + 1, kept], alone, TAILS)
        for name in ("mean", "sd", "mean_sd", "lower", "upper"):
            np.testing.assert_allclose(
                getattr(found, name)[row], getattr(expected, name)[0], rtol=1e-9, atol=1e-12
            )
    assert np.array_equal(found.mean[4:], whole.mean[4:])
    predictive = np.einsum("sk,skt->t", draws.weights / 5, draws.means[..., 2:])
    np.testing.assert_allclose(found.mean[3], predictive, rtol=1e-11)
    drawn = predictive_rows(rows, draws, 4000, np.random.default_rng(7)).mean(axis=0)
    assert np.all(np.abs(drawn - found.mean) < 4.5 * found.sd / np.sqrt(4000))


def test_blocks_of_rows_do_not_change_the_answer(draws):
    many = np.tile(ROWS, (150, 1))
    found, few = regression(many, draws, TAILS), regression(ROWS, draws, TAILS)
    np.testing.assert_array_equal(found.upper, np.tile(few.upper, (150, 1)))
