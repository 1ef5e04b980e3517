"""Maximum likelihood of one factor analyzer: scikit-learn's, and the closed form for equal noise.

Tipping, M. E. and Bishop, C. M. (1999). Probabilistic principal component analysis. Journal of the
Royal Statistical Society B 61, 611-622.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import bayesgmm as bg

SIZES = [(5, 1, 200), (8, 2, 150), (12, 3, 300)]
THIN = (30, 4, 20)


def rows_with_factors(d: int, q: int, n: int, strengths: float | list[float] = 1.0) -> np.ndarray:
    rng = np.random.default_rng(d)
    loadings = rng.standard_normal((d, q)) * strengths
    return rng.standard_normal((n, q)) @ loadings.T + rng.standard_normal((n, d))


def best_log_likelihood(X: np.ndarray, **options) -> float:
    spec = bg.MixtureSpec(1, covariances=bg.Factors(**options))
    solver = bg.EM("likelihood", tolerance=1e-12)
    return bg.estimate(X, spec, solver=solver, random_seed=1).log_likelihood


def of_sklearn(X: np.ndarray, q: int, max_iter: int = 20_000) -> float:
    from sklearn.decomposition import FactorAnalysis

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they stop at the limit
        theirs = FactorAnalysis(q, tol=1e-12, max_iter=max_iter, svd_method="lapack").fit(X)
    return len(X) * theirs.score(X)


@pytest.mark.parametrize(("d", "q", "n"), SIZES)
def test_own_uniquenesses_are_those_of_factor_analysis(d, q, n):
    X = rows_with_factors(d, q, n)
    assert best_log_likelihood(X, n_factors=q) == pytest.approx(of_sklearn(X, q), abs=1e-4)


def test_fewer_rows_than_features_lead_no_lower_than_factor_analysis():
    d, q, n = THIN
    X = rows_with_factors(d, q, n)
    assert best_log_likelihood(X, n_factors=q) > of_sklearn(X, q, max_iter=1000) - 1e-4


@pytest.mark.parametrize("strength", [1e4])
def test_a_weak_factor_is_found_beside_a_strong_one(strength):
    X = rows_with_factors(6, 2, 200, [strength, 2.0])
    assert best_log_likelihood(X, n_factors=2) > of_sklearn(X, 2) - 0.2


@pytest.mark.parametrize(("d", "q", "n"), [*SIZES, THIN])
def test_equal_uniquenesses_have_a_closed_form(d, q, n):
    X = rows_with_factors(d, q, n)
    values = np.linalg.eigvalsh(np.cov(X, rowvar=False, bias=True))[::-1]
    log_determinant = np.log(values[:q]).sum() + (d - q) * math.log(values[q:].mean())
    expected = -0.5 * n * (d * math.log(2 * math.pi) + log_determinant + d)
    found = best_log_likelihood(X, n_factors=q, equal_uniquenesses=True)
    assert found == pytest.approx(expected, abs=1e-4)
