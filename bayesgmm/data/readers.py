"""Readers of tables: arrays, lists, data frames and xarray objects as columns.

Only the type of the object is checked here; its cells are checked in
:mod:`bayesgmm.data.dataset`. Only the library of the object is imported: reading a numpy array
imports no data frame library.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm.errors import DataError


@dataclass(frozen=True, eq=False)
class Column:
    """One column as it came: cells of any type, shape (n,), and its type in the user's words."""

    cells: np.ndarray
    kind: str


@dataclass(frozen=True, eq=False)
class Source:
    """A table as it came.

    Attributes
    ----------
    columns : sequence of d columns
        Of equal length, and views of the user's own memory where possible: never to be changed.
    block : array, shape (n, d), or None
        The same cells in one piece, where they came in one piece.
    feature_names : tuple of d strings, or None
        ``None`` where the source has no names.
    row_names : array, shape (n,), or None
    """

    columns: Sequence[Column]
    block: np.ndarray | None = None
    feature_names: tuple[str, ...] | None = None
    row_names: np.ndarray | None = None

    def select(self, order: Sequence[int]) -> Source:
        """Return the table with its columns in the given order; all names must be known."""
        assert self.feature_names is not None
        names = tuple(self.feature_names[index] for index in order)
        block = None if self.block is None else self.block[:, order]
        return Source([self.columns[index] for index in order], block, names, self.row_names)


def read_source(X: Any) -> Source:
    """Find the columns of a table.

    Raises
    ------
    DataError
        If the object is not a table of one or two dimensions.
    """
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        return _from_structured(X)
    if isinstance(X, np.ndarray):
        return _from_array(X)
    if isinstance(X, list | tuple):
        return _from_array(_stacked(X))
    # An object of xarray's cannot exist unless xarray has been imported.
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(X, xarray.DataArray):
        return _from_data_array(X)
    if xarray is not None and isinstance(X, xarray.Dataset):
        return _from_dataset(X)
    return _from_frame(X)


def _from_array(
    X: np.ndarray,
    feature_names: tuple[str, ...] | None = None,
    row_names: np.ndarray | None = None,
) -> Source:
    if X.ndim not in (1, 2):
        raise DataError(
            f"Expected a table of rows and features; got an array of {X.ndim} dimensions, shape "
            f"{X.shape}. Bring it to two, for example with X.reshape(len(X), -1)."
        )
    X = unmasked(X)
    block = X.reshape(-1, 1) if X.ndim == 1 else np.asarray(X)
    columns = [Column(cells, str(block.dtype)) for cells in block.T]
    return Source(columns, block, feature_names, row_names)


def _from_structured(X: np.ndarray) -> Source:
    """Take the fields of a structured array, such as NumPy reads from a file, as columns."""
    if X.ndim != 1:
        raise DataError(
            f"Expected one row for each entry of a structured array; got {X.ndim} dimensions, "
            f"shape {X.shape}. Bring it to one, for example with X.ravel()."
        )
    names = X.dtype.names or ()
    columns = [Column(unmasked(X[name]), str(X.dtype[name])) for name in names]
    return Source(columns, None, tuple(map(str, names)))


def unmasked(X: Any) -> Any:
    """Return a masked array, or a list of them, with NaN or None in place of what is masked.

    Anything else comes back as it is.
    """
    if isinstance(X, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in X):
        return [unmasked(row) for row in X]
    if not isinstance(X, np.ma.MaskedArray):
        return X
    if not np.ma.getmaskarray(X).any():
        return X.data
    if X.dtype.kind in "iuf":
        return np.ma.filled(X.astype(float), np.nan)
    cells = X.data.astype(object)
    cells[np.ma.getmaskarray(X)] = None
    return cells


def _stacked(X: Sequence[Any]) -> np.ndarray:
    X = unmasked(X)
    try:
        block = np.array(X)
    except ValueError as error:
        raise DataError(
            f"The rows of this list do not all have the same length: {error}. "
            "Give every row one number per feature."
        ) from error
    # Numbers beside text would all become text; as objects each cell keeps its own type.
    return block if block.dtype.kind in "biufc" else np.array(X, dtype=object)


