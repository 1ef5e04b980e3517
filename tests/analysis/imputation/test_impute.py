"""Imputation through its public face: kinds of tables, bits, seeds, errors, and calibration."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

import bayesgmm as bg
from tests.cases import example_rows

FEATURES = ["length", "width", "mass"]
MEASURED = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def gappy_table() -> pd.DataFrame:
    rows = example_rows(60, 3, seed=4) * [1.0, 10.0, 1000.0] + [50.0, 0.0, 1e4]
    rng = np.random.default_rng(5)
    rows[np.arange(0, 60, 2), rng.integers(3, size=30)] = np.nan
    rows[np.arange(0, 60, 4), rng.integers(3, size=15)] = np.nan
    return pd.DataFrame(rows, columns=FEATURES, index=[f"row {i}" for i in range(60)])


@pytest.fixture(scope="module")
def table():
    return gappy_table()


@pytest.fixture(scope="module")
def tree(table):
    return bg.fit(
        table, bg.MixtureSpec(2), engine=bg.Laplace(draws=200), random_seed=1, progress=False
    )


def test_cells_name_what_is_missing(tree, table):
    done = bg.impute(tree, n_imputations=3)
    cells = done.cells
    rows, features = np.nonzero(table.isna().values)
    np.testing.assert_array_equal(cells["row"], rows)
    np.testing.assert_array_equal(cells["obs_id"], table.index[rows])
    np.testing.assert_array_equal(cells["feature"], np.array(FEATURES)[features])
    assert (cells["lower"] < cells["mean"]).all()
    assert (cells["mean"] < cells["upper"]).all()
    assert cells.attrs["interval"] == "89% equal-tailed interval"
    assert repr(done) == (
        f"Imputation of {rows.size} missing cells in {np.unique(rows).size} rows: 3 frames, "
        "completed, cells"
    )


def test_the_fit_is_filled_in_as_xarray(tree, table):
    done = bg.impute(tree, n_imputations=2)
    for frame in (done.completed, *done.frames):
        assert frame.dims == ("obs_id", "feature")
        assert frame["feature"].values.tolist() == FEATURES
        assert not frame.isnull().any()
        seen = table.notna().values
        assert frame.values[seen].tobytes() == table.values[seen].tobytes()


def test_pandas_keeps_index_order_and_other_columns(tree, table):
    X = table[["mass", "length", "width"]].assign(kind="a")
    X["mass"] = X["mass"].astype("Float64")
    before = X.copy()
    done = bg.impute(tree, X, n_imputations=2)
    pd.testing.assert_frame_equal(X, before)
    for frame in (done.completed, *done.frames):
        assert frame.columns.tolist() == X.columns.tolist()
        assert frame.dtypes.tolist() == X.dtypes.tolist()
        assert frame.index.equals(X.index)
        assert not frame.isna().any().any()
        pd.testing.assert_frame_equal(frame[X.notna()], X, check_exact=True)
    plain = bg.impute(tree).completed.to_pandas()
    np.testing.assert_array_equal(done.completed[FEATURES].astype(float), plain)


KINDS = {
    "numpy": lambda X: X.to_numpy(),
    "list": lambda X: X.astype(object).where(X.notna(), None).values.tolist(),
    "polars": lambda X: pl.from_pandas(X),
    "pyarrow": lambda X: pa.Table.from_pandas(X, preserve_index=False),
    "DataArray": lambda X: xr.DataArray(X, dims=("bird", "what")),
    "Dataset": lambda X: X.to_xarray(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_kind_comes_back_with_the_same_numbers(tree, table, kind):
    X = KINDS[kind](table)
    done = bg.impute(tree, X, n_imputations=2)
    expected = bg.impute(tree, table, n_imputations=2)
    for frame, other in zip(
        (done.completed, *done.frames), (expected.completed, *expected.frames), strict=True
    ):
        assert type(frame) is type(X)
        if kind in ("polars", "pyarrow"):
            values = nw.from_native(frame).to_numpy()
        else:
            values = frame.to_pandas().values if kind == "Dataset" else np.asarray(frame)
        np.testing.assert_array_equal(values, other)


def test_one_column_may_be_a_series():
    X = pd.Series([1.0, 2.0, 4.0, 5.0, 7.0, np.nan], name="size")
    options = {"engine": bg.Laplace(draws=50), "random_seed": 1, "progress": False}
    tree = bg.fit(X.dropna(), bg.MixtureSpec(1), **options)
    done = bg.impute(tree, X)
    assert isinstance(done.completed, pd.Series)
    assert done.completed.notna().all()
    assert float(done.cells["mean"][0]) == pytest.approx(3.8, abs=1)


def test_other_rows_and_patterns_than_those_of_the_fit(tree):
    new = [[np.nan, np.nan, np.nan], [50.0, np.nan, np.nan], [50.0, 0.0, 1e4]]
    done = bg.impute(tree, np.array(new), n_imputations=4, ci_prob=0.5)
    assert done.cells["row"].values.tolist() == [0, 0, 0, 1, 1]
    assert done.cells.attrs["interval"] == "50% equal-tailed interval"
    # A row of which nothing is known is a row of the mixture.
    weights, means = tree["posterior"]["weights"], tree["posterior"]["means"]
    overall = (weights * means).sum("component").mean(("chain", "draw"))
    np.testing.assert_allclose(done.cells["mean"][:3], overall, rtol=1e-9)


def test_a_complete_table_is_copied(tree):
    X = pd.DataFrame([[1.0, 2.0, 3.0]], columns=FEATURES)
    done = bg.impute(tree, X, n_imputations=2)
    assert done.cells.sizes == {"cell": 0}
    assert repr(done).startswith("Imputation of 0 missing cells in 0 rows")
    for frame in (done.completed, *done.frames):
        pd.testing.assert_frame_equal(frame, X)
        assert frame is not X


def test_seeds(tree):
    def frames(**options):
        return np.array(bg.impute(tree, **options).frames)

    np.testing.assert_array_equal(frames(), frames())
    np.testing.assert_array_equal(frames(random_seed=2), frames(random_seed=2))
    missing = np.isnan(tree["observed_data"]["x"].values)
    assert (frames(random_seed=2) != frames(random_seed=3))[:, missing].all()
    assert len({frame[missing].tobytes() for frame in frames(n_imputations=250)}) == 250


def test_answers_do_not_hang_on_the_unit(table):
    """A table in another unit, at another offset, gets the same; EM converges to some 1e-5."""
    options = {"engine": bg.Laplace(draws=100), "random_seed": 1, "progress": False}
    here = bg.impute(bg.fit(table, bg.MixtureSpec(2), **options)).cells
    there = bg.impute(bg.fit(table * 1024.0 + 2.0**20, bg.MixtureSpec(2), **options)).cells
    for name in ("mean", "lower", "upper"):
        difference = (there[name] - 2.0**20) / 1024.0 - here[name]
        np.testing.assert_allclose(difference / here["sd"], 0.0, atol=1e-3)
    np.testing.assert_allclose(there["sd"] / 1024.0, here["sd"], rtol=1e-3)


def test_labels_of_the_fit_count_for_its_rows():
    rng = np.random.default_rng(6)
    z = np.repeat([0, 1], 40)
    X = np.column_stack([rng.normal(size=80), rng.normal(np.where(z, 8.0, -8.0))])
    X[::4, 1] = np.nan
    tree = bg.fit(
        X, bg.MixtureSpec(2), labels=z, engine=bg.Laplace(draws=50), random_seed=1, progress=False
    )
    for given in (None, X, pd.DataFrame(X)):
        found = bg.impute(tree, given)
        side = np.sign(found.cells["mean"])
        np.testing.assert_array_equal(side, np.where(z[::4], 1, -1))
        assert (np.sign(np.array(found.frames)[:, ::4, 1]) == side.values).all()
    unknown = bg.impute(tree, X[:40])
    assert (np.abs(unknown.cells["mean"]) < 4).all()


def test_columns_without_numbers_that_are_no_features_do_not_matter():
    birds = bg.datasets.load("penguins")
    done = bg.impute(bg.example_fit(), birds, n_imputations=1)
    assert done.cells["row"].values.tolist() == [3] * 4 + [271] * 4
    pd.testing.assert_frame_equal(
        done.completed.drop(columns=MEASURED), birds.drop(columns=MEASURED)
    )


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"length": [1.0], "width": [1.0]}), r"Missing: \['mass'\]"),
        (np.ones((2, 4)), "the table has 4 columns"),
        (np.array([[np.inf, 1.0, 2.0]]), "infinite cells"),
        (pd.DataFrame([["a", 1.0, 2.0]], columns=FEATURES), "Numbers are needed"),
        ({"length": [1.0]}, "Convert it first"),
    ],
)
def test_tables_that_cannot_be_filled_are_refused(tree, X, message):
    with pytest.raises(bg.DataError, match=message):
        bg.impute(tree, X)


@pytest.mark.parametrize(
    "options", [{"n_imputations": 0}, {"max_draws": 1.5}, {"ci_prob": 89}, {"random_seed": -1}]
)
def test_options_are_checked(tree, options):
    with pytest.raises(bg.SpecificationError, match=next(iter(options))):
        bg.impute(tree, **options)


def test_only_fits_have_imputations():
    with pytest.raises(bg.SchemaError, match=r"bayesgmm\.fit"):
        bg.impute(xr.DataTree())


def masked(X: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Hide a share of the cells completely at random; return the rest, and what was hidden."""
    hidden = (np.random.default_rng(seed).random(X.shape) < share) & X.notna().values
    rows, columns = np.nonzero(hidden)
    known = {"row": rows, "feature": X.columns[columns], "truth": X.values[rows, columns]}
    return X.mask(hidden), pd.DataFrame(known)


