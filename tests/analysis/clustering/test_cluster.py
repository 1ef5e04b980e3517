"""Responsibilities against Bayes' rule, written out with SciPy; their intervals against NumPy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import entropy, multivariate_normal

import bayesgmm as bg
from bayesgmm.analysis.clustering.cluster import expected_responsibilities
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations
from tests.labels import shuffled

BY_COMPONENT = ("responsibilities", "lower", "upper")


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


def test_labels_are_names_only(tree):
    """Draws relabeled with their parameters give the same answer."""
    before, after = bg.cluster(bg.relabel(tree)), bg.cluster(bg.relabel(shuffled(tree, seed=3)))
    xr.testing.assert_allclose(before, after, rtol=1e-12, atol=1e-15)
    xr.testing.assert_equal(before["label"], after["label"])


def test_components_renamed_in_all_draws_permute_columns(tree):
    order = np.array([2, 0, 1])
    shape = tree["posterior"]["weights"].shape
    every = Permutations(np.broadcast_to(order, shape).copy(), np.ones(shape[:-1]), "by hand")
    before, after = bg.cluster(tree), bg.cluster(apply_permutations(tree, every))
    for name in BY_COMPONENT:
        np.testing.assert_allclose(
            after[name], before[name].values[:, order], rtol=1e-12, atol=1e-15
        )
    np.testing.assert_array_equal(order[after["label"]], before["label"])
    for name in ("certainty", "entropy"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-12, atol=1e-14)
    for name in ("core", "unsure"):
        np.testing.assert_array_equal(after[name], before[name])


def test_equal_draws_give_the_plug_in_answer_and_no_width(tree):
    equal = tree.isel(draw=[4] * 30)
    one = equal.isel(chain=[0, 0])
    clusters = bg.cluster(one)
    posterior = tree["posterior"].to_dataset().isel(chain=[0], draw=[4])
    expected = by_hand({"posterior": posterior}, tree["observed_data"]["x"].values)
    np.testing.assert_allclose(clusters["responsibilities"], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(clusters["lower"], clusters["upper"])
    np.testing.assert_allclose(clusters["lower"], clusters["responsibilities"], rtol=1e-13)
    np.testing.assert_array_equal(clusters["core"], ~clusters["unsure"])


def test_intervals_are_quantiles_over_draws(tree):
    draws = np.array([
        bg.cluster(tree.isel(chain=[chain], draw=[draw]))["responsibilities"].values
        for chain in range(4) for draw in range(10)
    ])  # fmt: skip
    clusters = bg.cluster(tree, ci_prob=0.8)
    np.testing.assert_allclose(clusters["lower"], np.quantile(draws, 0.1, axis=0), rtol=1e-12)
    np.testing.assert_allclose(clusters["upper"], np.quantile(draws, 0.9, axis=0), rtol=1e-12)
    assert clusters.attrs["interval"] == "80% equal-tailed interval"
    assert bg.cluster(tree).attrs["interval"] == bg.summarize(tree).attrs["interval"]


def test_fewer_draws_are_those_spread_over_the_chains(tree, monkeypatch):
    """As asked for, and by default where rows times draws are many."""
    n_chains = tree["posterior"].sizes["chain"]
    few = bg.cluster(tree, max_draws=10 * n_chains)
    length = tree["posterior"].sizes["draw"]
    some = tree.copy()
    chosen = np.linspace(0, length - 1, 10).round().astype(int)
    some["posterior"] = xr.DataTree(tree["posterior"].to_dataset().isel(draw=chosen))
    xr.testing.assert_allclose(few["responsibilities"], bg.cluster(some)["responsibilities"])
    monkeypatch.setattr("bayesgmm.analysis.draws._MOST_ASSIGNMENTS", 1)
    monkeypatch.setattr("bayesgmm.analysis.draws._LEAST_DRAWS", 10 * n_chains)
    xr.testing.assert_identical(few, bg.cluster(tree))
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        bg.cluster(tree, max_draws=0)


def test_entropy_is_zero_to_log_k(tree):
    clusters = bg.cluster(tree)
    shares = clusters["responsibilities"].values
    np.testing.assert_allclose(
        clusters["entropy"], [entropy(row) for row in shares], rtol=1e-9, atol=1e-14
    )
    assert 0 <= clusters["entropy"].min() <= clusters["entropy"].max() <= np.log(3)


@pytest.mark.parametrize("certainty", [0.6, 0.9, 0.999])
def test_core_and_unsure_are_what_they_say(tree, certainty):
    clusters = bg.cluster(tree, certainty=certainty)
    least = clusters["lower"].sel(component=clusters["label"])
    np.testing.assert_array_equal(clusters["unsure"], clusters["certainty"] < certainty)
    np.testing.assert_array_equal(
        clusters["core"], (least >= certainty) & (clusters["certainty"] >= certainty)
    )
    assert not (clusters["core"] & clusters["unsure"]).any()


def test_who_needs_the_mean_alone_gets_the_same(tree):
    xr.testing.assert_allclose(
        expected_responsibilities(tree), bg.cluster(tree)["responsibilities"], rtol=1e-13
    )


@pytest.mark.parametrize("name", ["certainty", "ci_prob"])
@pytest.mark.parametrize("value", [0.0, 1.0, 90, "0.9"])
def test_refuses_what_is_no_probability(tree, name, value):
    with pytest.raises(bg.SpecificationError, match=f"{name} must lie strictly between 0 and 1"):
        bg.cluster(tree, **{name: value})
