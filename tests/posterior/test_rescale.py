"""The way back from the standard scale is exact, in every group."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.posterior.finish import rescale

FACTOR = np.array([256.0, 0.125])


@pytest.fixture(scope="module")
def trees() -> tuple[xr.DataTree, xr.DataTree]:
    """The same fit of the same numbers, in two units."""
    rng = np.random.default_rng(8)
    rows = np.concatenate([rng.normal(0, 1, (50, 2)), rng.normal(6, 1, (50, 2))])
    engine = bg.NUTS(draws=50, tune=80, chains=2)
    spec = bg.MixtureSpec(2)
    here = bg.fit(rows, spec, engine=engine, random_seed=3, progress=False)
    there = bg.fit(rows * FACTOR, spec, engine=engine, random_seed=3, progress=False)
    return here, there


def test_a_fit_of_rescaled_data_is_the_rescaled_fit(trees):
    """Powers of two change no digit on the standard scale, so even the draws are the same."""
    here, there = trees
    for group in ("posterior", "point_estimate", "chain_starts"):
        np.testing.assert_allclose(there[group]["means"], here[group]["means"] * FACTOR, 1e-12)
        np.testing.assert_allclose(there[group]["scales"], here[group]["scales"] * FACTOR, 1e-12)
        expected = here[group]["covariances"] * FACTOR * FACTOR[:, None]
        np.testing.assert_allclose(there[group]["covariances"], expected, 1e-12)
    xr.testing.assert_allclose(there["posterior"]["weights"], here["posterior"]["weights"])


def test_log_likelihoods_are_in_the_units_of_the_data(trees):
    here, there = trees
    jacobian = np.log(FACTOR).sum()
    xr.testing.assert_allclose(
        there["log_likelihood"]["x"], here["log_likelihood"]["x"] - jacobian, rtol=1e-7
    )
    difference = (
        there["point_estimate"]["log_likelihood"] - here["point_estimate"]["log_likelihood"]
    )
    np.testing.assert_allclose(difference, -100 * jacobian, rtol=1e-7)


def test_log_likelihoods_agree_with_scipy(trees):
    from scipy.special import logsumexp
    from scipy.stats import multivariate_normal

    tree = trees[1]
    one = tree["posterior"].to_dataset().isel(chain=1, draw=7)
    X = tree["observed_data"]["x"].values
    terms = [
        np.log(float(one["weights"][k]))
        + multivariate_normal.logpdf(X, one["means"][k], one["covariances"][k])
        for k in range(2)
    ]
    np.testing.assert_allclose(
        tree["log_likelihood"]["x"].isel(chain=1, draw=7), logsumexp(terms, axis=0), rtol=1e-10
    )


def test_observed_rows_are_the_originals():
    X = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna()
    engine = bg.NUTS(draws=20, tune=40, chains=1)
    tree = bg.fit(X, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    np.testing.assert_array_equal(tree["observed_data"]["x"], X.to_numpy())
    np.testing.assert_array_equal(tree["observed_data"]["obs_id"], X.index)


def test_shift_and_factor_reach_every_group():
    from bayesgmm.data.standardize import Scaling

    tree = bg.example_fit().isel(draw=slice(0, 5))
    scaling = Scaling(np.array([1.0, -2.0, 3.0, 0.0]), np.array([2.0, 0.5, 10.0, 1.0]))
    moved = rescale(tree, scaling)
    for group in ("posterior", "point_estimate", "chain_starts"):
        expected = tree[group]["means"] * scaling.factor + scaling.shift
        np.testing.assert_allclose(moved[group]["means"], expected)
        expected = tree[group]["covariances"] * np.outer(scaling.factor, scaling.factor)
        np.testing.assert_allclose(moved[group]["covariances"], expected)
    expected = tree["observed_data"]["x"] * scaling.factor + scaling.shift
    np.testing.assert_allclose(moved["observed_data"]["x"], expected)
    assert moved["constant_data"]["shift"].values.tolist() == [1.0, -2.0, 3.0, 0.0]


def test_scaling_by_one_changes_nothing():
    from bayesgmm.data.standardize import Scaling

    tree = bg.example_fit().isel(draw=slice(0, 5))
    same = rescale(tree, Scaling.identity(4))
    xr.testing.assert_equal(same["posterior"].to_dataset(), tree["posterior"].to_dataset())
