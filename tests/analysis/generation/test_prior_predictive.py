"""The prior predictive tree: shapes, seeds, and rows that follow their mixture."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return np.random.default_rng(0).normal([5.0, -3.0], [2.0, 0.1], (50, 2))


def test_groups_and_dims(rows):
    tree = bg.prior_predictive(rows, bg.MixtureSpec(3), n_draws=30, n_rows=7, random_seed=1)
    assert tree["prior"]["means"].dims == ("chain", "draw", "component", "feature")
    assert tree["prior"]["covariances"].shape == (1, 30, 3, 2, 2)
    assert tree["prior_predictive"]["x"].shape == (1, 30, 7, 2)
    np.testing.assert_array_equal(tree["observed_data"]["x"], rows)


def test_same_seed_same_tree(rows):
    spec = bg.MixtureSpec(2)
    ours, again = (bg.prior_predictive(rows, spec, random_seed=4) for _ in range(2))
    xr.testing.assert_identical(ours.to_dict()["/prior"], again.to_dict()["/prior"])


def test_rows_follow_their_mixture(rows):
    """Every table mean lies within 5 standard errors of its mixture's mean."""
    tree = bg.prior_predictive(rows, bg.MixtureSpec(2), n_draws=50, n_rows=400, random_seed=2)
    prior, tables = tree["prior"].to_dataset(), tree["prior_predictive"]["x"]
    expected = (prior["weights"] * prior["means"]).sum("component")
    errors = tables.std("obs_id") / np.sqrt(400)
    assert float((abs(tables.mean("obs_id") - expected) / errors).max()) < 5


def test_refuses_senseless_numbers(rows):
    with pytest.raises(bg.SpecificationError, match="n_draws"):
        bg.prior_predictive(rows, bg.MixtureSpec(2), n_draws=0)
    with pytest.raises(bg.SpecificationError, match="n_rows"):
        bg.prior_predictive(rows, bg.MixtureSpec(2), n_rows=1.5)
