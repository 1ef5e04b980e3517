"""Comparison of fits: ArviZ's own numbers, the right winner, and what is refused."""

from __future__ import annotations

import warnings

import arviz_stats
import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg

ENGINE = bg.Laplace(draws=600)


def fitted(X: object, k: int, *, engine: object = ENGINE, **options: object) -> xr.DataTree:
    return bg.fit(X, bg.MixtureSpec(k, **options), engine=engine, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Two clouds whose features are correlated, one up and one down."""
    rng = np.random.default_rng(0)
    up, down = (
        rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], size=100) for rho in (0.9, -0.9)
    )
    return np.concatenate([up, down + [4, 4]])


@pytest.fixture(scope="module")
def trees(rows) -> dict[str, xr.DataTree]:
    return {
        "one": fitted(rows, 1),
        "full": fitted(rows, 2),
        "spherical": fitted(rows, 2, covariances=bg.Spherical()),
    }


def test_numbers_are_those_of_arviz(trees):
    table = bg.compare(trees)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = arviz_stats.compare(trees, round_to="none")
        results = {name: arviz_stats.loo(tree, pointwise=True) for name, tree in trees.items()}
    assert table["model"].values.tolist() == list(expected.index)
    for ours, theirs in {
        "elpd": "elpd", "elpd_se": "se", "p_loo": "p", "elpd_difference": "elpd_diff",
        "difference_se": "dse",
    }.items():  # fmt: skip
        np.testing.assert_allclose(table[ours], expected[theirs].astype(float), rtol=1e-9)
    np.testing.assert_allclose(table["weight"], expected["weight"].astype(float), atol=1e-6)
    for name, result in results.items():
        one = table.sel(model=name)
        assert one["largest_pareto_k"] == result.pareto_k.max()
        assert one["high_pareto_k"] == (result.pareto_k > result.good_k).sum()
        assert one["pareto_k_threshold"] == result.good_k


def test_a_wrong_structure_loses(trees):
    """Both wrong models are far behind: more than five standard errors of the difference."""
    table = bg.compare(trees)
    assert table["model"].values[0] == "full"
    assert (table["elpd_difference"][1:] < -5 * table["difference_se"][1:]).all()
    assert table["weight"][0] > 0.9
    np.testing.assert_allclose(table["weight"].sum(), 1.0, rtol=1e-6)
    assert "estimates are reliable" in table.attrs["note"]


def test_the_order_of_trees_does_not_matter(trees):
    other = dict(reversed(trees.items()))
    xr.testing.assert_identical(bg.compare(trees), bg.compare(other))


def test_labels_and_order_of_features_do_not_matter(trees, rows):
    swapped = xr.DataArray(rows[:, ::-1], dims=("row", "feature"), coords={"feature": ["x1", "x0"]})
    pair = {"straight": trees["full"], "swapped": fitted(swapped, 2)}
    table = bg.compare(pair)
    assert abs(table["elpd_difference"][1]) < 1.0
    with_names = bg.compare({"raw": bg.undo_relabeling(trees["full"]), "one": trees["one"]})
    before = bg.compare({"raw": trees["full"], "one": trees["one"]})
    xr.testing.assert_allclose(with_names, before, rtol=1e-3)


@pytest.mark.slow
def test_an_outlier_is_counted_and_nothing_is_warned_of(rows):
    """Leaving out a row that holds a component alone changes everything: its k is high."""
    lonely = np.concatenate([rows, [[400.0, -300.0]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", bg.ConvergenceWarning)  # of so few draws
        engine = bg.Gibbs(draws=300, tune=300, chains=2)
        table = bg.compare({f"{k}": fitted(lonely, k, engine=engine) for k in (2, 3)})
    assert table["high_pareto_k"].max() >= 1
    assert (table["largest_pareto_k"] > table["pareto_k_threshold"]).any()
    assert np.isfinite(table["weight"]).all()
    assert "row" in table.attrs["note"]


def test_rows_that_are_improbable_under_every_model_change_no_weight(trees):
    """Densities of exp(-2000) are zeros to a computer."""
    pair = {name: trees[name].copy(deep=True) for name in ("one", "full")}
    before = bg.compare(pair)
    for tree in pair.values():
        tree["log_likelihood"]["x"][..., 3] -= 2000.0
    after = bg.compare(pair)
    np.testing.assert_allclose(after["elpd"], before["elpd"] - 2000.0, rtol=1e-9)
    for name in ("weight", "elpd_difference", "difference_se", "largest_pareto_k"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-6, atol=1e-9)


def test_at_least_two_fits_with_names(trees):
    with pytest.raises(bg.SpecificationError, match="at least two"):
        bg.compare({"one": trees["one"]})
    for bad in ([trees["one"], trees["full"]], trees["one"], {1: trees["one"], 2: trees["full"]}):
        with pytest.raises(bg.SpecificationError, match="must map names to fits"):
            bg.compare(bad)


@pytest.mark.parametrize("bad", [3, "one", xr.DataTree()])
def test_what_is_no_fit_is_named(trees, bad):
    with pytest.raises(bg.SchemaError, match="'other' is not a fit"):
        bg.compare({"one": trees["one"], "other": bad})


@pytest.mark.filterwarnings("ignore:1 of 200 rows:bayesgmm.BayesGMMWarning")
def test_missing_cells_are_the_same_rows(trees, rows):
    """A row without any cell is sure to be predicted, by every model."""
    gappy = rows.copy()
    gappy[3, 0] = gappy[9] = np.nan
    quick = {
        f"{k}": bg.fit(
            gappy, bg.MixtureSpec(k), engine=bg.Gibbs(draws=300, chains=2), random_seed=1,
            progress=False,
        )
        for k in (1, 2)
    }  # fmt: skip
    table = bg.compare(quick)
    assert table["model"].values.tolist() == ["2", "1"]
    assert not any(table[name].isnull().any() for name in table.data_vars)
    with pytest.raises(bg.DataError, match="2 differ, the first of them row 3"):
        bg.compare({"full": trees["full"], "gappy": quick["2"]})


def test_trees_of_different_rows_are_named(trees, rows):
    fewer = fitted(rows[:-1], 1)
    with pytest.raises(bg.DataError, match="'full' was fitted to 200 rows, 'fewer' to 199"):
        bg.compare({"full": trees["full"], "fewer": fewer})
    moved = rows.copy()
    moved[7] += 1.0
    with pytest.raises(bg.DataError, match="1 differ, the first of them row 7"):
        bg.compare({"full": trees["full"], "moved": fitted(moved, 1)})
    with pytest.raises(bg.DataError, match="features"):
        bg.compare({"full": trees["full"], "first": fitted(rows[:, :1], 1)})


def test_a_tree_without_log_likelihoods_is_refused_with_a_remedy(trees):
    bare = trees["full"].copy()
    del bare["log_likelihood"]
    with pytest.raises(bg.SchemaError, match=r"'bare' has no log-.*at most 100,000 draws"):
        bg.compare({"one": trees["one"], "bare": bare})
