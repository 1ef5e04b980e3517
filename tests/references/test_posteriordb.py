"""One feature and two components, against the reference draws of posteriordb.

    mu[k]    ~ Normal(0, 2), ordered
    sigma[k] ~ HalfNormal(2)
    theta    ~ Beta(5, 5), the weight of the component with the smaller mean

Ordering the means is a choice of label: the prior treats components alike, so the posterior of
(weights, means, scales) sorted by mean is the same. Means, standard deviations and three
quantiles of the five quantities must lie within four combined Monte Carlo errors; were both
right, one of the 25 would be further away with probability 25 * 6.3e-5 = 0.16 % at most.

References
----------
Magnusson, M. et al. (2024). posteriordb: testing, benchmarking and developing Bayesian inference
algorithms. arXiv:2407.04967.
"""

from __future__ import annotations

from functools import cache

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayesgmm as bg
from tests.labels import shuffled
from tests.references.tables import records_of, rows_of

REFERENCE_DRAWS = 10_000  # 10 chains of 1000, thinned until they are nearly independent
FULL, GIBBS = bg.Full(bg.HalfNormal(2.0)), bg.Gibbs(draws=5000)
QUANTILES = {"q05": 0.05, "q50": 0.5, "q95": 0.95}


@cache
def posterior(structure: bg.Full | bg.Diagonal, engine: bg.NUTS | bg.Gibbs) -> xr.DataTree:
    spec = bg.MixtureSpec(2, bg.Dirichlet(5.0), bg.NormalMeans(0.0, 2.0), structure)
    rows = rows_of("low_dim_gauss_mix")
    return bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)


@pytest.mark.parametrize(
    "structure",
    [
        pytest.param(FULL, id="full"),
        pytest.param(bg.Diagonal(bg.HalfNormal(2.0)), id="diagonal", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("engine", [bg.NUTS(draws=2500), GIBBS], ids=["nuts", "gibbs"])
def test_posterior_is_that_of_the_reference_draws(structure, engine):
    expect_reference(draws_by_name(bg.relabel(posterior(structure, engine), bg.OrderBy("x0"))))


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [bg.ECR(), bg.IterativeECR(2), bg.Stephens(), bg.PRA(), bg.PointProcess()], ids=repr
)
def test_shuffled_and_relabeled_draws_are_those_of_the_reference(method):
    """The reference orders the means; components this far apart come out in the same order."""
    tree = posterior(FULL, GIBBS).isel(draw=slice(None, None, 4))
    expect_reference(draws_by_name(bg.relabel(shuffled(tree, seed=2), method, order_by="x0")))


def expect_reference(draws: dict[str, np.ndarray]) -> None:
    scores = {
        record["parameter"]: z_scores(draws[record["parameter"]], record)
        for record in records_of("posteriordb_low_dim_gauss_mix")
    }
    far = {name: z.round(1) for name, z in scores.items() if np.abs(z).max() >= 4}
    assert not far, f"z-scores of mean, standard deviation and quantiles: {far}"


def draws_by_name(tree: xr.DataTree) -> dict[str, np.ndarray]:
    posterior = tree["posterior"]
    means, scales = (posterior[name].values[..., 0] for name in ("means", "scales"))
    return {
        "mu[1]": means[..., 0], "mu[2]": means[..., 1],
        "sigma[1]": scales[..., 0], "sigma[2]": scales[..., 1],
        "theta": posterior["weights"].values[..., 0],
    }  # fmt: skip


def z_scores(draws: np.ndarray, record: dict[str, str]) -> np.ndarray:
    """Compare mean, standard deviation and quantiles; the marginals are nearly normal."""
    sd = float(record["sd"])
    rows = [
        (draws.mean(), arviz_stats.mcse(draws, method="mean"), "mean", sd),
        (draws.std(ddof=1), arviz_stats.mcse(draws, method="sd"), "sd", sd / np.sqrt(2)),
    ]
    for name, p in QUANTILES.items():
        ours = arviz_stats.mcse(draws, method="quantile", prob=p)
        # A sample quantile has the standard error sqrt(p (1 - p) / n) / density there.
        theirs = sd * np.sqrt(p * (1 - p)) / stats.norm.pdf(stats.norm.ppf(p))
        rows.append((np.quantile(draws, p), ours, name, theirs))
    return np.array([
        (value - float(record[name])) / np.hypot(float(error), theirs / np.sqrt(REFERENCE_DRAWS))
        for value, error, name, theirs in rows
    ])  # fmt: skip
