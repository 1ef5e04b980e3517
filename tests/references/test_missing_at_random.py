"""Cells missing at random: intervals cover the truth as often as they say, complete rows do not.

The second feature is missing the more often the larger the first is (Little & Rubin, 2019).
"""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.parameters import MixtureParameters

REPLICATES, N_ROWS, PROBABILITY = 80, 200, 0.9
LIMIT = 3.5
"""Standard errors of a binomial share; two shares are compared: error rate 2 * 4.7e-4 = 1e-3."""

TRUTH = MixtureParameters.from_covariances(
    np.array([0.6, 0.4]),
    np.array([[0.0, 0.0], [4.0, 5.0]]),
    np.array([[[1.0, 0.7], [0.7, 1.0]], [[1.0, 0.7], [0.7, 1.0]]]),
)


def table(seed: int) -> np.ndarray:
    """Return rows of which the second cell is missing in about 40 of 100."""
    rng = np.random.default_rng(seed)
    components = (rng.random(N_ROWS) < TRUTH.weights[1]).astype(int)
    noise = rng.standard_normal((N_ROWS, 2))
    X = TRUTH.means[components] + np.einsum("nij,nj->ni", TRUTH.cholesky[components], noise)
    within = X[:, 0] - TRUTH.means[components, 0]
    X[rng.random(N_ROWS) < 1 / (1 + np.exp(0.4 - 2.0 * within)), 1] = np.nan
    return X


def covered(X: np.ndarray, seed: int) -> np.ndarray:
    """Whether intervals of the means hold the truth; components by the first feature."""
    engine = bg.Gibbs(draws=800, tune=200, chains=1)
    tree = bg.fit(
        X, bg.MixtureSpec(2), engine=engine, random_seed=seed, order_by="x0", progress=False
    )
    means = tree["posterior"]["means"].values[0]
    tails = 0.5 * (1 - PROBABILITY)
    low, high = np.quantile(means, [tails, 1 - tails], axis=0)
    return (low <= TRUTH.means) & (TRUTH.means <= high)


@pytest.mark.slow
def test_intervals_of_means_cover_the_truth():
    tables = [table(seed) for seed in range(REPLICATES)]
    found = np.array([covered(X, seed) for seed, X in enumerate(tables)])
    error = np.sqrt(PROBABILITY * (1 - PROBABILITY) / (2 * REPLICATES))
    for feature in range(2):
        assert abs(found[..., feature].mean() - PROBABILITY) < LIMIT * error
    complete = np.array([
        covered(X[~np.isnan(X).any(axis=1)], seed) for seed, X in enumerate(tables[:30])
    ])  # fmt: skip
    assert complete[..., 1].mean() < 0.3
