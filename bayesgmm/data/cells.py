"""Which cells can be used: real numbers of a size that can be squared, not all alike; or missing.

Axes: rows n, features d.
"""

from __future__ import annotations

import numbers
from decimal import Decimal
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from bayesgmm.data.columns import over_rows
from bayesgmm.data.readers import Column, Source
from bayesgmm.digits import listed, plural
from bayesgmm.errors import DataError, warn

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
    """Return a new array of floats; what no float can hold is left for ``expect_usable``."""
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
    """Whether one pass shows that every cell is there and not too large: nothing is to be said."""
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
            f"{', '.join(map(repr, names))} ({len(values)} rows). Nothing can be learnt about "
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
        have, they, say = ("has", "It stays", "says") if one else ("have", "They stay", "say")
        warn(
            f"{count} of {len(values)} rows {have} no observed cell: "
            f"{first_labels(row_names[empty])}. {they} in the table and {say} nothing; the "
            "probabilities of components there are the weights."
        )


def first_labels(labels: np.ndarray, limit: int = 5) -> str:
    """Name some rows in a message."""
    return f"{plural(len(labels), 'row')} {listed(labels, limit)}"


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
                "It says nothing about components; leave it out."
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
