"""Responsibilities against Bayes' rule, written out with SciPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import multivariate_normal

import bayesgmm as bg


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 1000, 100))


def by_hand(tree: xr.DataTree, X: np.ndarray) -> np.ndarray:
    posterior = tree["posterior"].stack(sample=("chain", "draw"))
    draws = []
    for number in range(posterior.sizes["sample"]):
        one = posterior.isel(sample=number)
        joint = np.stack([
            float(one["weights"][k])
            * multivariate_normal.pdf(X, one["means"][k], one["covariances"][k])
            for k in range(3)
        ])  # fmt: skip
        draws.append((joint / joint.sum(axis=0)).T)
    return np.mean(draws, axis=0)


def test_responsibilities_are_bayes_rule_averaged_over_draws(tree):
    tree_by_sample = tree.copy()
    clusters = bg.cluster(tree)
    posterior = tree["posterior"].to_dataset()
    tree_by_sample["posterior"] = xr.DataTree(posterior)
    expected = by_hand({"posterior": posterior}, tree["observed_data"]["x"].values)
    np.testing.assert_allclose(clusters["responsibilities"], expected, rtol=1e-9, atol=1e-12)


def test_label_and_certainty_follow_from_responsibilities(tree):
    clusters = bg.cluster(tree)
    np.testing.assert_allclose(clusters["responsibilities"].sum("component"), 1.0)
    xr.testing.assert_equal(
        clusters["label"].drop_vars("component", errors="ignore"),
        clusters["responsibilities"].idxmax("component").rename("label"),
    )
    np.testing.assert_array_equal(
        clusters["certainty"], clusters["responsibilities"].max("component")
    )


def test_finds_the_species(tree):
    """Unsupervised clusters match the species of nearly all birds: adjusted Rand above 0.85."""
    from sklearn.metrics import adjusted_rand_score

    clusters = bg.cluster(tree)
    species = bg.datasets.load("penguins").loc[clusters["obs_id"].values, "species"]
    assert adjusted_rand_score(species, clusters["label"].values) > 0.85


def test_new_rows_in_any_order_of_columns(tree):
    names = list(tree["posterior"]["feature"].values)
    new = pd.DataFrame([[40.0, 18.0, 190.0, 3700.0]], columns=names, index=["bird"])
    straight = bg.cluster(tree, new)
    reversed_columns = bg.cluster(tree, new[names[::-1]])
    xr.testing.assert_identical(straight, reversed_columns)
    assert straight["obs_id"].values.tolist() == ["bird"]


def test_far_away_rows_have_proper_responsibilities(tree):
    clusters = bg.cluster(tree, [[4000.0, -500.0, 1e5, 1e7]])
    assert np.isfinite(clusters["responsibilities"]).all()
    np.testing.assert_allclose(clusters["responsibilities"].sum(), 1.0)


def test_wrong_features_are_named(tree):
    with pytest.raises(bg.DataError, match="4 features"):
        bg.cluster(tree, [[1.0, 2.0]])
    with pytest.raises(bg.DataError, match="wing"):
        bg.cluster(tree, pd.DataFrame([[1.0, 2.0, 3.0, 4.0]], columns=list("abc") + ["wing"]))
