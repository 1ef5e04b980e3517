"""Posterior moments, against long runs of RStan on the same model.

    weights         ~ Dirichlet(1, ..., 1)
    means[k, j]     ~ Normal(m[j], 3 s[j]), m and s the column means and standard deviations
    scales[k, j]    ~ HalfNormal(s[j])
    correlations[k] ~ LKJ(2)

Every mean, second moment and standard deviation of weights, means, scales and Cholesky factors
of the correlation matrices must lie within four combined Monte Carlo errors. Were all samplers
right, one of the 213 numbers of an engine would be further away with probability
213 * 6.3e-5 = 1.3 % at most (Bonferroni); seeds are fixed, so that it happens always or never.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import linear_sum_assignment

import bayesgmm as bg
from tests.labels import shuffled
from tests.references.agreement import Moments, moments_of_draws, moments_of_summary, z_scores
from tests.references.tables import records_of, rows_of

STAN_DRAWS = {"faithful_k2": 20_000, "iris_k2": 16_000, "synthetic_k3": 10_000}

RUNS = [
    pytest.param("faithful_k2", "faithful", 2),
    pytest.param("iris_k2", "iris", 2, marks=pytest.mark.slow),
    pytest.param("synthetic_k3", "synthetic_k3", 3, marks=pytest.mark.slow),
]


ENGINES = {
    "nuts": bg.NUTS(draws=2500, tune=500, chains=4),
    "gibbs": bg.Gibbs(draws=10_000, tune=500, chains=4, thin=2),
    # Twice as many weighted draws, so that these are worth no less than independent ones.
    "laplace": bg.Laplace(draws=8000, resample=True),
}


@pytest.mark.parametrize(
    "engine", ["nuts", "laplace", pytest.param("gibbs", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("run", "data", "n_components"), RUNS)
def test_posterior_moments_are_those_of_stan(run, data, n_components, engine):
    expect_moments_of_stan(fit_of(run, data, n_components, engine), run)


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [bg.IterativeECR(1), bg.IterativeECR(2), bg.Stephens(), bg.PRA(), bg.PointProcess()],
    ids=repr,
)
@pytest.mark.parametrize(("run", "data", "n_components"), RUNS)
def test_shuffled_and_relabeled_draws_keep_the_moments_of_stan(run, data, n_components, method):
    tree = shuffled(fit_of(run, data, n_components, "nuts"), seed=1)
    expect_moments_of_stan(bg.relabel(tree, method), run)


@cache
def fit_of(run: str, data: str, n_components: int, engine: str) -> xr.DataTree:
    rows = rows_of(data)
    return bg.fit(
        rows, stan_model(rows, n_components), engine=ENGINES[engine], random_seed=1, progress=False
    )


def expect_moments_of_stan(tree: xr.DataTree, run: str) -> None:
    stan = stan_moments(run)
    ours = draws_by_stan_name(tree["posterior"].to_dataset(), stan)
    scores = {name: z_scores(moments_of_draws(ours[name]), stan[name]) for name in stan}
    far = {name: z.round(1) for name, z in scores.items() if np.abs(z).max() >= 4}
    assert not far, f"z-scores of mean, second moment and standard deviation: {far}"


def stan_model(X: np.ndarray, n_components: int) -> bg.MixtureSpec:
    center, deviation = X.mean(axis=0), X.std(axis=0, ddof=1)
    return bg.MixtureSpec(
        n_components,
        bg.Dirichlet(1.0),
        bg.NormalMeans(tuple(center), tuple(3 * deviation)),
        bg.Full(bg.HalfNormal(tuple(deviation)), bg.LKJ(eta=2.0)),
    )


def stan_moments(run: str) -> dict[str, Moments]:
    """Read Stan's moments by the name of the quantity.

    Stan's n_eff exceeds its number of draws N where successive draws are negatively correlated.
    Squares gain nothing from that: were draws an autoregression with correlation r, squared
    distances from the mean would have r^2. Half of min(n_eff, N) is a cautious size for them.
    """
    moments = {}
    for record in records_of(f"stan_{run}"):
        mean, sd, n_eff = (float(record[column]) for column in ("mean", "sd", "n_eff"))
        n_spread = min(n_eff, STAN_DRAWS[run]) / 2
        moments[record["parameter"]] = moments_of_summary(mean, sd, n_eff, n_spread)
    return moments


def draws_by_stan_name(posterior: xr.Dataset, stan: dict[str, Moments]) -> dict[str, np.ndarray]:
    """Return our draws (chain, draw) under Stan's names, in Stan's order of the components."""
    order = matching_order(posterior["means"].mean(("chain", "draw")).values, stan)
    ordered = posterior.isel(component=order)
    arrays = {
        "theta": ordered["weights"].values,
        "mu": ordered["means"].values,
        "sigma": ordered["scales"].values,
        "L": np.linalg.cholesky(ordered["correlations"].values),
    }
    draws = {}
    for name in stan:
        variable, indices = re.fullmatch(r"(\w+)\[([\d,]+)\]", name).groups()
        position = tuple(int(index) - 1 for index in indices.split(","))
        draws[name] = arrays[variable][(..., *position)]
    return draws


def matching_order(means: np.ndarray, stan: dict[str, Moments]) -> np.ndarray:
    """Return the order in which our components are nearest to Stan's."""
    k, d = means.shape
    theirs = [[stan[f"mu[{c},{j}]"].values[0] for j in range(1, d + 1)] for c in range(1, k + 1)]
    distances = (((np.array(theirs)[:, None] - means) / means.std(axis=0)) ** 2).sum(axis=-1)
    return linear_sum_assignment(distances)[1]
