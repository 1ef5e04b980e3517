"""Every kind of table in, one kind of table out; and what is refused, in words."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from bayesgmm.data.dataset import (
    Dataset,
    read_among,
    read_like,
    read_table,
)
from bayesgmm.errors import BayesGMMWarning, DataError

VALUES = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])
COLUMNS = {"a": VALUES[:, 0].copy(), "b": VALUES[:, 1].copy()}
LABELLED = xr.DataArray(
    VALUES, dims=("bird", "measure"), coords={"bird": ["p", "q", "r"], "measure": ["a", "b"]}
)

NAMED_TABLES = {
    "pandas": pd.DataFrame(COLUMNS),
    "pandas integers": pd.DataFrame(COLUMNS).astype(int),
    "pandas nullable": pd.DataFrame(COLUMNS).astype("Float64"),
    "pandas arrow": pd.DataFrame(COLUMNS).astype("float64[pyarrow]"),
    "pandas objects": pd.DataFrame(COLUMNS).astype(object),
    "polars": pl.DataFrame(COLUMNS),
    "polars integers": pl.DataFrame(COLUMNS).cast(pl.Int16),
    "polars decimals": pl.DataFrame(COLUMNS).cast(pl.Decimal(10, 2)),
    "pyarrow": pa.table(COLUMNS),
    "xarray array": LABELLED,
    "xarray dataset": LABELLED.to_dataset("measure"),
}
NAMELESS_TABLES = {
    "float64": VALUES,
    "float32": VALUES.astype(np.float32),
    "int8": VALUES.astype(np.int8),
    "big-endian": VALUES.astype(">f8"),
    "columns first in memory": np.asfortranarray(VALUES),
    "every second row": np.repeat(VALUES, 2, axis=0)[::2],
    "objects": np.array([[1, Decimal(10)], [2.0, np.float32(30)], [4, 20]], dtype=object),
    "list of lists": VALUES.tolist(),
    "tuple of arrays": tuple(VALUES),
    "masked array, nothing masked": np.ma.array(VALUES),
    "xarray array without labels": xr.DataArray(VALUES),
}


HARD_TO_CONVERT = {
    "a long whole number": (-(10**400), "x1.*row 1.*unit"),
    "a fraction of long whole numbers": (Fraction(10**400, 3), "x1.*row 1.*unit"),
    "a long decimal": (Decimal("1e400"), "x1.*row 1"),
}


@pytest.mark.parametrize("name", HARD_TO_CONVERT)
def test_numbers_that_no_float_holds_are_refused_like_infinite_ones(name):
    cell, message = HARD_TO_CONVERT[name]
    table = np.array([[1, 2], [3, cell], [5, 7], [4, 2]], dtype=object)
    with pytest.raises(DataError, match=message):
        read_table(table)
    with pytest.raises(DataError, match=message):
        read_table(pd.DataFrame(table, columns=["x0", "x1"]))


def test_floats_of_more_than_64_bits_are_read():
    table = VALUES.astype(np.longdouble)
    assert np.array_equal(read_table(table).values, VALUES)
    if np.finfo(np.longdouble).max > np.finfo(float).max:  # else they are 64 bits
        table[1, 1] = np.finfo(np.longdouble).max
        with pytest.raises(DataError, match=r"infinite.*x1.*row 1"):
            read_table(table)


def named(**columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.mark.parametrize("table", NAMED_TABLES.values(), ids=NAMED_TABLES)
def test_tables_with_names_are_read_alike(table):
    dataset = read_table(table)
    np.testing.assert_array_equal(dataset.values, VALUES)
    assert dataset.feature_names == ("a", "b")


@pytest.mark.parametrize("table", NAMELESS_TABLES.values(), ids=NAMELESS_TABLES)
def test_tables_without_names_are_read_alike(table):
    dataset = read_table(table)
    np.testing.assert_array_equal(dataset.values, VALUES)
    assert dataset.feature_names == ("x0", "x1")
    np.testing.assert_array_equal(dataset.row_names, [0, 1, 2])


@pytest.mark.parametrize(
    ("column", "name"),
    [
        (VALUES[:, 0], "x0"),
        (VALUES[:, 0].tolist(), "x0"),
        (pd.Series(VALUES[:, 0]), "x0"),
        (pd.Series(VALUES[:, 0], name="a"), "a"),
        (pl.Series("a", VALUES[:, 0]), "a"),
        (pl.Series(VALUES[:, 0]), "x0"),
        (xr.DataArray(VALUES[:, 0], name="a"), "a"),
        (LABELLED[:, 0], "x0"),
    ],
)
def test_one_dimension_is_one_feature(column, name):
    dataset = read_table(column)
    np.testing.assert_array_equal(dataset.values, VALUES[:, :1])
    assert dataset.feature_names == (name,)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (["p", "q", "r"], ["p", "q", "r"]),
        ([7, 8, 8], [7, 8, 8]),
        (pd.date_range("2020-01-01", periods=3), pd.date_range("2020-01-01", periods=3)),
        (pd.MultiIndex.from_product([["s"], [1, 2, 3]]), ["s, 1", "s, 2", "s, 3"]),
    ],
)
def test_the_index_of_a_data_frame_names_the_rows(index, expected):
    row_names = read_table(pd.DataFrame(COLUMNS, index=index)).row_names
    assert row_names.dtype != object
    np.testing.assert_array_equal(row_names, np.asarray(expected))


@pytest.mark.parametrize("table", [LABELLED, LABELLED.to_dataset("measure"), LABELLED[:, 0]])
def test_the_coordinate_of_an_xarray_object_names_the_rows(table):
    np.testing.assert_array_equal(read_table(table).row_names, ["p", "q", "r"])


def test_values_are_a_read_only_copy():
    X = VALUES.copy()
    dataset = read_table(X)
    assert dataset.values.dtype == np.float64
    assert dataset.values.flags.c_contiguous
    assert not np.shares_memory(dataset.values, X)
    with pytest.raises(ValueError, match="read-only"):
        dataset.values[0, 0] = 0.0
    X[0, 0] = 99.0
    assert dataset.values[0, 0] == 1.0


def test_a_data_frame_is_not_modified():
    frame = pd.DataFrame(COLUMNS, index=["p", "q", "r"])
    before = frame.copy()
    read_table(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_reading_an_array_imports_no_data_frame_library():
    code = (
        "import sys, numpy; from bayesgmm.data.dataset import read_table; "
        "read_table(numpy.eye(3)); read_table([[1, 2], [3, 4]]); "
        "print(sorted({'pandas', 'polars', 'xarray', 'pymc', 'arviz'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@given(
    arrays(
        float,
        array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=20),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_summaries_match_their_definitions(values):
    dataset = Dataset(values, tuple(map(str, range(values.shape[1]))), np.arange(len(values)))
    size = np.abs(values).max() + 1.0
    np.testing.assert_allclose(dataset.center, values.mean(axis=0), atol=1e-12 * size)
    np.testing.assert_allclose(dataset.deviation, values.std(axis=0, ddof=1), atol=1e-10 * size)
    assert np.all(dataset.spread <= dataset.deviation)
    assert np.all((dataset.spread > 0) | (dataset.deviation == 0))


def test_the_deviation_keeps_its_digits_far_from_zero():
    small = np.random.default_rng(1).integers(0, 1000, size=(2000, 2)) / 1024
    far = read_table(small + 1e8)
    np.testing.assert_allclose(far.deviation, small.std(axis=0, ddof=1), rtol=1e-7)
    np.testing.assert_allclose(far.center - 1e8, small.mean(axis=0), atol=2e-8)


def test_the_spread_of_normal_data_is_its_standard_deviation_and_ignores_outliers():
    values = np.random.default_rng(2).normal(5.0, 3.0, size=(20_000, 1))
    assert read_table(values).spread == pytest.approx(3.0, rel=0.03)
    values[:20] = 1e6
    assert read_table(values).spread == pytest.approx(3.0, rel=0.03)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ([0.0] * 80 + [3.29] * 20, 1.0),  # no interquartile range: the central 90 %
        ([0.0] * 99 + [10.0], 1.0),  # neither: the standard deviation
        ([0.0, 1.0], np.sqrt(0.5) * 0.5242),  # the interquartile range is 0.5
    ],
)
def test_the_spread_is_positive_where_most_values_are_equal(column, expected):
    assert read_table(column).spread == pytest.approx(expected, rel=1e-3)


GRID = np.random.default_rng(3).integers(0, 200, 500)
RESOLUTIONS = {
    "rounded": (GRID / 10, 0.1),
    "rounded, with missing cells": (np.where(GRID % 7 == 0, np.nan, 2.5 * GRID), 2.5),
    "sums that are equal but for rounding": ([0.3, 0.1 + 0.2, 0.6, 0.9, 0.3 * 3, 1.2], 0.3),
    "far from zero": (GRID / 10 + 1e6, 0.1),
    "mostly ties": ([0.0] * 90 + [3.0] * 10, 3.0),
    "one value far away": (np.append(GRID, 1e12), 1.0),
    "long": (np.tile(GRID, 500), 1.0),
}


@pytest.mark.parametrize("name", RESOLUTIONS)
def test_the_resolution_is_the_smallest_step_between_values(name):
    column, expected = RESOLUTIONS[name]
    table = np.column_stack([column, np.arange(len(column)) % 7])
    np.testing.assert_allclose(read_table(table).resolution, [expected, 1.0], rtol=1e-6)


def test_the_resolution_of_continuous_values_is_a_small_share_of_their_spread():
    values = np.random.default_rng(2).normal(5.0, [3.0, 0.1], size=(20_000, 2))
    dataset = read_table(values)
    assert np.array_equal(dataset.resolution, 3.5e-5 * dataset.spread)
    np.testing.assert_allclose(read_table(values * 7.0).resolution, 7.0 * dataset.resolution)


REFUSED = {
    "no rows": (np.empty((0, 2)), ["no rows", "dropna"]),
    "no columns": (np.empty((3, 0)), ["no columns"]),
    "empty list": ([], ["empty"]),
    "empty frame": (pd.DataFrame({"a": []}), ["no rows"]),
    "one row": ([[1.0, 2.0]], ["one row", "transposed"]),
    "text": (
        named(a=[1.0, 2.0, 3.0], species=["Adelie", "Gentoo", "Gentoo"]),
        ["'species'", "String", "3 of 3", "'Adelie'", "Leave"],
    ),
    "text in polars": (pl.DataFrame({"s": ["u", "v"]}), ["'s'", "String", "'u'"]),
    "text in a list": ([[1.0, "u"], [2.0, 3.0]], ["'x1'", "1 of 2 cells is not a number", "'u'"]),
    "text in an array": (np.array([["1", "2"]]), ["'x0'", "'x1'", "'1'"]),
    "one cell of text": (
        named(a=np.array([1, "u", 3], dtype=object)),
        ["'a'", "Object", "1 of 3", "'u'"],
    ),
    "categories": (named(a=pd.Categorical([1, 2, 3])), ["'a'", "Categorical", "'1'"]),
    "dates": (named(a=pd.date_range("2020-01-01", periods=3)), ["'a'", "Datetime", "2020-01-01"]),
    "truth values": (named(a=[True, False]), ["'a'", "Boolean", "True", "astype(float)"]),
    "an array of truth values": (np.array([True, False]), ["'x0'", "bool"]),
    "complex": (np.array([1 + 2j, 3.0]), ["'x0'", "complex128", "imaginary parts"]),
    "text in records": (
        np.array([(1.0, "u")], dtype=[("a", float), ("s", "U3")]),
        ["'s'", "'u'", "Leave"],
    ),
    "records in two dimensions": (
        np.zeros((2, 2), dtype=[("a", float)]),
        ["2 dimensions", "X.ravel()"],
    ),
    "NUL in a name": (pd.DataFrame(VALUES, columns=["a\0", "b"]), ["column", "a\\x00", "Rename"]),
    "half a character in a name": (
        xr.Dataset({"a": ("i", [1.0, 2.0]), "b\ud800": ("i", [2.0, 1.0])}),
        ["'b\\ud800'", "stored", "Rename"],
    ),
    "NUL in the name of a row": (
        pd.DataFrame(VALUES, columns=["a", "b"], index=["p", "q\0", "r"]),
        ["row", "q\\x00"],
    ),
    "nested": (pl.DataFrame({"a": [[1.0], [2.0]]}), ["'a'", "List"]),
    "infinite": ([1.0, np.inf, np.nan], ["1 of 3 rows has infinite", "row 1", "Write NaN"]),
    "many rows": (np.full(9, np.inf), ["9 of 9", "rows 0, 1, 2, 3, 4 and 4 more. Every"]),
    "a column without cells": (
        named(a=[1.0, 2.0], b=[np.nan, np.nan]),
        ["Every cell is missing in column 'b' (2 rows)", "leave it out"],
    ),
    "a column with one cell": (
        named(a=[1.0, 2.0, 3.0], b=[np.nan, 4.0, np.nan]),
        ["'b' is constant: 4 in the 1 of 3 rows in which it is observed"],
    ),
    "huge": ([1.0, 1e101], ["1 of 2 rows", "1e+100", "another unit"]),
    "tiny": ([0.0, 1e-101], ["standard deviation", "another unit"]),
    "constant": (named(a=[1.0, 2.0], b=[7.5, 7.5]), ["'b'", "constant", "7.5", "leave it out"]),
    "duplicate names": (
        pd.DataFrame(VALUES, columns=["a", "a"]),
        ["more than once", "['a']", "Rename"],
    ),
    "duplicate names in pyarrow": (
        pa.table([[1.0, 2.0], [3.0, 4.0]], names=["a", "a"]),
        ["more than once", "['a']"],
    ),
    "names alike as text": (pd.DataFrame(VALUES, columns=[1, "1"]), ["more than once", "['1']"]),
    "three dimensions": (np.zeros((2, 3, 4)), ["3 dimensions", "(2, 3, 4)", "reshape"]),
    "no dimension": (np.array(1.0), ["0 dimensions"]),
    "three dimensions in xarray": (xr.DataArray(np.zeros((2, 3, 4))), ["3 dimensions"]),
    "two dimensions in a Dataset": (
        xr.Dataset({"a": ("i", [1.0, 2.0]), "b": (("i", "j"), np.eye(2))}),
        ["one and the same dimension"],
    ),
    "empty Dataset": (xr.Dataset(), ["no columns"]),
    "ragged list": ([[1.0, 2.0], [3.0]], ["same length"]),
    "a dictionary": ({"a": [1.0, 2.0]}, ["builtins.dict", "pandas.DataFrame(X)"]),
    "a string": ("data.csv", ["builtins.str", "pandas.read_csv"]),
    "a path": (Path("data.csv"), ["Path", "pandas.read_csv"]),
    "None": (None, ["got None", "return nothing"]),
    "a lazy frame": (pl.DataFrame(COLUMNS).lazy(), ["LazyFrame", "collect()"]),
}


GAP = np.where(VALUES == 30.0, np.nan, VALUES)
WITH_GAPS = {
    "array": GAP,
    "list": [[1.0, 10.0], [2.0, None], [4.0, 20.0]],
    "masked array": np.ma.array(VALUES, mask=VALUES == 30.0),
    "masked rows in a list": [np.ma.array(row, mask=row == 30.0) for row in VALUES],
    "records": np.array(list(map(tuple, GAP)), dtype=[("a", float), ("b", float)]),
    "masked records": np.ma.array(
        list(map(tuple, VALUES)),
        dtype=[("a", float), ("b", float)],
        mask=list(map(tuple, VALUES == 30.0)),
    ),
    "masked integers": np.ma.array(VALUES.astype(int), mask=VALUES == 30.0),
    "a signalling NaN": np.array([[1, 10], [2, Decimal("sNaN")], [4, 20]], dtype=object),
    "pandas": pd.DataFrame(GAP, columns=["a", "b"]),
    "pandas integers": pd.DataFrame({"a": [1, 2, 4], "b": pd.array([10, None, 20], "Int64")}),
    "pandas objects": pd.DataFrame({"a": [1, 2, 4], "b": [10, None, 20]}, dtype=object),
    "pandas arrow": pd.DataFrame({"a": [1, 2, 4], "b": [10, None, 20]}).astype("int64[pyarrow]"),
    "polars": pl.DataFrame({"a": [1, 2, 4], "b": [10, None, 20]}),
    "pyarrow": pa.table({"a": [1, 2, 4], "b": [10, None, 20]}),
    "xarray": xr.DataArray(GAP),
}


@pytest.mark.parametrize("table", WITH_GAPS.values(), ids=WITH_GAPS)
def test_cells_are_missing_in_the_way_of_each_kind_of_table(table):
    dataset = read_table(table)
    np.testing.assert_array_equal(dataset.values, GAP)
    np.testing.assert_allclose(dataset.center, [7 / 3, 15.0])
    np.testing.assert_allclose(dataset.deviation, [np.std([1, 2, 4], ddof=1), 50**0.5])
    np.testing.assert_array_equal(dataset.n_observed, [3, 2])


def test_rows_without_cells_are_named_in_a_warning_and_say_nothing():
    frame = pd.DataFrame(GAP, index=["p", "q", "r"])
    frame.loc["s"] = np.nan
    with pytest.warns(BayesGMMWarning, match="1 of 4 rows has no observed cell: row s"):
        dataset = read_table(frame)
    assert (dataset.n_rows, dataset.fitted_rows.n_rows) == (4, 3)
    np.testing.assert_allclose(dataset.center, read_table(GAP).center)


@pytest.mark.parametrize(("table", "words"), REFUSED.values(), ids=REFUSED)
def test_unusable_tables_are_refused_in_words(table, words):
    with pytest.raises(DataError) as caught:
        read_table(table)
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message


def test_a_sparse_matrix_is_refused_with_its_remedy():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match="toarray"):
        read_table(sparse.eye_array(3))


class TestReadLike:
    def test_columns_are_matched_by_name(self):
        for table in (pd.DataFrame(COLUMNS)[["b", "a"]], LABELLED[:, ::-1]):
            dataset = read_like(table, ("a", "b"))
            np.testing.assert_array_equal(dataset.values, VALUES)
            assert dataset.feature_names == ("a", "b")

    def test_columns_without_names_are_matched_by_position(self):
        assert read_like(VALUES, ("a", "b")).feature_names == ("a", "b")

    def test_a_model_without_names_takes_named_columns_by_position(self):
        dataset = read_like(pd.DataFrame(COLUMNS), ("x0", "x1"))
        np.testing.assert_array_equal(dataset.values, VALUES)
        assert dataset.feature_names == ("x0", "x1")

    def test_one_row_and_constant_columns_are_fine(self):
        assert read_like([[1.0, 2.0]], ("a", "b")).n_rows == 1
        assert read_like(np.ones((3, 2)), ("a", "b")).n_rows == 3

    def test_row_names_are_kept(self):
        frame = pd.DataFrame(COLUMNS, index=["p", "q", "r"])
        np.testing.assert_array_equal(read_like(frame, ("a", "b")).row_names, ["p", "q", "r"])

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            (pd.DataFrame(COLUMNS)[["a"]], ["Missing: ['b']", "unknown: []"]),
            (
                pd.DataFrame(COLUMNS).rename(columns={"b": "c"}),
                ["Missing: ['b']", "unknown: ['c']"],
            ),
            (named(a=[1.0], b=[2.0], species=["Adelie"]), ["unknown: ['species']"]),
            (np.ones((2, 3)), ["2 features", "3 columns"]),
            (np.ones(2), ["2 features", "1 column.", "X.reshape(1, -1)"]),
            (np.ones((4, 1)), ["2 features", "1 column.", "['a', 'b']"]),
            (np.array([[1.0, np.inf]]), ["'b' (1)"]),
            (np.empty((0, 2)), ["no rows"]),
        ],
    )
    def test_other_tables_are_refused_in_words(self, table, words):
        with pytest.raises(DataError) as caught:
            read_like(table, ("a", "b"))
        assert [word for word in words if word not in str(caught.value)] == [], caught.value


class TestReadAmong:
    def test_other_columns_are_passed_over_whatever_they_hold(self):
        frame = pd.DataFrame({"kind": ["p", "q"], "b": [3.0, np.nan], "when": 0, "a": [1, 2]})
        dataset, positions = read_among(frame, ("a", "b"))
        assert dataset.feature_names == ("a", "b")
        np.testing.assert_array_equal(dataset.values, [[1, 3], [2, np.nan]])
        assert positions.tolist() == [3, 1]

    def test_without_further_columns_it_reads_as_read_like_does(self):
        for table in (*NAMED_TABLES.values(), VALUES):
            dataset, positions = read_among(table, ("a", "b"))
            np.testing.assert_array_equal(dataset.values, VALUES)
            assert positions.tolist() == [0, 1]
        assert read_among(pd.DataFrame(COLUMNS), ("x0", "x1"))[1].tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            (pd.DataFrame({"a": [1.0], "c": [2.0]}), r"Missing: \['b'\]; unknown: \['c'\]"),
            (np.ones((2, 3)), "the table has 3 columns"),
            (pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "b", "b"]), "used more than once"),
            (pd.DataFrame({"a": ["x"], "b": [2.0], "c": ["y"]}), "Column 'a' has type"),
        ],
    )
    def test_features_are_checked(self, table, message):
        with pytest.raises(DataError, match=message):
            read_among(table, ("a", "b"))
