"""The validated table of numbers. Input is checked here and nowhere else.

Axes: rows n, features d.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from bayesgmm.data.alongside import in_order_of_rows, read_labels, read_weights
from bayesgmm.data.cells import (
    are_plain,
    as_numbers,
    column_quantiles,
    expect_observed,
    expect_usable,
    expect_variation,
    over_rows,
    warn_of_empty_rows,
)
from bayesgmm.data.readers import Source, expect_distinct, expect_storable, read_source
from bayesgmm.digits import counted
from bayesgmm.errors import DataError
from bayesgmm.numerics.rows import RowsInMemory, told

_NORMAL_IQR, _NORMAL_90 = 1.349, 3.290
"""Widths of the central 50 % and 90 % of a normal distribution with standard deviation 1."""

_FINEST = 3.5e-5
"""Of the spread: what counts as recorded at most, for correlations up to 1 - 1e-9 (sqrt(12) 1e-5).

A partial standard deviation then is 4.5e-5 of the standard deviation, above this over sqrt(12).
"""

_SAME, _ROUNDING = 1e-9, 4e-15
"""Tolerance of equal values: relative to the spread of their column, and to themselves."""

_ROWS_LOOKED_AT = 100_000  # for the resolution


@dataclass(frozen=True, eq=False)
class Dataset:
    """A checked table: numbers, missing cells, named features, named rows, weights and labels.

    Attributes
    ----------
    values : array, shape (n, d)
        Float64, rows contiguous, read-only; NaN where a cell is missing.
    feature_names : tuple of d strings
    row_names : array, shape (n,)
        The labels of the rows: the index of a data frame, the coordinate of an xarray object, or
        0, 1, 2, ...
    weights : array, shape (n,) or (0,)
        How often each row counts; none where all count once.
    label_log_likelihoods : array, shape (n, k) or (0, 0)
        Label log likelihoods of the components of rows, see ``alongside.py``; empty without
        labels.
    component_names : tuple of strings
        Of the first components, where labels gave names.
    rows_are_named : bool
        Whether names came with the table; if not, they are its places.

    Examples
    --------
    >>> from bayesgmm.data.dataset import read_table
    >>> dataset = read_table([[1.0, 10.0], [2.0, 30.0], [3.0, 50.0]])
    >>> dataset.feature_names
    ('x0', 'x1')
    >>> dataset.center
    array([ 2., 30.])
    """

    values: Float[np.ndarray, "n d"]
    feature_names: tuple[str, ...]
    row_names: Shaped[np.ndarray, " n"]
    weights: Float[np.ndarray, " _"] = field(default_factory=lambda: np.empty(0))
    label_log_likelihoods: Float[np.ndarray, "_ _"] = field(
        default_factory=lambda: np.empty((0, 0))
    )
    component_names: tuple[str, ...] = ()
    rows_are_named: bool = True

    def __post_init__(self) -> None:
        # A view, so that the caller's array remains writable.
        view = np.ascontiguousarray(self.values, dtype=np.float64).view()
        view.flags.writeable = False
        object.__setattr__(self, "values", view)

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return self.values.shape[0]

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self.values.shape[1]

    @property
    def counts(self) -> Float[np.ndarray, " n"]:
        """How often each row counts: its weight, or one."""
        return self.weights if self.weights.size else np.ones(self.n_rows)

    @property
    def total_weight(self) -> float:
        """How often all rows count together; n, where each counts once."""
        return float(self.weights.sum()) if self.weights.size else float(self.n_rows)

    @cached_property
    def has_gaps(self) -> bool:
        """Whether cells are missing."""
        return not are_plain(self.values) and bool(np.isnan(self.values).any())

    @cached_property
    def blank(self) -> Bool[np.ndarray, " n"]:
        """The rows without information: no observed cell, and no informative label."""
        if not self.has_gaps:
            return np.zeros(self.n_rows, dtype=bool)
        blank = np.isnan(self.values).all(axis=1)
        if self.label_log_likelihoods.size:
            blank &= (self.label_log_likelihoods == self.label_log_likelihoods[:, :1]).all(axis=1)
        return blank

    @cached_property
    def rows(self) -> RowsInMemory:
        """The rows as numerics take them, for questions about each."""
        rows = RowsInMemory(self.values, self.weights, self.label_log_likelihoods)
        return told(rows, has_gaps=self.has_gaps)

    @cached_property
    def is_fitted(self) -> Bool[np.ndarray, " n"]:
        """Whether each row is fitted: its weight is positive, and it has some information."""
        return (self.weights > 0) & ~self.blank if self.weights.size else ~self.blank

    @cached_property
    def fitted(self) -> Dataset:
        """The fitted rows, which are those that criteria count."""
        return self if self.is_fitted.all() else self.subset(np.flatnonzero(self.is_fitted))

    @property
    def fitted_rows(self) -> RowsInMemory:
        """The same rows as numerics take them."""
        return self.fitted.rows

    @cached_property
    def checksum(self) -> str:
        """The SHA-256 of the cells, as little-endian doubles row by row, with one NaN.

        Examples
        --------
        >>> from bayesgmm.data.dataset import read_table
        >>> read_table([[1.0, 3.0], [2.0, float("nan")], [3.0, 5.0]]).checksum[:8]
        'e00781d0'
        """
        cells = np.where(np.isnan(self.values), np.nan, self.values).astype("<f8")
        return hashlib.sha256(np.ascontiguousarray(cells).tobytes()).hexdigest()

    def labeled(self, labels: Any | None, n_components: int) -> Dataset:
        """Return the table with labels of its rows.

        Raises
        ------
        DataError
            If labels name no component, or there is not one for each row.
        """
        if labels is None:
            return self
        known = read_labels(self.in_order("labels", labels), n_components, self.row_names)
        return replace(
            self, label_log_likelihoods=known.label_log_likelihoods, component_names=known.names
        )

    def for_components(self, n_components: int) -> Dataset:
        """Return the table with what labels say of the first components only."""
        known = self.label_log_likelihoods
        if not known.size or known.shape[1] == n_components:
            return self
        names = self.component_names[:n_components]
        return replace(self, label_log_likelihoods=known[:, :n_components], component_names=names)

    def in_order(self, argument: str, values: Any) -> Any:
        """Return one entry for each row in their order, see :func:`in_order_of_rows`."""
        names = self.row_names if self.rows_are_named else None
        return in_order_of_rows(values, names, argument)

    def subset(self, chosen: Int[np.ndarray, " m"]) -> Dataset:
        """Return some of the rows."""
        parts = {
            name: values[chosen] if values.shape[0] else values
            for name in ("values", "row_names", "weights", "label_log_likelihoods")
            for values in [getattr(self, name)]
        }
        return replace(self, **parts)

    def evenly(self, most: int) -> Dataset:
        """Return so many rows at most, at equal distances."""
        return self.subset(np.arange(0, self.n_rows, -(-self.n_rows // most)))

    def on_scale(self, shift: Float[np.ndarray, " d"], factor: Float[np.ndarray, " d"]) -> Dataset:
        """Return the table of (x - shift) / factor; what was found of its columns comes along."""
        values = self.values - shift
        values /= factor
        moved, found = replace(self, values=values), vars(self)
        vars(moved).update({name: found[name] for name in ("has_gaps", "blank") if name in found})
        if "spread" in found:
            vars(moved)["spread"] = found["spread"] / factor
        return moved

    def without_labels(self) -> Dataset:
        """Return the table without labels."""
        return replace(self, label_log_likelihoods=np.empty((0, 0)), component_names=())

    @property
    def n_observed(self) -> Float[np.ndarray, " d"]:
        """How many cells are observed of each column, as often as their rows count."""
        if not self.has_gaps:
            return np.full(self.n_features, self.total_weight)
        observed = ~np.isnan(self.values)
        return self.weights @ observed if self.weights.size else observed.sum(axis=0).astype(float)

    @cached_property
    def center(self) -> Float[np.ndarray, " d"]:
        """Mean of each column."""
        # The second pass removes what rounding left in the first, which matters where a column
        # lies far from zero compared with its spread.
        rough = self._mean(self.values)
        return rough + self._mean(self.values - rough)

    @cached_property
    def deviation(self) -> Float[np.ndarray, " d"]:
        """Standard deviation of each column, divisor n - 1."""
        centered = self._filled(self.values - self.center)
        weighted = self.weights[:, None] * centered if self.weights.size else centered
        squares = np.einsum("ij,ij->j", weighted, centered)
        return np.sqrt(squares / np.maximum(self.n_observed - 1, 1))

    @cached_property
    def spread(self) -> Float[np.ndarray, " d"]:
        """Typical spread of each column, which a few outliers do not change.

        The interquartile range, or where that is zero the range of the central 90 %, divided by
        its value for a normal distribution of unit variance; where both are zero, or if it is
        smaller, the standard deviation.
        """
        ends = column_quantiles(self.values, self.weights, [0.05, 0.25, 0.75, 0.95])
        low, first, third, high = ends
        half, most = (third - first) / _NORMAL_IQR, (high - low) / _NORMAL_90
        typical = np.where(half > 0, half, np.where(most > 0, most, self.deviation))
        return np.minimum(typical, self.deviation)

    @cached_property
    def resolution(self) -> Float[np.ndarray, " d"]:
        """How finely each column was recorded.

        The smallest distance between different values, or 3.5e-5 of the spread if that is more;
        values nearer than a billionth of the spread are the same. Of long tables rows at equal
        distances are looked at.
        """
        few = np.sort(self.values[:: -(-self.n_rows // _ROWS_LOOKED_AT)], axis=0)  # NaN last
        gaps = np.diff(few, axis=0)
        same = np.maximum(_SAME * self.spread, _ROUNDING * np.abs(few[1:]))
        real = np.where(gaps > same, gaps, np.inf).min(axis=0, initial=np.inf)
        smallest = np.where(np.isfinite(real), real, 0.0)
        return np.maximum(smallest, _FINEST * self.spread)

    def _mean(self, values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
        """Return the mean of what is observed of each column."""
        filled = self._filled(values)
        total = self.weights @ filled if self.weights.size else over_rows(np.add, filled)
        return total / self.n_observed

    def _filled(self, values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Return values with zero where a cell is missing."""
        return np.nan_to_num(values) if self.has_gaps else values