CASES = {
    "penguins": (MEASURED, bg.MixtureSpec(3), 0.2),
    "wine": (None, bg.MixtureSpec(3, covariances=bg.Full(correlations=bg.LKJ(4.0))), 0.1),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*no observed cell")
@pytest.mark.parametrize("name", CASES)
def test_intervals_cover_and_predictions_beat_simpler_ones(name):
    """Cells of real tables, hidden three times.

    90% intervals cover 90% of them within 3 binomial standard errors: by chance alone one test in
    370 fails. The mean log score is at least 3 standard errors above those of the two baselines.
    """
    columns, spec, share = CASES[name]
    whole = bg.datasets.load(name)
    whole = (whole.drop(columns="cultivar") if columns is None else whole[columns]).astype(float)
    engine = bg.NUTS(draws=500, tune=500, chains=2)
    inside, over_means, over_iterative = [], [], []
    for seed in (7, 8, 9):
        X, hidden = masked(whole, share, seed=seed)
        tree = bg.fit(X, spec, engine=engine, random_seed=1, progress=False)
        cells = bg.impute(tree, X, n_imputations=1, ci_prob=0.9).cells.to_dataframe()
        cells = hidden.merge(cells, on=["row", "feature"], validate="one_to_one")
        ours = score_of_fit(tree, X, cells)
        inside += cells["truth"].between(cells["lower"], cells["upper"]).tolist()
        over_means += (ours - score_of_means(X, cells)).tolist()
        over_iterative += (ours - score_of_iterative_imputer(X, cells)).tolist()
    assert abs(np.mean(inside) - 0.9) < 3 * np.sqrt(0.09 / len(inside))
    for gain in (over_means, over_iterative):
        assert np.mean(gain) > 3 * np.std(gain) / np.sqrt(len(gain))


def score_of_fit(tree, X: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    """Return log p(cell | other observed cells of its row): with the cell, less without it."""
    without = X.iloc[cells["row"]].reset_index(drop=True)
    shown = without.to_numpy(copy=True)
    shown[np.arange(len(cells)), X.columns.get_indexer(cells["feature"])] = cells["truth"]
    shown = pd.DataFrame(shown, columns=X.columns)
    return (bg.log_density(tree, shown) - bg.log_density(tree, without)).values


def score_of_means(X: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    feature = cells["feature"]
    return stats.norm.logpdf(cells["truth"], X.mean()[feature], X.std()[feature])


def score_of_iterative_imputer(X: pd.DataFrame, cells: pd.DataFrame) -> np.ndarray:
    """Return the log of its predictive density, averaged over ten of its imputations.

    In each the last regression of a feature on all others, filled in, predicts a normal
    distribution.
    """
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    center, spread = X.mean().values, X.std().values
    row, column = cells["row"].values, X.columns.get_indexer(cells["feature"])
    logs = np.empty((10, len(cells)))
    for seed in range(10):
        imputer = IterativeImputer(sample_posterior=True, tol=0, random_state=seed)
        filled = imputer.fit_transform(((X - center) / spread).values)
        last = {step.feat_idx: step for step in imputer.imputation_sequence_}
        for feature in np.unique(column):
            own, step = column == feature, last[feature]
            mean, sd = step.estimator.predict(
                filled[row[own]][:, step.neighbor_feat_idx], return_std=True
            )
            mean, sd = mean * spread[feature] + center[feature], sd * spread[feature]
            logs[seed, own] = stats.norm.logpdf(cells["truth"][own], mean, sd)
    return logsumexp(logs, axis=0) - np.log(10)
