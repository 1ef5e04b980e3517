"""What is given beside a table is matched with its rows by name, or refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import bayesgmm as bg
from bayesgmm.data.alongside import in_order_of_rows
from bayesgmm.data.dataset import read_table

NAMES = ["a", "b", "c", "d"]
TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0, 10.0]}, index=NAMES)
WEIGHTS = pd.Series([1.0, 1.0, 1.0, 5.0], index=NAMES)


def weighted_mean(table, weights):
    return float(read_table(table, weights).center[0])


@pytest.mark.parametrize("table", [TABLE, TABLE.reset_index(drop=True)], ids=["names", "numbers"])
def test_a_shuffled_series_weighs_the_rows_that_it_names(table):
    weights = WEIGHTS.set_axis(table.index)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        assert weighted_mean(table, weights.iloc[order]) == pytest.approx(56 / 8)


def test_a_series_may_have_entries_for_rows_that_were_left_out():
    assert weighted_mean(TABLE.loc[["d", "a"]], WEIGHTS) == pytest.approx(51 / 6)


@pytest.mark.parametrize(
    ("table", "weights"),
    [
        (TABLE, WEIGHTS.to_numpy()),
        (TABLE, WEIGHTS.tolist()),
        (TABLE, WEIGHTS.reset_index(drop=True)),
        (TABLE.set_axis([0, 2, 5, 7]), WEIGHTS.reset_index(drop=True)),
        (TABLE.reset_index(drop=True), WEIGHTS),
        (TABLE.to_numpy(), WEIGHTS.set_axis([3, 2, 1, 0])),
        (TABLE.set_axis(list("aabb")), WEIGHTS.set_axis(list("aabb"))),
    ],
    ids=["array", "list", "numbering", "numbering of chosen rows", "table without names",
         "array without names", "twins in one order"],
)  # fmt: skip
def test_places_count_where_one_side_has_no_names(table, weights):
    assert weighted_mean(table, weights) == pytest.approx(56 / 8)


def test_labels_are_matched_too_also_for_new_rows():
    labels = pd.Series([1, 0, None, {0: 0.3, 1: 0.7}], index=["d", "a", "b", "c"], dtype=object)
    data = read_table(TABLE).labeled(labels, 2)
    expected = [[1, 0], [1, 1], [0.3, 0.7], [0, 1]]
    np.testing.assert_allclose(np.exp(data.label_log_likelihoods), expected)
    table = pd.DataFrame(np.eye(4)[:, :2] + 0.5, index=NAMES).clip(upper=1.0)
    shuffled = read_table(TABLE).labeled(table.iloc[::-1], 2)
    np.testing.assert_allclose(np.exp(shuffled.label_log_likelihoods), table)


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(
        bg.DataError, match=r"no entry for 1 of 4 rows: row d.*sample_weight.to_numpy"
    ):
        read_table(TABLE, WEIGHTS.set_axis(["a", "b", "c", "e"]))
    with pytest.raises(bg.DataError, match="several entries for row a"):
        read_table(TABLE, WEIGHTS.reindex([*NAMES, "a"]))
    with pytest.raises(bg.DataError, match="labels has no entry"):
        read_table(TABLE).labeled(pd.Series([0, 0, 0, 1], index=list("wxyz")), 2)


def test_dates_match_dates():
    days = pd.date_range("2026-01-01", periods=3)
    given = in_order_of_rows(pd.Series([1, 2, 3], index=days[::-1]), days.to_numpy(), "labels")
    assert given.tolist() == [3, 2, 1]
