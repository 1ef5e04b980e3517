"""Posteriors of factor analyzers: two engines that share no sampling code must agree."""

from __future__ import annotations

import numpy as np
import pytest
from arviz_stats.base import array_stats

import bayesgmm as bg
from bayesgmm.tree.fit import Fit
from tests.estimation.test_factor_steps import clustered_rows

LIMIT = 4.5  # standard errors, of at most 50 averages: error rate 50 * 6.8e-6 = 3e-4


def quantities(tree) -> np.ndarray:
    """Return chain, draw, quantity: weights, means, log variances, and correlations."""
    draws = Fit(tree).draws
    batch = draws.batch_shape
    rows, columns = np.tril_indices(draws.n_features, -1)
    correlations = np.asarray(draws.correlations)[..., rows, columns]
    parts = (draws.weights[..., :1], draws.means, np.log(draws.scales), np.arctanh(correlations))
    return np.concatenate([part.reshape(*batch, -1) for part in parts], axis=-1)


def averages(tree) -> tuple[np.ndarray, np.ndarray]:
    values = quantities(tree)
    mean = values.mean(axis=(0, 1))
    ess = np.array([
        array_stats.ess(values[..., place], chain_axis=0, draw_axis=1, method="mean")
        for place in range(values.shape[-1])
    ])  # fmt: skip
    assert ess.min() > 100
    return mean, values.std(axis=(0, 1)) / np.sqrt(ess)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("q", "gaps"), [(2, False), (1, True)], ids=["two factors", "one factor, missing cells"]
)
@pytest.mark.filterwarnings("ignore::bayesgmm.ConvergenceWarning")
def test_gibbs_and_nuts_have_the_same_posterior(q, gaps):
    X, _ = clustered_rows(140, 5, k=2, q=q, apart=5.0)
    if gaps:
        X[np.random.default_rng(2).random(X.shape) < 0.15] = np.nan
    spec = bg.MixtureSpec(2, covariances=bg.Factors(q))
    engines = (
        bg.Gibbs(draws=4000, tune=500, chains=4), bg.NUTS(draws=800, tune=500, chains=2)
    )  # fmt: skip
    (mean, error), (other, other_error) = (
        averages(bg.fit(X, spec, engine=engine, random_seed=3, progress=False))
        for engine in engines
    )
    distance = np.abs(mean - other) / np.hypot(error, other_error)
    assert distance.max() < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"shared": True}, {"equal_uniquenesses": True}])
def test_gibbs_is_calibrated(options):
    covariances = bg.Factors(2, scales=bg.HalfT(1.0, 4.0), **options)
    spec = bg.MixtureSpec(
        2, means=bg.NormalMeans(0.0, 4.0), covariances=covariances, resolution=0.01
    )
    engine = bg.Gibbs(draws=600, tune=200, chains=1, thin=2)
    found = bg.calibrate(
        spec, engine, n_rows=40, n_features=4, n_replications=60, n_draws=59, random_seed=1,
        progress=False,
    )  # fmt: skip
    assert found.ranks.attrs["failures"] == {}
    assert float(found.figures["p_value"].min()) > 1e-4, str(found)