def read_table(X: Any, sample_weight: Any | None = None) -> Dataset:
    """Read and check a table to fit a mixture to.

    Parameters
    ----------
    X : table of n rows and d features
        A numpy array or list of rows (one dimension: one feature), a pandas, polars or pyarrow
        table, a pandas or polars series, an xarray ``DataArray`` (its last dimension: features)
        or ``Dataset`` (one variable per feature). Never modified. NaN and null are missing cells.
    sample_weight : array, shape (n,), optional
        How often each row counts; matched by name where both it and the table have names.

    Returns
    -------
    Dataset
        A copy as float64, with the names of features and rows.

    Raises
    ------
    DataError
        If the table has no or one row, no columns, columns that are not numeric, are constant or
        have no observed cell, cells that are infinite or beyond 1e100, or two columns of one
        name; or if weights are negative, not finite, or too few.

    Warns
    -----
    BayesGMMWarning
        If rows have no observed cell; the message names them.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesgmm.data.dataset import read_table
    >>> read_table(pd.DataFrame({"length": [1, 2], "width": [4, 3]})).feature_names
    ('length', 'width')
    """
    source = read_source(X)
    dataset = _checked(source, source.feature_names or default_names(len(source.columns)))
    if sample_weight is not None:
        given = dataset.in_order("sample_weight", sample_weight)
        weights = read_weights(given, dataset.row_names)
        dataset = replace(dataset, weights=weights)
    if dataset.n_rows == 1 and dataset.total_weight < 2:
        raise DataError(
            "The table has one row; at least two are needed to estimate a spread. "
            "Is it transposed? Rows come first, features second."
        )
    counted = dataset.values[dataset.weights > 0] if dataset.weights.size else dataset.values
    expect_observed(counted, dataset.feature_names)
    expect_variation(counted, dataset.deviation, dataset.feature_names)
    warn_of_empty_rows(dataset.values, dataset.row_names)
    return dataset


