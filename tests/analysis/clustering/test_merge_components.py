"""Clusters of components: where the truth is known, whatever the labels, and in the schema."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.posterior.relabel.order import reorder
from tests.labels import shuffled

METHODS = [bg.RidgelineMerging(1.0), bg.RidgelineMerging(), bg.EntropyMerging()]
ENGINE = bg.Gibbs(draws=100, tune=200, chains=2)


def fit(X: np.ndarray, k: int) -> xr.DataTree:
    return bg.fit(X, bg.MixtureSpec(k), engine=ENGINE, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def penguins() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 1000, 20))


@pytest.fixture(scope="module")
def skewed() -> tuple[xr.DataTree, np.ndarray]:
    """600 log-normal rows, which take three components, and a cloud of 300 beside them."""
    rng = np.random.default_rng(2)
    skewed = np.exp(rng.normal(size=(600, 2)) * [0.8, 0.3])
    cloud = rng.normal(size=(300, 2)) * 0.3 + [-1.0, 5.0]
    return fit(np.concatenate([skewed, cloud]), 4), np.repeat([0, 1], [600, 300])


@pytest.fixture(scope="module")
def overfitted() -> xr.DataTree:
    """Two normal clouds five standard deviations apart, and six components for them."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 2))
    rows[200:, 0] += 5.0
    return fit(rows, 6)


def partition(merged: xr.Dataset) -> np.ndarray:
    labels = merged["label"].values
    return labels[:, None] == labels


@pytest.mark.parametrize("method", [None, bg.EntropyMerging(2)])
def test_a_skewed_cluster_is_one_and_a_cloud_stays_apart(skewed, method):
    tree, truth = skewed
    merged = bg.merge_components(tree, method)
    heads = merged["grouping"].values
    assert np.bincount(heads).tolist() == [3, 1]
    together = heads[:, None] == heads
    probability = merged["probability"].values
    assert (probability[together] > 0.9).all()
    assert (probability[~together] < 0.1).all()
    assert merged["grouping_probability"] > 0.9
    assert (merged["label"].values == truth).mean() > 0.99


def test_without_tolerance_for_dips_the_skewed_cluster_is_still_one_most_often(skewed):
    merged = bg.merge_components(skewed[0], bg.RidgelineMerging(1.0))
    assert np.bincount(merged["grouping"]).tolist() == [3, 1]
    assert merged["grouping_probability"] > 0.5
    assert merged["n_clusters_probability"].idxmax() == 2


@pytest.mark.parametrize("ratio", [1.0, 0.8])
def test_light_components_do_not_join_two_clouds(overfitted, ratio):
    """The two heavy components are hardly ever on one hill: in about 1 % of 500 draws."""
    merged = bg.merge_components(overfitted, bg.RidgelineMerging(ratio))
    assert merged["probability"][0, 1] < 0.04
    assert merged["n_clusters_probability"].sel(n_clusters=1) < 0.04


@pytest.mark.parametrize("method", METHODS)
def test_probabilities_are_probabilities(penguins, method):
    merged = bg.merge_components(penguins, method)
    probability = merged["probability"].values
    np.testing.assert_array_equal(probability, probability.T)
    np.testing.assert_array_equal(np.diag(probability), 1.0)
    assert ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_allclose(merged["n_clusters_probability"].sum(), 1.0)
    assert 0 < merged["grouping_probability"] <= 1


@pytest.mark.parametrize("method", METHODS)
def test_rows_are_in_a_cluster_as_in_its_components(penguins, method):
    merged, clusters = bg.merge_components(penguins, method), bg.cluster(penguins)
    for number in merged["cluster"].values:
        members = np.flatnonzero(merged["grouping"] == number)
        expected = clusters["responsibilities"].isel(component=members).sum("component")
        np.testing.assert_allclose(merged["responsibilities"].sel(cluster=number), expected)
    xr.testing.assert_equal(
        merged["label"].drop_vars("cluster", errors="ignore"),
        merged["responsibilities"].idxmax("cluster").rename("label"),
    )
    np.testing.assert_array_equal(merged["certainty"], merged["responsibilities"].max("cluster"))


def test_new_rows_change_nothing_but_the_rows(penguins):
    new = [[40.0, 18.0, 190.0, 3700.0]]
    of_fit, of_new = bg.merge_components(penguins), bg.merge_components(penguins, X=new)
    assert of_new.sizes["obs_id"] == 1
    of_rows = ["responsibilities", "label", "certainty"]
    xr.testing.assert_identical(
        of_fit.drop_vars([*of_rows, "obs_id"]), of_new.drop_vars([*of_rows, "obs_id"])
    )
    expected = bg.merge_components(penguins, X=penguins["observed_data"]["x"].values)
    np.testing.assert_allclose(expected["responsibilities"], of_fit["responsibilities"])


