"""Validation of cells: finite numbers of a size that can be squared, not constant; or missing.

Axes: rows n, features d. Sums, extremes and quantiles of columns take about one pass.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from bayesgmm.data.readers import Column, Source
from bayesgmm.digits import listed, plural
from bayesgmm.errors import DataError, warn

_FOLD = 64  # rows that are taken together as one long one


def over_rows(operation: np.ufunc, values: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Return ``operation.reduce(values, axis=0)``, up to the order of the rows.

    Along rows of a few cells NumPy takes ten times as long for each as along long ones.
    """
    n_rows, d = values.shape
    folds = n_rows // _FOLD
    if not folds or not values.flags.c_contiguous:
        return operation.reduce(values, axis=0)
    long = values[: folds * _FOLD].reshape(folds, _FOLD * d)
    parts = [operation.reduce(long, axis=0).reshape(_FOLD, d), values[folds * _FOLD :]]
    return operation.reduce(np.concatenate(parts), axis=0)


def column_quantiles(
    values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"], levels: Sequence[float]
) -> Float[np.ndarray, "levels d"]:
    """Return quantiles of what is observed of each column; rows count ``weights`` times, or once.

    They interpolate linearly between neighbors, as NumPy does by default, so that a row of
    weight 2 is the same as two rows.
    """
    columns = []
    for column in values.T:
        observed = ~np.isnan(column)
        if weights.size:
            order = np.argsort(column[observed])
            cells, ends = column[observed][order], np.cumsum(weights[observed][order])
        else:
            cells = np.sort(column[observed])
            ends = np.arange(1.0, cells.size + 1)
        columns.append(_quantiles(cells, ends, np.asarray(levels)))
    return np.stack(columns, axis=1)


