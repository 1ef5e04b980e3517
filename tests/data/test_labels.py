"""Labels: what can be known of the component of a row, and how it is written."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayesgmm.data.alongside import read_labels
from bayesgmm.errors import DataError

ROWS = np.array(["p", "q", "r"])
KNOWN = {
    "numbers": ([1, None, 2], [[0, 1, 0], [1, 1, 1], [0, 0, 1]]),
    "scikit-learn's": (np.array([1, -1, 2]), [[0, 1, 0], [1, 1, 1], [0, 0, 1]]),
    "with NaN": (pd.Series([1.0, np.nan, 2.0]), [[0, 1, 0], [1, 1, 1], [0, 0, 1]]),
    "nullable": (pd.array([1, None, 2], dtype="Int64"), [[0, 1, 0], [1, 1, 1], [0, 0, 1]]),
    "categories": (pd.Categorical(["b", None, "a"]), [[0, 1, 0], [1, 1, 1], [1, 0, 0]]),
    "polars": (pl.Series(["b", None, "a"]), [[0, 1, 0], [1, 1, 1], [1, 0, 0]]),
    "pyarrow": (pa.chunked_array([["b", None, "a"]]), [[0, 1, 0], [1, 1, 1], [1, 0, 0]]),
    "sets": ([{0, 1}, (2,), [1, 2]], [[1, 1, 0], [0, 0, 1], [0, 1, 1]]),
    "probabilities": ([{0: 0.9, 2: 0.1}, None, None], [[0.9, 0, 0.1], [1, 1, 1], [1, 1, 1]]),
    "a vector": ([np.array([0.2, 0.3, 0.5]), 0, None], [[0.2, 0.3, 0.5], [1, 0, 0], [1, 1, 1]]),
    "a table": (
        np.array([[0.2, 0.3, 0.5], [np.nan] * 3, [0, 0, 1]]),
        [[0.2, 0.3, 0.5], [1, 1, 1], [0, 0, 1]],
    ),
    "names": (["b", None, "a"], [[0, 1, 0], [1, 1, 1], [1, 0, 0]]),
    "names and sets of them": ([{"a", "b"}, "", {"c": 0.5}], [[1, 1, 0], [1, 1, 1], [0, 0, 0.5]]),
}


@pytest.mark.parametrize(("labels", "expected"), KNOWN.values(), ids=KNOWN)
def test_every_form_is_read(labels, expected):
    found = read_labels(labels, 3, ROWS)
    np.testing.assert_allclose(np.exp(found.label_log_likelihoods), expected, atol=1e-15)


def test_names_come_in_alphabetical_order():
    assert read_labels(["b", "a", None], 3, ROWS).names == ("a", "b")
    assert read_labels([1, 0, None], 3, ROWS).names == ()


REFUSED = {
    "no component": ([0, 5, None], "label 5 of row q names no component; there are 0 to 2"),
    "a fraction": ([0, 0.5, None], "label 0.5 of row q"),
    "a truth value": ([True, None, None], "label True of row p"),
    "too many names": (["a", "b", {"c", "d"}], "name 4 components, a, b, c, d; the model has 3"),
    "too few": ([0, 1], "There are 2 labels for 3 rows"),
    "one": ([0], "There is 1 label for 3 rows"),
    "a wrong table": (np.ones((3, 2)), r"shape \(3, 2\); expected \(3, 3\)"),
    "nothing allowed": ([set(), None, None], "labels of 1 row are no probabilities: row p"),
    "negative": ([{0: -0.5}, None, None], "no probabilities: row p"),
    "above one": (np.full((3, 3), 2.0), "no probabilities: rows p, q, r"),
    "text": ("abc", "one entry for each row"),
}


@pytest.mark.parametrize(("labels", "message"), REFUSED.values(), ids=REFUSED)
def test_other_labels_are_refused_in_words(labels, message):
    with pytest.raises(DataError, match=message):
        read_labels(labels, 3, ROWS)
