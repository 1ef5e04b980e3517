"""Tables in which every row stands once."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm.estimators import em_runs as module
from bayesgmm.estimators.em_runs import at_least, distinct_rows, is_table_of_counts
from bayesgmm.numerics.rows import RowsInMemory

ALL_ONCE = np.empty(0)


def test_the_table_does_not_depend_on_order_repeats_and_absent_rows():
    rng = np.random.default_rng(0)
    X, counts = rng.normal(size=(50, 3)), rng.integers(0, 4, size=50)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[0], counts[0] = np.nan, 2  # says nothing
    order = rng.permutation(counts.sum())
    one = distinct_rows(X, counts.astype(float))
    other = distinct_rows(np.repeat(X, counts, axis=0)[order], ALL_ONCE)
    assert_array_equal(one.values, other.values)
    assert_array_equal(one.weights, other.weights)
    assert one.weights.sum() == counts[1:].sum()


def test_rows_that_all_differ_are_plain():
    X = np.random.default_rng(0).normal(size=(20, 2))
    rows = distinct_rows(X, ALL_ONCE)
    assert rows.is_plain
    assert_array_equal(np.sort(rows.values, axis=0), np.sort(X, axis=0))


def test_zeros_and_missing_cells_of_any_sign_are_the_same():
    rows = distinct_rows(
        np.array([[0.0, 1.0], [-0.0, 1.0], [np.nan, 1.0], [-np.nan, 1.0]]), ALL_ONCE
    )
    assert_array_equal(np.sort(rows.weights), [2.0, 2.0])


def test_rows_of_one_code_are_still_told_apart(monkeypatch):
    monkeypatch.setattr(module, "_codes", lambda values: np.zeros(len(values), dtype=np.uint64))
    X = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])
    rows = distinct_rows(X, ALL_ONCE)
    assert_array_equal(rows.values, X[:2])
    assert_array_equal(rows.weights, [2.0, 1.0])


def test_a_table_of_counts_repeats_half_of_its_rows():
    X = np.arange(10.0)[:, None]
    assert not is_table_of_counts(X, 2)
    assert is_table_of_counts(np.tile(X, (2, 1)), 2)
    assert not is_table_of_counts(np.tile(X, (2, 1)), 11)  # too few to start on
    assert not is_table_of_counts(np.concatenate([X, X[:5]]), 2)


def test_a_long_table_of_counts_is_known_from_some_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 1))
    assert is_table_of_counts(rng.permutation(np.tile(X, (2, 1))), 2)
    assert not is_table_of_counts(np.concatenate([X, X[:9_999]]), 2)
    assert not is_table_of_counts(rng.normal(size=(20_000, 1)), 2)


def test_few_rows_are_written_out_for_what_they_count():
    rows = at_least(RowsInMemory(np.array([[1.0], [2.0]])), 3)
    assert rows.values.shape == (4, 1)
    assert_allclose(rows.weights, 0.5)
