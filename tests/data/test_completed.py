"""Tables with numbers put into some of their cells: the same kind, and nothing else changed."""

from __future__ import annotations

import decimal

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xarray as xr

from bayesgmm.data.completed import filled

ROWS, COLUMNS, VALUES = np.array([0, 2]), np.array([1, 0]), np.array([2.5, 7.25])


def test_arrays_keep_type_and_bits():
    X = np.array([[1 / 3, np.nan], [-0.0, 4.0], [np.nan, 6.0]])
    for dtype in (np.float64, np.float32, ">f8", object):
        given = X.astype(dtype)
        result = filled(given, ROWS, COLUMNS, VALUES)
        assert result.dtype == given.dtype
        kept = ~np.isnan(X)
        assert result[kept].tobytes() == given[kept].tobytes()
        np.testing.assert_array_equal(result[~kept].astype(float), VALUES)
        assert np.isnan(given.astype(float)).sum() == 2


def test_an_array_of_one_dimension_keeps_it():
    result = filled(np.array([1.0, np.nan]), np.array([1]), np.array([0]), np.array([3.0]))
    np.testing.assert_array_equal(result, [1.0, 3.0])


def test_masked_arrays_lose_their_mask_where_they_are_filled():
    X = np.ma.array([[1, 2], [3, 4], [5, 6]], mask=[[0, 1], [0, 0], [1, 0]], hard_mask=True)
    result = filled(X, ROWS, COLUMNS, VALUES)
    assert isinstance(result, np.ma.MaskedArray)
    assert not np.ma.getmaskarray(result).any()
    np.testing.assert_array_equal(result.data, [[1, 2.5], [3, 4], [7.25, 6]])


def test_lists_stay_lists():
    assert filled([[1, None], [3, 4], [None, 6]], ROWS, COLUMNS, VALUES) == [
        [1, 2.5], [3, 4], [7.25, 6],
    ]  # fmt: skip
    assert filled((1, None), np.array([1]), np.array([0]), np.array([2.0])) == (1, 2.0)


def test_frames_of_pandas_keep_index_names_and_other_columns():
    X = pd.DataFrame(
        {
            "float": [1 / 3, np.nan, 2.0],
            7: np.array([1, 2, np.nan], dtype=np.float32),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "objects": [1, None, decimal.Decimal("0.5")],
            "kind": pd.Categorical(["a", None, "b"]),
        },
        index=["x", "x", "y"],
    )
    X.attrs["source"] = "here"
    X["objects"] = X["objects"].astype(object)
    before = X.copy()
    rows, columns = np.array([1, 2, 1, 1]), np.array([0, 1, 2, 3])
    result = filled(X, rows, columns, np.array([0.25, 0.1, 2.5, 1.5]))
    pd.testing.assert_frame_equal(X, before)
    assert list(result.columns) == list(X.columns)
    assert list(result.index) == ["x", "x", "y"]
    assert result.attrs == X.attrs
    pd.testing.assert_series_equal(result["kind"], X["kind"])
    assert result.dtypes.astype(str).tolist() == [
        "float64", "float32", "Float64", "float64", "category",
    ]  # fmt: skip
    assert result["float"].tolist() == [1 / 3, 0.25, 2.0]
    assert result[7].tolist() == [1.0, 2.0, float(np.float32(0.1))]
    assert result["whole"].tolist() == [1.0, 2.5, 3.0]
    assert result["objects"].tolist() == [1.0, 1.5, 0.5]


def test_columns_of_arrow_in_pandas():
    X = pd.DataFrame({"a": pd.array([1, None], dtype="int64[pyarrow]")})
    result = filled(X, np.array([1]), np.array([0]), np.array([2.5]))
    assert str(result["a"].dtype) == "double[pyarrow]"
    assert result["a"].tolist() == [1.0, 2.5]


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "pyarrow"])
def test_other_frames_keep_kind_and_other_columns(make):
    X = make({"a": [1 / 3, None, 2.0], "whole": [1, None, 3], "kind": ["a", None, "b"]})
    result = filled(X, np.array([1, 1]), np.array([0, 1]), np.array([0.25, 2.5]))
    assert type(result) is type(X)
    frame = nw.from_native(result)
    assert frame.columns == ["a", "whole", "kind"]
    assert frame["a"].to_list() == [1 / 3, 0.25, 2.0]
    assert frame["whole"].to_list() == [1.0, 2.5, 3.0]
    assert frame["kind"].to_list() == ["a", None, "b"]
    assert nw.from_native(X)["a"].to_list() == [1 / 3, None, 2.0]


@pytest.mark.parametrize("series", [pd.Series([1.0, None], ["p", "q"]), pl.Series([1.0, None])])
def test_a_series_stays_one(series):
    result = filled(series, np.array([1]), np.array([0]), np.array([2.5]))
    assert type(result) is type(series)
    assert result.to_list() == [1.0, 2.5]


def test_objects_of_xarray_keep_coordinates_and_attributes():
    array = xr.DataArray(
        [[1.0, np.nan], [2.0, 3.0], [np.nan, 4.0]],
        coords={"when": [10, 20, 30], "what": ["a", "b"]}, dims=("when", "what"),
        attrs={"unit": "mm"},
    )  # fmt: skip
    result = filled(array, ROWS, COLUMNS, VALUES)
    assert result.attrs == array.attrs
    xr.testing.assert_equal(result.fillna(0) * 0, array.fillna(0) * 0)
    np.testing.assert_array_equal(result, [[1, 2.5], [2, 3], [7.25, 4]])
    dataset = array.to_dataset("what")
    result = filled(dataset, ROWS, COLUMNS, VALUES)
    assert list(result) == ["a", "b"]
    np.testing.assert_array_equal(result["a"], [1, 2, 7.25])
    np.testing.assert_array_equal(result["b"], [2.5, 3, 4])
    assert np.isnan(dataset["a"].values[2])


@pytest.mark.parametrize(
    "X",
    [
        np.array([[1, 2]]),
        [[1, 2]],
        pd.DataFrame({"a": [1], "b": ["x"]}),
        pl.DataFrame({"a": [1]}),
        pa.table({"a": [1]}),
        xr.DataArray([[1, 2]]),
        xr.Dataset({"a": ("row", [1])}),
        pl.Series([1]),
    ],
    ids=lambda X: type(X).__module__,
)
def test_without_missing_cells_a_table_comes_back_as_it_is(X):
    none = np.array([], dtype=int)
    result = filled(X, none, none, np.array([]))
    assert type(result) is type(X)
    if isinstance(X, pa.Table | pl.DataFrame | pl.Series | pd.DataFrame):
        assert result.equals(X)
    elif isinstance(X, xr.DataArray | xr.Dataset):
        assert result.identical(X)
    else:
        np.testing.assert_array_equal(result, X)
        assert np.asarray(result).dtype == np.asarray(X).dtype
