"""Rows, names and weights as estimators read them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

import bayesgmm as bg
from bayesgmm.estimators.conventions import (
    TakesMissingCells,
    dataset_of,
    read_rows,
    read_sample_weight,
)


class Reader(TakesMissingCells, BaseEstimator):
    pass


def test_rows_are_read_with_the_names_of_features_and_with_gaps():
    table = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [4, 5, 6]})
    reader = Reader()
    rows = read_rows(reader, table, fitting=True)
    assert_array_equal(rows, table.to_numpy(dtype=float))
    assert list(reader.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        read_rows(reader, table[["b", "a"]])
    assert dataset_of(reader, rows, np.empty(0)).feature_names == ("a", "b")


def test_what_is_masked_is_missing():
    rows = np.ma.masked_array(
        [[1.0, 2.0], [-999.0, 4.0], [5.0, 6.0]], mask=[[0, 0], [1, 0], [0, 0]]
    )
    expected = np.array([[1.0, 2.0], [np.nan, 4.0], [5.0, 6.0]])
    for table in (rows, rows.astype(int), list(rows)):
        reader = Reader()
        assert_array_equal(read_rows(reader, table, fitting=True), expected)
        assert_array_equal(read_rows(reader, table), expected)


def test_records_are_read_by_their_fields():
    rows = np.array([(1.0, 2), (3.0, 4)], dtype=[("a", float), ("b", int)])
    reader = Reader()
    assert_array_equal(read_rows(reader, rows, fitting=True), [[1.0, 2.0], [3.0, 4.0]])
    assert list(reader.feature_names_in_) == ["a", "b"]


def test_cells_that_cannot_be_squared_are_refused():
    rows = np.array([[1.0, 1e170], [2.0, -1e170], [3.0, 0.0]])
    reader = Reader()
    with pytest.raises(bg.DataError, match=r"2 of 3 rows have cells beyond 1e\+100.*'x1' \(2\)"):
        read_rows(reader, rows, fitting=True)
    read_rows(reader, np.ones((3, 2)), fitting=True)
    with pytest.raises(bg.DataError, match="in another unit"):
        read_rows(reader, rows)


def test_the_tags_say_that_cells_may_be_missing():
    assert Reader().__sklearn_tags__().input_tags.allow_nan


def test_weights_are_one_for_each_row_or_none():
    assert read_sample_weight(None, 3).size == 0
    assert_array_equal(read_sample_weight([1, 0, 2], 3), [1.0, 0.0, 2.0])
    assert_array_equal(read_sample_weight(2, 3), [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ([1.0, 2.0], "one number for each row"),
        ([[1.0], [2.0], [3.0]], "one number for each row"),
        (["a", "b", "c"], "one number for each row"),
        ([1.0, -1.0, 1.0], "negative"),
        ([1.0, np.nan, 1.0], "negative, missing"),
        ([0.0, 0.0, 0.0], "zero for every row"),
        (np.ma.masked_array([1.0, 9.0, 1.0], mask=[0, 1, 0]), "negative, missing"),
    ],
)
def test_other_weights_are_refused(weights, complaint):
    with pytest.raises(bg.DataError, match=complaint):
        read_sample_weight(weights, 3)
