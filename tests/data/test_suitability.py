"""Tables that do not suit a question are refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.data.dataset import read_table
from bayesgmm.data.suitability import expect_enough_rows, expect_like_units
from bayesgmm.errors import DataError

VALUES = np.array([[1.0, 10.0], [2.0, 30.0], [4.0, 20.0]])


def test_fewer_rows_than_components_are_refused():
    dataset = read_table(VALUES)
    expect_enough_rows(dataset, 3)
    with pytest.raises(DataError, match="4 components need at least 4 rows; the table has 3"):
        expect_enough_rows(dataset, 4)


def test_features_that_no_common_scale_suits_are_named():
    rows = np.random.default_rng(0).normal(size=(9, 3))
    expect_like_units(read_table(rows * [1e-12, 1.0, 1e12]))
    with pytest.raises(DataError, match=r"'x1' varies .*e-1.. times as much as column 'x2'.*Diag"):
        expect_like_units(read_table(rows * [1.0, 1e-60, 1e60]))
