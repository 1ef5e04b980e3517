"""What estimators are given: rows the scikit-learn way, and how often each counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Shaped
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from bayesgmm.data.cells import expect_usable
from bayesgmm.data.dataset import Dataset, default_names, read_table
from bayesgmm.data.readers import unmasked
from bayesgmm.data.weights import read_counts
from bayesgmm.errors import DataError


class TakesMissingCells:
    """What tells scikit-learn that NaN is welcome, a missing cell; to be inherited first."""

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the estimator."""
        estimator: Any = super()  # which this is mixed into
        tags = estimator.__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def read_rows(estimator: BaseEstimator, X: Any, *, fitting: bool = False) -> np.ndarray:
    """Check a table as scikit-learn does, and return it as float64 (n, d); NaN is missing.

    What a masked array masks is missing, too. In a fit, number and names of the features are
    written to the estimator, and two rows are needed; later tables must agree with them.
    """
    rows = validate_data(
        estimator, _plain(X), reset=fitting, dtype=np.float64, order="C",
        ensure_all_finite="allow-nan", ensure_min_samples=2 if fitting else 1,
    )  # fmt: skip
    names = getattr(estimator, "feature_names_in_", default_names(rows.shape[1]))
    expect_usable(rows, tuple(map(str, names)), row_names(X, len(rows)))
    return rows


def _plain(X: Any) -> Any:
    """Return arrays of the kinds that scikit-learn does not know as it knows them."""
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        import pandas as pd

        return pd.DataFrame({name: unmasked(X[name]) for name in X.dtype.names})
    return unmasked(X)


def row_names(X: Any, n_rows: int) -> Shaped[np.ndarray, " n"]:
    """Return what the rows of a table are called: the index of a data frame, or numbers."""
    index = getattr(X, "index", None)
    return np.arange(n_rows) if index is None or callable(index) else np.asarray(index)


def read_sample_weight(sample_weight: Any | None, n_rows: int) -> Float[np.ndarray, " _"]:
    """Return how often each row counts (n,), or nothing (0,) where all count once.

    Raises
    ------
    DataError
        If there is not one weight for each row, one is negative or not finite, or all are zero.
    """
    if sample_weight is None:
        return np.empty(0)
    given = np.asarray(unmasked(sample_weight))
    given = np.full(n_rows, given) if given.ndim == 0 else given
    weights = read_counts(given, np.arange(n_rows))
    if not weights.any():
        raise DataError("sample_weight is zero for every row. Give a row that counts.")
    return weights


def dataset_of(
    estimator: BaseEstimator, rows: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"]
) -> Dataset:
    """Return rows that were read as a table under the names of the estimator's features.

    Raises
    ------
    DataError
        If nothing can be learnt from a column, or weights are too small for a prior.
    """
    table: Any = rows
    if hasattr(estimator, "feature_names_in_"):
        import pandas as pd

        table = pd.DataFrame(rows, columns=estimator.feature_names_in_)
    return read_table(table, weights if weights.size else None)
