"""Agreement with known groups, draw by draw, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import entropy
from sklearn.metrics import (
    adjusted_rand_score,
    brier_score_loss,
    mutual_info_score,
    normalized_mutual_info_score,
)

import bayesgmm as bg
from bayesgmm.analysis.clustering.partition import draw_allocations
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations
from tests.labels import shuffled

DRAWS = 24
PARTITION_INDICES = (
    "adjusted_rand", "variation_of_information", "normalized_mutual_information",
)  # fmt: skip


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit()


@pytest.fixture(scope="module")
def species() -> pd.Series:
    return bg.datasets.load("penguins")["species"]


@pytest.fixture(scope="module")
def truth(tree, species) -> np.ndarray:
    return species.loc[tree["observed_data"]["obs_id"].values].to_numpy()


def test_indices_of_every_draw_are_those_of_scikit_learn(tree, truth):
    found = bg.agreement(tree, truth, max_draws=DRAWS)
    labels = draw_allocations(tree, draws=DRAWS).labels
    _, groups = np.unique(truth, return_inverse=True)
    for number, index in enumerate(np.ndindex(4, DRAWS // 4)):
        one, own = {name: found[name].values[index] for name in PARTITION_INDICES}, labels[number]
        information = mutual_info_score(groups, own)
        expected = {
            "adjusted_rand": adjusted_rand_score(groups, own),
            "normalized_mutual_information": normalized_mutual_info_score(groups, own),
            "variation_of_information": entropy(np.bincount(groups))
            + entropy(np.bincount(own)) - 2 * information,
        }  # fmt: skip
        for name in PARTITION_INDICES:
            np.testing.assert_allclose(one[name], expected[name], atol=1e-12)


def test_brier_scores_are_those_of_scikit_learn(tree, truth):
    found = bg.agreement(tree, truth, max_draws=DRAWS)
    names = sorted(set(truth))
    order = [found["group"].values.tolist().index(name) for name in names]
    for chain, draw in np.ndindex(4, DRAWS // 4):
        one = tree.sel(chain=[chain], draw=[found["draw"].values[draw]])
        shares = bg.cluster(one)["responsibilities"].values[:, order]
        expected = brier_score_loss(truth, shares, labels=names, scale_by_half=False)
        np.testing.assert_allclose(found["brier"].values[chain, draw], expected, atol=1e-12)


def test_draws_are_those_of_the_tree(tree, truth):
    found = bg.agreement(tree, truth, max_draws=DRAWS)
    assert found["brier"].dims == ("chain", "draw")
    assert found.sizes["chain"] * found.sizes["draw"] == DRAWS
    assert set(found["draw"].values) <= set(tree["posterior"]["draw"].values)
    assert found["variation_of_information"].attrs["units"] == "nats"
    xr.testing.assert_identical(found, bg.agreement(tree, truth, max_draws=DRAWS))
    assert not found.equals(bg.agreement(tree, truth, max_draws=DRAWS, random_seed=3))


def test_names_of_groups_do_not_matter(tree, truth):
    numbers = {name: number for number, name in enumerate(sorted(set(truth))[::-1])}
    before = bg.agreement(tree, truth, max_draws=DRAWS)
    after = bg.agreement(tree, [numbers[name] for name in truth], max_draws=DRAWS)
    xr.testing.assert_allclose(after.drop_vars("group"), before.drop_vars("group"), rtol=1e-12)
    assert [numbers[name] for name in before["group"].values] == [
        int(text) for text in after["group"].values
    ]


def test_names_of_components_do_not_matter_to_the_brier_score(tree, truth):
    order = np.array([2, 0, 1])
    shape = tree["posterior"]["weights"].shape
    every = Permutations(np.broadcast_to(order, shape).copy(), np.ones(shape[:-1]), "by hand")
    before = bg.agreement(tree, truth, max_draws=DRAWS)
    after = bg.agreement(apply_permutations(tree, every), truth, max_draws=DRAWS)
    np.testing.assert_allclose(after["brier"], before["brier"], rtol=1e-10)
    np.testing.assert_array_equal(after["group"], before["group"].values[order])
    relabeled = bg.relabel(shuffled(tree, seed=8))
    again = bg.agreement(relabeled, truth, max_draws=DRAWS)
    expected = bg.agreement(bg.relabel(tree), truth, max_draws=DRAWS)
    xr.testing.assert_allclose(again, expected, rtol=1e-10)


def test_names_of_components_do_not_matter_to_partitions(tree, truth):
    """Means over 1000 draws within five standard errors, as allocations are drawn anew.

    Three comparisons: once in half a million seeds.
    """
    before, after = (bg.agreement(each, truth) for each in (tree, shuffled(tree, seed=4)))
    for name in PARTITION_INDICES:
        one, other = before[name].values, after[name].values
        error = np.sqrt((one.var() + other.var()) / one.size)
        assert abs(one.mean() - other.mean()) < 5 * error


def test_fewer_groups_than_components(tree, truth):
    """The component left over predicts a group in which no row is."""
    large = np.where(truth == "Gentoo", "Gentoo", "other")
    found = bg.agreement(tree, large, max_draws=4)
    assert sorted(found["group"].values.tolist()) == ["", "Gentoo", "other"]
    gentoo, other, none = (
        found["group"].values.tolist().index(name) for name in ("Gentoo", "other", "")
    )
    for chain in range(4):
        one = tree.sel(chain=[chain], draw=found["draw"].values)
        shares = bg.cluster(one)["responsibilities"].values
        errors = shares[:, [gentoo, other, none]].copy()
        errors[:, 0] -= large == "Gentoo"
        errors[:, 1] -= large == "other"
        expected = np.square(errors).sum(axis=1).mean()
        np.testing.assert_allclose(found["brier"].values[chain, 0], expected, rtol=1e-12)


def test_more_groups_than_components(tree, truth):
    every = np.arange(truth.size)
    found = bg.agreement(tree, every, max_draws=8)
    assert len(set(found["group"].values)) == 3
    assert ((found["brier"] > 1) & (found["brier"] <= 2)).all()
    np.testing.assert_allclose(found["adjusted_rand"], 0.0, atol=1e-12)


def test_perfect_where_clusters_are_far_apart():
    rng = np.random.default_rng(0)
    truth = np.repeat(["a", "b"], 60)
    X = np.where(truth == "a", 0.0, 50.0)[:, None] + rng.normal(size=(120, 2))
    tree = bg.fit(X, bg.MixtureSpec(2), engine=bg.Laplace(draws=50), random_seed=1, progress=False)
    found = bg.agreement(tree, truth)
    for name, best in {
        "adjusted_rand": 1.0, "normalized_mutual_information": 1.0,
        "variation_of_information": 0.0, "brier": 0.0,
    }.items():  # fmt: skip
        np.testing.assert_allclose(found[name], best, atol=1e-12)


def test_a_series_is_matched_by_the_names_of_rows(tree, species, truth):
    expected = bg.agreement(tree, truth, max_draws=8)
    mixed = species.sample(frac=1.0, random_state=1)
    xr.testing.assert_identical(bg.agreement(tree, mixed, max_draws=8), expected)


@pytest.mark.parametrize(
    "form", [list, tuple, pd.Series, pd.Categorical, lambda truth: xr.DataArray(truth, dims="i")]
)
def test_other_labels_by_position(tree, truth, form):
    expected = bg.agreement(tree, truth, max_draws=8)
    xr.testing.assert_equal(bg.agreement(tree, form(truth), max_draws=8), expected)


def test_names_of_other_rows_are_refused(tree, truth):
    others = pd.Series(truth, index=[f"bird {number}" for number in range(truth.size)])
    with pytest.raises(bg.DataError, match="truth has no entry for 342 of 342 rows"):
        bg.agreement(tree, others, max_draws=8)


def test_new_rows(tree, truth):
    X, chosen = tree["observed_data"]["x"].values, [0, 100, 300]
    found = bg.agreement(tree, truth[chosen], X[chosen], max_draws=8)
    assert found["adjusted_rand"].shape == (4, 2)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_rows_without_label_are_named(tree, truth, missing):
    gaps = truth.astype(object)
    gaps[[1, 3]] = missing
    with pytest.raises(bg.DataError, match="no label for 2 of 342 rows; rows 1, 4"):
        bg.agreement(tree, gaps)


@pytest.mark.parametrize("number", [0, 10, 344])
def test_one_label_for_each_row(tree, species, number):
    with pytest.raises(bg.DataError, match=f"{number} labels, and there are 342 rows"):
        bg.agreement(tree, species.to_numpy()[:number])


@pytest.mark.parametrize(
    "bad", ["Adelie", 3, None, {"a": 1}, np.zeros((342, 2)), [[0, 1]] * 342, pd.DataFrame()]
)
def test_what_is_no_list_of_labels_is_refused(tree, bad):
    with pytest.raises(bg.DataError, match="truth must be one label for each row"):
        bg.agreement(tree, bad)


def test_draws_must_be_a_whole_number(tree, truth):
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        bg.agreement(tree, truth, max_draws=-1)