def _quantiles(values: np.ndarray, ends: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Interpolate in the list in which every value stands as often as it counts.

    ``values`` rise, and so does the number of entries up to each of them, ``ends``.
    """
    places = levels * max(ends[-1] - 1, 0)
    below = np.floor(places + 1e-9)  # sums of weights have rounding errors
    last = values.size - 1

    def value_at(place: np.ndarray) -> np.ndarray:
        return values[np.minimum(np.searchsorted(ends, place + 1e-9, side="right"), last)]

    low, high = value_at(below), value_at(below + 1)
    return low + (places - below) * (high - low)


_LARGEST, _SMALLEST = 1e100, 1e-100
"""Limits of cells and of standard deviations: squares and their sums must stay representable."""


def as_numbers(source: Source, feature_names: tuple[str, ...]) -> Float[np.ndarray, "n d"]:
    """Return the cells as a new array of floats, or name every column that holds others."""
    if source.block is not None and source.block.dtype.kind in "iuf":
        return _converted(source.block)
    complaints = [
        complaint
        for name, column in zip(feature_names, source.columns, strict=True)
        if (complaint := _complaint(name, column)) is not None
    ]
    if complaints:
        remedy = (
            "Use the real and imaginary parts, or the magnitude, as features."
            if any(np.iscomplexobj(column.cells) for column in source.columns)
            else "Leave such columns out, or convert those that do measure something, for example "
            "with X.astype(float)."
        )
        raise DataError(f"Numbers are needed in every column. {' '.join(complaints)} {remedy}")
    return np.stack([_converted(column.cells) for column in source.columns], axis=1)


def _converted(cells: np.ndarray) -> np.ndarray:
    """Return a new array of floats; overflow is left for ``expect_usable``."""
    with np.errstate(over="ignore"):  # floats of more than 64 bits become infinite
        try:
            return np.array(cells, dtype=np.float64, order="C")
        except (OverflowError, ValueError):  # long whole numbers and fractions, signalling NaN
            return np.array([_nearest_float(cell) for cell in cells])


def _nearest_float(cell: Any) -> float:
    try:
        return np.nan if cell is None else float(cell)
    except OverflowError:
        largest = np.finfo(float).max
        return largest if cell > 0 else -largest
    except ValueError:
        return np.nan


def _complaint(name: str, column: Column) -> str | None:
    """Return a message on the type of a column, or ``None``."""
    others = _cells_without_number(column.cells)
    if not others:
        return None
    return (
        f"Column {name!r} has type {column.kind}: {len(others)} of {len(column.cells)} cells "
        f"{plural(len(others), 'is not a number', 'are not numbers')}"
        f", for example {_shown(others[0])}."
    )


def _cells_without_number(cells: np.ndarray) -> list[Any]:
    if cells.ndim == 1 and cells.dtype.kind in "iuf":
        return []
    if cells.ndim == 1 and cells.dtype.kind == "O":
        return [cell for cell in cells if not _is_number_or_missing(cell)]
    return list(cells)


def _is_number_or_missing(cell: Any) -> bool:
    is_number = isinstance(cell, numbers.Real | Decimal) and not isinstance(cell, bool)
    return cell is None or is_number


def _shown(cell: Any, limit: int = 40) -> str:
    text = repr(str(cell)) if isinstance(cell, str) else str(cell)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def are_plain(values: Float[np.ndarray, "n d"]) -> bool:
    """Whether one pass shows that every cell is observed and not too large."""
    cells = values.ravel(order="K")
    return bool(np.vdot(cells, cells) <= _LARGEST**2)


def expect_usable(
    values: Float[np.ndarray, "n d"],
    feature_names: tuple[str, ...],
    row_names: Shaped[np.ndarray, " n"],
) -> None:
    """Raise a ``DataError`` that counts and names cells that are infinite or too large.

    NaN is a missing cell, and usable.
    """
    if are_plain(values):
        return
    unusable = np.abs(values) > _LARGEST  # false for NaN
    rows = np.flatnonzero(unusable.any(axis=1))
    if rows.size == 0:
        return
    counts = zip(feature_names, unusable.sum(axis=0), strict=True)
    columns = ", ".join(f"{name!r} ({count})" for name, count in counts if count)
    if np.isfinite(values[unusable]).all():
        trouble, remedy = f"cells beyond {_LARGEST:g}", "Give these columns in another unit."
    else:
        trouble = "infinite cells"
        remedy = "Write NaN for what was not measured, or drop these rows."
    raise DataError(
        f"{rows.size} of {len(values)} rows {plural(rows.size, 'has', 'have')} {trouble}, "
        f"by column: {columns}; "
        f"{first_labels(row_names[rows])}. Every cell must be a finite number, or missing. {remedy}"
    )


def expect_observed(values: Float[np.ndarray, "n d"], feature_names: tuple[str, ...]) -> None:
    """Raise a ``DataError`` naming columns in which every cell is missing."""
    if are_plain(values):
        return
    empty = np.isnan(values).all(axis=0)
    if empty.any():
        names = [name for name, is_empty in zip(feature_names, empty, strict=True) if is_empty]
        raise DataError(
            f"Every cell is missing in {plural(len(names), 'column')} "
            f"{', '.join(map(repr, names))} ({len(values)} rows). Nothing can be learned about "
            "what was never measured; leave it out."
        )


def warn_of_empty_rows(
    values: Float[np.ndarray, "n d"], row_names: Shaped[np.ndarray, " n"]
) -> None:
    """Warn of rows in which every cell is missing, by name."""
    if are_plain(values):
        return
    empty = np.isnan(values).all(axis=1)
    if empty.any():
        count = int(empty.sum())
        one = count == 1
        have, they, do = ("has", "It is", "does") if one else ("have", "They are", "do")
        warn(
            f"{count} of {len(values)} rows {have} no observed cell: "
            f"{first_labels(row_names[empty])}. {they} kept but {do} not affect the fit; the "
            "component probabilities there are the weights."
        )


def first_labels(labels: np.ndarray) -> str:
    """Name some rows in a message."""
    return f"{plural(len(labels), 'row')} {listed(labels, 5)}"


def expect_variation(
    values: Float[np.ndarray, "n d"],
    deviation: Float[np.ndarray, " d"],
    feature_names: tuple[str, ...],
) -> None:
    """Raise a ``DataError`` naming a column that is constant, or too nearly so."""
    low, high = over_rows(np.fmin, values), over_rows(np.fmax, values)  # what is missing passed by
    for index, name in enumerate(feature_names):
        if low[index] == high[index]:
            raise DataError(
                f"Column {name!r} is constant: {low[index]:g} in {_extent(values[:, index])}. "
                "It carries no information about components; leave it out."
            )
        if deviation[index] < _SMALLEST:
            raise DataError(
                f"Column {name!r} has standard deviation {deviation[index]:g} in {len(values)} "
                "rows, too small to be squared. Give it in another unit."
            )


def _extent(column: Float[np.ndarray, " n"]) -> str:
    n_observed = int((~np.isnan(column)).sum())
    if n_observed == len(column):
        return f"all {n_observed} rows"
    return f"the {n_observed} of {len(column)} rows in which it is observed"