def read_like(X: Any, feature_names: Sequence[str]) -> Dataset:
    """Read new rows for a model whose features are known.

    Columns that carry names are matched by name, in whatever order they come; without names, by
    position. A model fitted to columns without names takes named ones by position.

    Parameters
    ----------
    X : table of n rows and d features
        Anything that :func:`read_table` reads; one row is enough.
    feature_names : sequence of d strings
        The features of the model, in its order.

    Returns
    -------
    Dataset
        With the features in the order of ``feature_names``.

    Raises
    ------
    DataError
        If features are missing or unknown, or for the cells that :func:`read_table` refuses.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesgmm.data.dataset import read_like
    >>> read_like(pd.DataFrame({"b": [2.0], "a": [1.0]}), ["a", "b"]).values
    array([[1., 2.]])
    """
    wanted = tuple(feature_names)
    source = read_source(X)
    if source.feature_names is not None:
        source = _matched(source, source.feature_names, wanted)
    _expect_width(source, wanted)
    return _checked(source, wanted)


def read_among(X: Any, feature_names: Sequence[str]) -> tuple[Dataset, Int[np.ndarray, " d"]]:
    """Read the features of a model out of a table that may have further columns.

    Parameters
    ----------
    X : table
        As for :func:`read_like`. Where columns carry names, those that are not features are passed
        over, whatever they contain.
    feature_names : sequence of d strings

    Returns
    -------
    Dataset
        With the features in the order of ``feature_names``.
    integer array, shape (d,)
        The positions of the features among the columns of the table.

    Raises
    ------
    DataError
        As :func:`read_like` does, but for further columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesgmm.data.dataset import read_among
    >>> dataset, positions = read_among(pd.DataFrame({"sex": ["f"], "b": [2.0]}), ["b"])
    >>> positions
    array([1])
    """
    wanted = tuple(feature_names)
    source = read_source(X)
    names, positions = source.feature_names, np.arange(len(wanted))
    if names is not None and set(wanted) <= set(names):
        expect_distinct(names)
        positions = np.array([names.index(name) for name in wanted])
        source = source.select(positions.tolist())
    elif names is not None:
        source = _matched(source, names, wanted)
    _expect_width(source, wanted)
    return _checked(source, wanted), positions


