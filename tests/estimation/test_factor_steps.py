"""EM for mixtures of factor analyzers: never down, to a stationary point, by optimal steps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.metrics import adjusted_rand_score

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.factor_steps import (
    _best_in_span,
    _best_signals,
    maximize_factors,
    statistics_for_factors,
)
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.parameters import MixtureParameters
from tests.estimation.problems import scaled
from tests.numerics.test_factor_analyzers import OPTIONS, spec_of


def clustered_rows(
    n: int, d: int, *, k: int = 3, q: int = 2, apart: float = 1.0, seed: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    loadings, means = rng.standard_normal((k, d, q)), apart * rng.standard_normal((k, d))
    clusters = rng.integers(k, size=n)
    X = means[clusters] + rng.standard_normal((n, d))
    return X + np.einsum("nij,nj->ni", loadings[clusters], rng.standard_normal((n, q))), clusters


@pytest.mark.parametrize("uses_prior", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("n", "d", "gaps"), [(60, 6, False), (40, 50, False), (60, 6, True)])
def test_steps_never_lead_down(n, d, gaps, options, uses_prior):
    X = clustered_rows(n, d)[0]
    if gaps:
        X[np.random.default_rng(2).random(X.shape) < 0.15] = np.nan
        X = (X - np.nanmean(X, axis=0)) / np.nanstd(X, axis=0)
    data = read_table(X) if gaps else scaled(X)
    objective = Objective(spec_of(2, **options), d, uses_prior)
    layout = objective.layout
    parameters = layout.unpack(np.random.default_rng(3).normal(0.0, 0.3, layout.size))
    heights = []
    for _ in range(15):
        heights.append(objective.height(data.fitted_rows, parameters))
        statistics = statistics_for_factors(data.fitted_rows, parameters)
        parameters = maximize_factors(statistics, parameters, objective)
    assert np.diff(heights).min() > -1e-7 * abs(heights[0])
    assert heights[-1] > heights[0] + 1.0


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(("n", "d"), [(120, 6), (40, 50)])
def test_the_end_is_stationary(n, d, options):
    data, spec = scaled(clustered_rows(n, d)[0]), spec_of(2, **options)
    solver = bg.EM(tolerance=1e-13, n_starts=2)
    found = solver.run(spec, data, seed=1)
    objective = solver.objective_of(spec, data)
    function = objective.function_of(data.fitted_rows)
    position = objective.layout.pack(found.parameters)
    value, gradient = function(position)
    rng = np.random.default_rng(4)
    # A unit of a coordinate is worth this much around the mode.
    gains = [function(position + 0.1 * rng.standard_normal(position.size))[0] - value
             for _ in range(5)]  # fmt: skip
    assert max(gains) < 0
    assert np.linalg.norm(gradient) < 1e-2 * np.sqrt(abs(max(gains)))


def test_clusters_with_more_columns_than_rows_are_found():
    X, clusters = clustered_rows(120, 300, q=4)
    spec = bg.MixtureSpec(3, covariances=bg.Factors(4))
    found = bg.cluster(bg.estimate(X, spec, random_seed=1))
    assert adjusted_rand_score(clusters, found["label"].values) == 1.0


def prior_of(shape: float, rate: float, d: int) -> CovariancePrior:
    return CovariancePrior.flat(d)._replace(n_factors=2, signal_shape=shape, signal_rate=rate)


@pytest.mark.parametrize("count", [3.0, 200.0])
@pytest.mark.parametrize("shape", [1.0, None])
def test_lengths_are_those_of_a_numerical_optimizer(count, shape):
    d, rate = 5, 0.5
    prior = prior_of(-0.5 * d if shape is None else shape, rate, d)
    power = prior.signal_shape + 0.5 * d
    grid = np.exp(np.linspace(np.log(1e-12), 12, 200_001))
    for variance in (0.2, 1.0, 1.5, 30.0, 4000.0):
        heights = 0.5 * count * (variance * grid / (1 + grid) - np.log1p(grid))
        heights -= power * np.log(rate + 0.5 * grid)
        (found,) = _best_signals(count, np.array([variance]), d, prior)
        assert found == pytest.approx(grid[heights.argmax()], rel=2e-4, abs=2e-6)


def test_best_columns_in_the_span_are_those_of_a_numerical_optimizer():
    d, q, count, prior = 6, 2, 40.0, prior_of(1.0, 0.5, 6)
    rng = np.random.default_rng(5)
    root = rng.standard_normal((d, d))
    root[:, 0] *= 3.0
    scatter, old = count * root @ root.T, rng.standard_normal((q, d))

    def height(signals: np.ndarray) -> float:
        matrix = np.eye(d) + signals.T @ signals
        value = -0.5 * count * np.linalg.slogdet(matrix)[1]
        value -= 0.5 * np.trace(np.linalg.solve(matrix, scatter))
        rates = prior.signal_rate + 0.5 * np.sum(signals**2, axis=1)
        return value - (prior.signal_shape + 0.5 * d) * np.log(rates).sum()

    cross = np.linalg.solve(np.eye(q) + old @ old.T, old @ scatter)
    found, along = _best_in_span(count, cross, old, prior)
    assert_allclose(along, found @ scatter, rtol=1e-10)
    ends = [
        minimize(lambda map_: -height(map_.reshape(q, q) @ old), start, tol=1e-10)
        for start in (np.eye(q).ravel(), *rng.standard_normal((4, q * q)))
    ]
    assert height(found) == pytest.approx(-min(end.fun for end in ends), abs=1e-5)


def test_a_strong_factor_does_not_end_a_weak_one():
    d, rng = 6, np.random.default_rng(6)
    signals = rng.standard_normal((1, 2, d)) * np.array([1e4, 2.0])[:, None]
    X = rng.standard_normal((200, 2)) @ signals[0] + rng.standard_normal((200, d))
    data = read_table(X - X.mean(axis=0))
    spec = bg.MixtureSpec(1, covariances=bg.Factors(2))
    objective = Objective(spec, d, uses_prior=False)
    own = objective.layout.covariances.combined(np.zeros((1, d)), 0.9 * signals)
    parameters = MixtureParameters(np.ones(1), np.zeros((1, d)), *own)
    heights = []
    for _ in range(10):
        heights.append(objective.height(data.fitted_rows, parameters))
        statistics = statistics_for_factors(data.fitted_rows, parameters)
        parameters = maximize_factors(statistics, parameters, objective)
    assert np.diff(heights).min() > -1e-3
