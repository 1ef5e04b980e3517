"""Means and quantiles of responsibilities against NumPy, however the rows are cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.numerics import memberships as module
from bayesgmm.numerics.memberships import memberships
from bayesgmm.numerics.statistics import each_mixture, mean_responsibilities, responsibilities
from bayesgmm.parameters import MixtureParameters

ENDS = (0.055, 0.945)
NAMES = ("mean", "lower", "upper")


def mixtures(*, correlated: bool) -> MixtureParameters:
    rng = np.random.default_rng(5)
    batch, k, d = (2, 19), 3, 2
    rho = rng.uniform(-0.8, 0.8, (*batch, k))
    correlations = np.eye(d) + rho[..., None, None] * (1 - np.eye(d))
    return MixtureParameters(
        rng.dirichlet(np.ones(k), batch),
        rng.normal(0, 1.5, (*batch, k, d)),
        rng.gamma(4, 0.25, (*batch, k, d)),
        correlations if correlated else None,
    )


def rows(n: int) -> np.ndarray:
    return np.random.default_rng(6).normal(0, 2, (n, 2))


@pytest.mark.parametrize("correlated", [True, False])
def test_mean_and_quantiles_are_those_of_numpy(correlated):
    X, draws = rows(700), mixtures(correlated=correlated)
    table = np.array([responsibilities(X, mixture) for _, mixture in each_mixture(draws)])
    found = memberships(X, draws, ENDS)
    np.testing.assert_allclose(found.mean, table.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.lower, np.quantile(table, 0.055, axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.upper, np.quantile(table, 0.945, axis=0), rtol=1e-13)
    np.testing.assert_allclose(found.mean, mean_responsibilities(X, draws), rtol=1e-13)
    np.testing.assert_allclose(found.mean.sum(axis=1), 1.0, rtol=1e-14)


@pytest.mark.parametrize("numbers", [1, 1000, 38 * 3 * 100])
def test_the_blocks_do_not_matter(monkeypatch, numbers):
    X, draws = rows(301), mixtures(correlated=True)
    whole = memberships(X, draws, ENDS)
    monkeypatch.setattr(module, "_NUMBERS_AT_ONCE", numbers)
    cut = memberships(X, draws, ENDS)
    for name in NAMES:
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), rtol=1e-13)


def test_the_next_row_changes_nothing():
    X, draws = rows(520), mixtures(correlated=True)
    whole, part = memberships(X, draws, ENDS), memberships(X[:256], draws, ENDS)
    for name in NAMES:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:256])