def default_names(n_features: int) -> tuple[str, ...]:
    """Names for features that came without: x0, x1, ..."""
    return tuple(f"x{index}" for index in range(n_features))


def _matched(source: Source, names: tuple[str, ...], wanted: tuple[str, ...]) -> Source:
    expect_distinct(names)
    if set(names) == set(wanted):
        return source.select([names.index(name) for name in wanted])
    if wanted == default_names(len(wanted)):
        return source
    missing = [name for name in wanted if name not in names]
    unknown = [name for name in names if name not in wanted]
    raise DataError(
        f"The columns are not those of the model. Missing: {missing}; unknown: {unknown}. "
        f"Pass the columns {list(wanted)}, in any order."
    )


def _expect_width(source: Source, wanted: tuple[str, ...]) -> None:
    n_columns, n_features = len(source.columns), len(wanted)
    if n_columns == n_features:
        return
    is_one_row = n_columns == 1 and len(source.columns[0].cells) == n_features
    remedy = (
        "If it is one row, pass X.reshape(1, -1)."
        if is_one_row
        else f"Pass the columns {list(wanted)}, in this order."
    )
    raise DataError(
        f"The model has {n_features} features {list(wanted)}; the table has "
        f"{counted(n_columns, 'column')}. {remedy}"
    )


def _checked(source: Source, feature_names: tuple[str, ...]) -> Dataset:
    n_features = len(source.columns)
    if n_features == 0 or len(source.columns[0].cells) == 0:
        raise DataError(
            f"The table is empty: it has no {'rows' if n_features else 'columns'}. Rows of numbers "
            "are needed. Did a selection or dropna() remove everything?"
        )
    expect_distinct(feature_names)
    expect_storable("The name of a column,", feature_names)
    values = as_numbers(source, feature_names)
    row_names = np.arange(len(values)) if source.row_names is None else source.row_names
    expect_usable(values, feature_names, row_names)
    are_named = source.row_names is not None
    return Dataset(values, feature_names, row_names, rows_are_named=are_named)