def _from_data_array(X: Any) -> Source:
    values = X.values
    row_names = _labels_along(X, X.dims[0]) if values.ndim in (1, 2) else None
    feature_names = None
    if values.ndim == 2:
        labels = _labels_along(X, X.dims[1])
        feature_names = None if labels is None else tuple(str(label) for label in labels)
    elif X.name is not None:
        feature_names = (str(X.name),)
    return _from_array(values, feature_names, row_names)


def _from_dataset(X: Any) -> Source:
    dims = {name: variable.dims for name, variable in X.data_vars.items()}
    odd = [name for name, own in dims.items() if len(own) != 1]
    if odd or len(set(dims.values())) > 1:
        raise DataError(
            f"Every variable of an xarray Dataset must have one and the same dimension, the rows; "
            f"got {dims}. Select variables that do, or pass one DataArray with dimensions "
            "(row, feature)."
        )
    columns = [Column(variable.values, str(variable.dtype)) for variable in X.data_vars.values()]
    row_names = _labels_along(X, next(iter(dims.values()))[0]) if dims else None
    return Source(columns, None, tuple(str(name) for name in dims), row_names)


def _labels_along(X: Any, dim: str) -> np.ndarray | None:
    return as_labels(X.coords[dim].values) if dim in X.coords else None


def _from_frame(X: Any) -> Source:
    import narwhals as nw

    try:
        frame = nw.from_native(X, eager_only=True, allow_series=True)
    except nw.exceptions.DuplicateError as error:
        raise _duplicates(getattr(X, "column_names", getattr(X, "columns", ()))) from error
    except TypeError as error:
        raise _unknown_kind(X) from error
    if isinstance(frame, nw.Series):
        names: tuple[str, ...] | None = (str(frame.name),) if frame.name not in (None, "") else None
        series = [frame]
    else:
        names = tuple(str(name) for name in frame.columns)
        series = list(frame.iter_columns())
    index = nw.maybe_get_index(frame)
    row_names = None if index is None else as_labels(index.to_numpy())
    return Source([_as_column(one) for one in series], None, names, row_names)


def _as_column(series: Any) -> Column:
    kind = str(series.dtype)
    cells = series.to_numpy()
    if kind in ("Categorical", "Enum"):
        # Categories named 1, 2, 3 are still names.
        cells = np.array([str(cell) for cell in cells], dtype=object)
    return Column(cells, kind)


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Row labels that can be stored with a result: numbers and dates as they are, or text."""
    if labels.dtype.kind in "iufMm":
        return labels.copy()
    joined = [", ".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in labels]
    expect_storable("The name of a row,", joined)
    return np.array(joined, dtype=str)


def _duplicates(names: Iterable[Any]) -> DataError:
    repeated = [str(name) for name, count in Counter(map(str, names)).items() if count > 1]
    return DataError(
        f"Every column needs a name of its own; used more than once: {repeated}. "
        "Rename or drop the copies."
    )


def _unknown_kind(X: Any) -> DataError:
    if X is None:
        remedy = "Did a function that should return the table return nothing?"
    elif isinstance(X, str | os.PathLike):
        remedy = "If it names a file, read it first, for example with pandas.read_csv(X)."
    elif isinstance(X, Mapping):
        remedy = "Convert it first with pandas.DataFrame(X)."
    elif hasattr(X, "collect"):
        remedy = "It is not computed yet: call X.collect() first."
    elif hasattr(X, "toarray"):
        remedy = "It is sparse: call X.toarray() first."
    else:
        remedy = "Convert it first, for example with numpy.asarray(X) or pandas.DataFrame(X)."
    return DataError(
        "Expected a numpy array, a list of rows, a pandas, polars or pyarrow table, or an xarray "
        f"object; got {_kind_of(X)}. {remedy}"
    )


def _kind_of(X: Any) -> str:
    return "None" if X is None else f"{type(X).__module__}.{type(X).__qualname__}"


def expect_distinct(names: Sequence[str]) -> None:
    """Raise a ``DataError`` if a name occurs twice."""
    if len(set(names)) < len(names):
        raise _duplicates(names)


def expect_storable(what: str, names: Collection[str]) -> None:
    """Raise a ``DataError`` if a name holds characters that files cannot store."""
    together = "".join(names)
    if "\0" not in together and _is_text(together):
        return
    for name in names:
        if "\0" in name or not _is_text(name):
            raise DataError(
                f"{what} {name!r} holds a character that cannot be stored in a file. Rename it, "
                "without \\x00 and without the surrogates that a wrong encoding leaves."
            )


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
