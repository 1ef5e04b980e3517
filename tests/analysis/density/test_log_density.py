"""The predictive density against SciPy, numerical integration and extended precision."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import bayesgmm as bg


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 1000, 200))


def test_is_the_mean_density_over_draws(tree):
    X = tree["observed_data"]["x"].values[::20]
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    n_draws = posterior.sizes["sample"]
    each = np.empty((n_draws, len(X)))
    for s in range(n_draws):
        one = posterior.isel(sample=s)
        each[s] = logsumexp([
            np.log(float(one["weights"][k]))
            + multivariate_normal.logpdf(X, one["means"][k], one["covariances"][k])
            for k in range(3)
        ], axis=0)  # fmt: skip
    expected = logsumexp(each, axis=0) - np.log(n_draws)
    np.testing.assert_allclose(bg.log_density(tree, X), expected, rtol=1e-10)
    per_draw = bg.log_density(tree, X, per_draw=True).stack(sample=("chain", "draw"))
    np.testing.assert_allclose(per_draw.transpose("sample", ...), each, rtol=1e-10)
    some = bg.log_density(tree, X, per_draw=True, max_draws=4)
    xr.testing.assert_equal(some, bg.log_density(tree, X, per_draw=True).sel(draw=some["draw"]))
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        bg.log_density(tree, X, max_draws=0)


def test_integrates_to_one():
    rows = np.random.default_rng(0).normal(100.0, 5.0, (60, 1))
    engine = bg.NUTS(draws=40, tune=80, chains=2)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    grid = np.linspace(-100.0, 300.0, 20_001)
    density = np.exp(bg.log_density(tree, grid))
    assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-3)


def test_rows_far_from_zero_lose_no_digits():
    """At an offset of 1e8: subtracting the offset is exact there, so SciPy can work near zero."""
    offset = 1e8
    rows = np.random.default_rng(2).normal(size=(80, 2)) + offset
    engine = bg.NUTS(draws=5, tune=60, chains=1)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    posterior = tree["posterior"].to_dataset().isel(chain=0)
    terms = [
        np.log(float(one["weights"][k]))
        + multivariate_normal.logpdf(rows - offset, one["means"][k] - offset, one["covariances"][k])
        for one in (posterior.isel(draw=draw) for draw in range(5))
        for k in range(2)
    ]
    expected = logsumexp(terms, axis=0) - np.log(5)
    np.testing.assert_allclose(bg.log_density(tree), expected, rtol=1e-7)


def test_is_labeled_and_takes_one_row(tree):
    answer = bg.log_density(tree, [[40.0, 18.0, 190.0, 3700.0]])
    assert answer.dims == ("obs_id",)
    assert answer.name == "log_density"
