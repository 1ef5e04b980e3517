"""Fill missing cells of a table with numbers, and leave everything else unchanged.

The result has the type of the input: names, order, types and other columns are kept. A column
that gets numbers holds floats afterwards; one of floats keeps its precision.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import numpy as np
from jaxtyping import Float, Int

Places = Int[np.ndarray, " c"]
Values = Float[np.ndarray, " c"]


def filled(X: Any, rows: Places, columns: Places, values: Values) -> Any:
    """Return a copy of a table with numbers in some of its cells.

    Parameters
    ----------
    X : table
        Anything that ``read_source`` reads. Never modified.
    rows, columns : integer arrays, shape (c,)
        Positions of the cells.
    values : array, shape (c,)

    Examples
    --------
    >>> import numpy as np
    >>> from bayesgmm.data.completed import filled
    >>> filled([[1, None], [3, 4]], np.array([0]), np.array([1]), np.array([2.5]))
    [[1, 2.5], [3, 4]]
    """
    if isinstance(X, np.ndarray):
        return _array(X, rows, columns, values)
    if isinstance(X, list | tuple):
        return _sequence(X, rows, columns, values)
    # An object of xarray's cannot exist unless xarray has been imported.
    xarray = sys.modules.get("xarray")
    if xarray is not None and isinstance(X, xarray.DataArray):
        return X.copy(data=_array(X.values, rows, columns, values))
    if xarray is not None and isinstance(X, xarray.Dataset):
        return _dataset(X, rows, columns, values)
    return _frame(X, rows, columns, values)


def _array(X: np.ndarray, rows: Places, columns: Places, values: Values) -> np.ndarray:
    holds_floats = X.dtype.kind in "fO" or rows.size == 0
    result = X.copy() if holds_floats else X.astype(np.float64)
    if isinstance(result, np.ma.MaskedArray):
        result.soften_mask()  # so that writing to a masked cell unmasks it
    result[(rows, columns) if X.ndim == 2 else rows] = values
    return result


def _sequence(X: Any, rows: Places, columns: Places, values: Values) -> Any:
    result = [_unpacked(row) for row in X]
    for row, column, value in zip(rows.tolist(), columns.tolist(), values.tolist(), strict=True):
        if isinstance(result[row], list):
            result[row][column] = value
        else:
            result[row] = value
    return type(X)(result)


def _unpacked(row: Any) -> Any:
    return list(row) if hasattr(row, "__len__") else row


def _dataset(X: Any, rows: Places, columns: Places, values: Values) -> Any:
    result, names = X.copy(deep=True), list(X.data_vars)
    for column, own in _by_column(columns):
        variable = X[names[column]]
        inside = np.zeros(own.size, dtype=int)
        result[names[column]] = variable.copy(
            data=_array(variable.values, rows[own], inside, values[own])
        )
    return result


def _by_column(columns: Places) -> list[tuple[int, np.ndarray]]:
    """Return each column that occurs, and where."""
    return [(int(one), np.flatnonzero(columns == one)) for one in np.unique(columns)]


def _frame(X: Any, rows: Places, columns: Places, values: Values) -> Any:
    import narwhals as nw

    frame = nw.from_native(X, eager_only=True, allow_series=True)
    if isinstance(frame, nw.Series):
        return _column(frame, rows, values).to_native() if rows.size else copy.deepcopy(X)
    new = {
        column: _column(frame[:, column], rows[own], values[own])
        for column, own in _by_column(columns)
    }
    if nw.dependencies.is_pandas_dataframe(X):
        # By position and without the index: neither names nor labels of rows need be unique.
        result = X.copy()
        for column, series in new.items():
            result.isetitem(column, series.to_native().array)
        return result
    return frame.with_columns(*new.values()).to_native()


def _column(series: Any, rows: Places, values: Values) -> Any:
    """Return a series of floats with numbers in some of its cells."""
    import narwhals as nw

    if series.dtype in (nw.Object, nw.Unknown):
        return _from_objects(series, rows, values)
    if not series.dtype.is_float():
        series = series.cast(nw.Float64)
    return series.scatter(rows, values.astype(_width(series.dtype)))


def _from_objects(series: Any, rows: Places, values: Values) -> Any:
    """Do it for numbers and None in one column, each an object of its own."""
    import narwhals as nw

    cells = series.to_numpy().copy()
    cells[rows] = values
    new = nw.new_series(series.name, cells.astype(float), backend=series.implementation)
    index = nw.maybe_get_index(series)
    return new if index is None else nw.maybe_set_index(new, index=index)


def _width(dtype: Any) -> type:
    import narwhals as nw

    return np.float32 if dtype == nw.Float32 else np.float64
