from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.data.answers import Tabular
from bayesgmm.errors import DataError
from tests.cases import example_rows

NAMES = [f"row {number}" for number in range(40)]


@pytest.fixture(scope="module")
def X():
    frame = pd.DataFrame(example_rows(40, 2), columns=["width", "height"], index=NAMES)
    frame.iloc[3, 0] = np.nan
    return frame


@pytest.fixture(scope="module")
def tree(X):
    return bg.fit(X, bg.MixtureSpec(2), engine=bg.Laplace(draws=100), random_seed=1, progress=False)


@pytest.fixture(scope="module")
def selection(X):
    return bg.select(X, (1, 2), random_seed=1, covariances=[bg.Full(), bg.Diagonal()])


def test_a_summary_has_a_line_for_every_parameter(tree):
    summary = bg.summarize(tree)
    found = bg.table(summary)
    assert list(found.columns) == ["mean", "sd", "lower", "upper"]
    assert len(found) == 2 + 2 * 4
    for name in ("means", "scales"):
        expected = summary[name].sel(statistic="lower", component=1, feature="height")
        assert found.loc[(name, 1, "height"), "lower"] == expected
    assert found.loc[("weights", 0, ""), "mean"] == summary["weights"][0, 0]


def test_rows_keep_their_names_and_columns(tree, X):
    clusters = bg.cluster(tree)
    found = bg.table(clusters)
    assert list(found.index) == NAMES
    assert list(found.columns[:6]) == [
        "label", "certainty", "entropy", "core", "unsure", "responsibility_0",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["responsibility_1"], clusters["responsibilities"][:, 1])
    full = X.assign(kind="bird", label=7)
    beside = bg.table(clusters, full)
    pd.testing.assert_frame_equal(beside[list(full)], full, check_names=False)
    np.testing.assert_array_equal(beside["cluster_label"], clusters["label"])


def test_rows_are_matched_by_name(tree, X):
    found = bg.table(bg.cluster(tree), X.iloc[::-1])
    pd.testing.assert_frame_equal(found[list(X)], X, check_names=False)
    with pytest.raises(DataError, match="no entry for 38 of 40"):
        bg.table(bg.cluster(tree), X.iloc[:2])


@pytest.mark.parametrize("of", [lambda X: X.to_numpy(), pl.from_pandas, xr.DataArray])
def test_any_kind_of_table_goes_beside(tree, X, of):
    found = bg.table(bg.cluster(tree), of(X))
    np.testing.assert_array_equal(found.iloc[:, :2], X)
    assert list(found.index) == NAMES


def test_another_table_is_refused(tree, X):
    with pytest.raises(DataError, match="X has 5 rows, and the answer 40"):
        bg.table(bg.cluster(tree), X.to_numpy()[:5])
    with pytest.raises(DataError, match="leave it out"):
        bg.table(bg.summarize(tree), X)
    with pytest.raises(DataError, match="must be a table"):
        bg.table(bg.cluster(tree), np.zeros(40))


def test_new_rows_have_features_and_a_component(tree):
    new = bg.generate(tree, 5, random_seed=1)
    found = bg.table(new)
    assert list(found.columns) == ["width", "height", "component", "chain", "draw"]
    np.testing.assert_array_equal(found[["width", "height"]], new["x"])
    renamed = bg.table(new.assign_coords(feature=["width", "component"]))
    assert list(renamed.columns[:3]) == ["width", "component", "component_of_row"]


def test_an_imputation_is_the_completed_table(tree, X):
    done = bg.impute(tree, X, 2, random_seed=1)
    pd.testing.assert_frame_equal(bg.table(done), done.completed)
    assert list(bg.table(bg.impute(tree)).columns) == ["width", "height"]
    cell = bg.table(done.cells).iloc[0]
    assert (cell["obs_id"], cell["feature"], cell["row"]) == ("row 3", "width", 3)


def test_models_have_a_line_each(tree, selection):
    assert bg.table(selection).loc[("Diagonal", 2), "BIC"] == selection["BIC"].values[1, 1]
    compared = bg.compare({"one": tree, "same": tree})
    assert list(bg.table(compared).index) == ["one", "same"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda tree: bg.agreement(tree, np.arange(40) % 2),
        lambda tree: bg.partition(tree, n_runs=1),
        lambda tree: bg.credible_ball(tree, bg.partition(tree, n_runs=1)),
        lambda tree: bg.merge_components(tree),
        lambda tree: bg.overlap(tree),
        lambda tree: bg.log_density(tree),
        lambda tree: bg.quantile(tree, [0.1, 0.9]),
        lambda tree: bg.cdf(tree, [[0.0, 0.0]]),
        lambda tree: bg.co_clustering(tree),
        lambda tree: bg.regress(tree, [[1.0]], target="width"),
        lambda tree: bg.highest_density_region(tree, [[0.0, 0.0]]),
        lambda tree: bg.labeling_report(tree),
        lambda tree: bg.diagnose(tree),
        lambda tree: bg.pool_imputations([1.0, 2.0], [1.0, 1.0]),
    ],
)
def test_every_answer_has_a_table(tree, ask):
    found = bg.table(ask(tree))
    assert isinstance(found, pd.DataFrame)
    assert found.size
    assert found.columns.is_unique


def test_a_tree_is_no_answer(tree):
    with pytest.raises(DataError, match="Expected what a function"):
        bg.table(tree)


def test_tables_read_as_tables(tree, selection):
    summary = bg.summarize(tree)
    text = repr(summary)
    assert {"width", "mean", "89%"} <= set(text.split())
    assert "..." not in text
    assert "<table" in summary._repr_html_()
    assert "The smallest BIC: " in repr(selection)
    compared = bg.compare({"one": tree, "same": tree})
    assert compared.attrs["note"] in repr(compared)


def test_names_of_the_user_cannot_be_taken_for_markup(X):
    rows = X.rename(columns={"width": "<b>width</b>"})
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=bg.Laplace(draws=20), random_seed=1)
    assert "<b>" not in bg.summarize(tree)._repr_html_()


def test_a_table_is_the_dataset_it_was(selection, tree, tmp_path):
    plain = xr.Dataset(selection.data_vars, selection.coords, selection.attrs)
    assert selection.identical(plain)
    assert list(selection.sizes) == ["covariances", "n_components"]
    for other in (copy.deepcopy(selection), pickle.loads(pickle.dumps(selection))):
        assert other.identical(selection)
    loaded = bg.load(bg.save(selection, tmp_path / "grid.nc"))
    xr.testing.assert_identical(loaded, selection)
    one = bg.summarize(tree).sel(component=0)
    assert isinstance(one, Tabular)
    assert "Dimensions" in repr(one)
    assert "xr-" in one._repr_html_()
