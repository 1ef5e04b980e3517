"""Which cells can be used: real numbers, finite, of a size that can be squared, not all alike.

Axes: rows n, features d.
"""

from __future__ import annotations

import numbers
from decimal import Decimal
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from bayesgmm.data.readers import Column, Source
from bayesgmm.errors import DataError

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
    """Return a new array of floats; what no float can hold is left for ``expect_finite``."""
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
    """Say what is wrong with the type of a column, or nothing."""
    others = _cells_without_number(column.cells)
    if not others:
        return None
    return (
        f"Column {name!r} has type {column.kind}: {len(others)} of {len(column.cells)} cells "
        f"{'is' if len(others) == 1 else 'are'} not {'a number' if len(others) == 1 else 'numbers'}"
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


def expect_finite(
    values: Float[np.ndarray, "n d"],
    feature_names: tuple[str, ...],
    row_names: Shaped[np.ndarray, " n"],
) -> None:
    """Raise a ``DataError`` that counts and names what is missing, infinite or too large."""
    # A comparison with NaN is false, so this finds all three at once.
    unusable = ~(np.abs(values) <= _LARGEST)
    rows = np.flatnonzero(unusable.any(axis=1))
    if rows.size == 0:
        return
    counts = zip(feature_names, unusable.sum(axis=0), strict=True)
    columns = ", ".join(f"{name!r} ({count})" for name, count in counts if count)
    trouble, remedy = _trouble_and_remedy(values[unusable])
    raise DataError(
        f"{rows.size} of {len(values)} rows {'has' if rows.size == 1 else 'have'} {trouble}, "
        f"by column: {columns}; "
        f"{first_labels(row_names[rows])}. Every cell must be a finite number. {remedy}"
    )


def _trouble_and_remedy(cells: np.ndarray) -> tuple[str, str]:
    if np.isnan(cells).all():
        return (
            "missing (NaN) cells",
            "Drop these rows: X.dropna() for a data frame, else X[~numpy.isnan(X).any(axis=1)].",
        )
    if np.isfinite(cells).all():
        return f"cells beyond {_LARGEST:g}", "Give these columns in another unit."
    return (
        "missing (NaN) or infinite cells",
        "Drop these rows, for example with X[numpy.isfinite(X).all(axis=1)].",
    )


def first_labels(labels: np.ndarray, limit: int = 5) -> str:
    """Name some rows in a message."""
    shown = ", ".join(str(label) for label in labels[:limit])
    more = f" and {len(labels) - limit} more" if len(labels) > limit else ""
    return f"row{'s' if len(labels) > 1 else ''} {shown}{more}"


def expect_variation(
    values: Float[np.ndarray, "n d"],
    deviation: Float[np.ndarray, " d"],
    feature_names: tuple[str, ...],
) -> None:
    """Raise a ``DataError`` naming a column that is constant, or too nearly so."""
    low, high = values.min(axis=0), values.max(axis=0)
    for index, name in enumerate(feature_names):
        if low[index] == high[index]:
            raise DataError(
                f"Column {name!r} is constant: {low[index]:g} in all {len(values)} rows. "
                "It says nothing about components; leave it out."
            )
        if deviation[index] < _SMALLEST:
            raise DataError(
                f"Column {name!r} has standard deviation {deviation[index]:g} in {len(values)} "
                "rows, too small to be squared. Give it in another unit."
            )
