"""How often rows count: integer weights are repeated rows, and what is no weight is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayesgmm.data.cells import column_quantiles
from bayesgmm.data.dataset import read_table
from bayesgmm.data.suitability import expect_enough_rows
from bayesgmm.errors import DataError

LEVELS = [0.0, 0.05, 0.25, 0.5, 0.77, 1.0]


@pytest.fixture
def rows() -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    rows[np.random.default_rng(1).random(rows.shape) < 0.2] = np.nan
    return rows


@pytest.fixture
def times() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 4, 40)


def test_a_row_of_weight_two_is_two_rows(rows, times):
    weighted, repeated = read_table(rows, times), read_table(np.repeat(rows, times, axis=0))
    for name in ("center", "deviation", "spread", "n_observed"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-12)
    assert weighted.total_weight == repeated.n_rows
    assert weighted.fitted_rows.n_rows == np.sum(times > 0)


def test_quantiles_are_those_of_the_repeated_rows(rows, times):
    found = column_quantiles(rows, times.astype(float), LEVELS)
    expected = np.nanquantile(np.repeat(rows, times, axis=0), LEVELS, axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    once = column_quantiles(rows, np.empty(0), LEVELS)
    np.testing.assert_allclose(once, np.nanquantile(rows, LEVELS, axis=0), rtol=1e-12)


REFUSED = {
    "negative": ([1, 1, -1], "negative, missing or not finite in 1 of 3 rows: row r"),
    "missing": ([1, 1, np.nan], "in 1 of 3 rows: row r"),
    "infinite": ([np.inf, 1, 1], "row p"),
    "none": ([0, 0, 0], "sums to 0.*Multiply"),
    "shares": ([0.2, 0.3, 0.5], "sums to 1; .*at least two"),
    "too few": ([1, 1], r"shape \(2,\); the table has 3 rows"),
    "text": (["a", "b", "c"], "one number for each row"),
}


@pytest.mark.parametrize(("weights", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_weight_is_refused_in_words(weights, message):
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0]}, index=["p", "q", "r"])
    with pytest.raises(DataError, match=message):
        read_table(frame, weights)


def test_rows_that_do_not_count_vary_nothing():
    with pytest.raises(DataError, match="'x0' is constant"):
        read_table([[1.0], [1.0], [5.0]], [1, 1, 0])


def test_weights_must_be_enough_for_the_components():
    dataset = read_table([[1.0], [2.0], [4.0]], [1, 1, 0.5])
    with pytest.raises(DataError, match=r"count 2\.5 times together.*multiply sample_w"):
        expect_enough_rows(dataset, 3)