@pytest.mark.parametrize("method", METHODS)
def test_shuffled_and_relabeled_draws_give_the_same_clusters(skewed, method):
    """Relabeling may differ in a few of the 400 draws, the clusters may not."""
    tree = skewed[0]
    first = bg.merge_components(tree, method)
    second = bg.merge_components(bg.relabel(shuffled(tree, seed=2)), method)
    np.testing.assert_array_equal(partition(first), partition(second))
    np.testing.assert_allclose(first["probability"], second["probability"], atol=0.01)
    np.testing.assert_allclose(
        first["n_clusters_probability"], second["n_clusters_probability"], atol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_components_does_not_matter(overfitted, method):
    order = np.array([3, 5, 0, 2, 4, 1])
    first = bg.merge_components(overfitted, method)
    second = bg.merge_components(reorder(overfitted, order), method)
    np.testing.assert_array_equal(
        second["probability"], first["probability"].values[order][:, order]
    )
    np.testing.assert_array_equal(second["grouping"], first["grouping"].values[order])
    np.testing.assert_allclose(second["responsibilities"], first["responsibilities"])


def test_entropy_shows_the_hierarchy_of_the_mean_responsibilities(penguins):
    merged = bg.merge_components(penguins, bg.EntropyMerging(1))
    assert merged["n_left"].values.tolist() == [3, 2, 1]
    t = bg.cluster(penguins)["responsibilities"].values
    assert float(merged["entropy"][0]) == pytest.approx(-(t * np.log(t)).sum())
    assert float(merged["entropy"][-1]) == pytest.approx(0.0, abs=1e-9)
    assert (np.diff(merged["entropy"]) <= 0).all()
    counts = [np.unique(labels).size for labels in merged["hierarchy"].values]
    assert counts == [3, 2, 1]
    assert merged["merged"].values.tolist() == [[0, 2], [0, 1]]  # Adelie and Chinstrap first
    np.testing.assert_allclose(merged["merged_rows"][-1], t[:, [0, 2]].sum() + t.sum())


@pytest.mark.parametrize("method", [*METHODS, bg.EntropyMerging(1)])
def test_one_component_is_one_cluster(method):
    rows = np.random.default_rng(1).normal(size=(50, 2))
    merged = bg.merge_components(fit(rows, 1), method)
    assert merged["grouping"].values.tolist() == [0]
    assert merged["probability"].values.tolist() == [[1.0]]
    assert merged["n_clusters_probability"].values.tolist() == [1.0]
    np.testing.assert_allclose(merged["certainty"], 1.0)


def test_two_features_without_correlations():
    rows = np.random.default_rng(2).normal(size=(200, 2))
    rows[100:] += 6.0
    spec = bg.MixtureSpec(2, covariances=bg.Diagonal())
    tree = bg.fit(rows, spec, engine=ENGINE, random_seed=1, progress=False)
    assert bg.merge_components(tree)["grouping"].values.tolist() == [0, 1]


def test_units_do_not_matter(penguins):
    """The same birds in other units and far from zero."""
    X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    engine = bg.Gibbs(draws=100, tune=100, chains=1)
    first, second = (
        bg.merge_components(
            bg.fit(table, bg.MixtureSpec(3), engine=engine, random_seed=1, progress=False)
        )
        for table in (X, X * 1e-3 + 1e4)
    )
    np.testing.assert_allclose(first["probability"], second["probability"], atol=0.05)


@pytest.mark.parametrize("method", ["ridgeline", bg.EntropyMerging, bg.ECR(), 3])
def test_what_is_no_method_is_refused(penguins, method):
    with pytest.raises(bg.SpecificationError, match="method must be a merging method"):
        bg.merge_components(penguins, method)


def test_the_method_by_default_forgives_small_dips(penguins):
    merged = bg.merge_components(penguins)
    assert merged.attrs["method"] == "RidgelineMerging(ratio=0.8)"
    xr.testing.assert_identical(merged, bg.merge_components(penguins, bg.RidgelineMerging(0.8)))


def test_other_arguments_are_checked(penguins):
    with pytest.raises(bg.SpecificationError, match="max_draws must be a whole number"):
        bg.merge_components(penguins, max_draws=0)
    with pytest.raises(bg.SpecificationError, match="at most the number of components, 3"):
        bg.merge_components(penguins, bg.EntropyMerging(4))
    with pytest.raises(bg.DataError, match="4 features"):
        bg.merge_components(penguins, X=[[1.0, 2.0]])
    with pytest.raises(bg.SchemaError):
        bg.merge_components(xr.DataTree())
