"""Checking and scaling of hyperparameters: a number, one per feature, by name, a matrix, or None.

Rows are one of these for each component, see :func:`checked_rows`.

``None`` stands for "scaled to the data" and is replaced by numbers once the data are seen. So are
numbers by the names of columns, which may leave some of them to the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np

from bayesgmm.errors import SpecificationError
from bayesgmm.options import is_number, shown

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class ByColumn(Mapping[str, float]):
    """Numbers for some columns, by their names; the others are scaled to the data."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Mapping[str, float]) -> None:
        self._numbers = dict(numbers)

    def __getitem__(self, name: str) -> float:
        return self._numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __hash__(self) -> int:
        return hash(frozenset(self._numbers.items()))

    def __repr__(self) -> str:
        return repr(self._numbers)


Hyperparameter = float | tuple[float, ...] | ByColumn | None
Matrix = Hyperparameter | tuple[tuple[float, ...], ...]
Numbers = float | tuple[float, ...]
Rows = tuple[tuple[float, ...] | ByColumn | None, ...]
Given = float | Sequence[float] | np.ndarray | Mapping[str, float] | None


def checked(
    owner: str,
    name: str,
    value: Given | Sequence[Given],
    *,
    positive: bool = True,
    each: str | None = "feature",
    by_column: bool = False,
) -> Hyperparameter:
    """Return a hyperparameter as a float, a tuple of floats, numbers by column, or ``None``.

    ``each`` is what there may be one number for; with ``None`` there must be a single number.
    ``by_column`` says whether a mapping from names of columns may come.

    Raises
    ------
    SpecificationError
        If it is not numeric, not finite, or not positive where it must be.
    """
    if value is None:
        return None
    wanted = "a positive number" if positive else "a finite number"
    choice = f", or one per {each}" if each else ""
    if by_column:
        choice += ", or a mapping from names of columns"
    message = f"{owner}: {name} must be {wanted}{choice}, not {shown(value)}."
    if by_column and isinstance(value, Mapping) and value:
        named = {
            str(column): checked(
                owner, f"{name} of {str(column)!r}", number, positive=positive, each=None
            )
            for column, number in value.items()
        }
        known = {column: number for column, number in named.items() if isinstance(number, float)}
        if len(known) < len(value):
            raise SpecificationError(message)
        return ByColumn(known)
    if isinstance(value, bool | str):
        raise SpecificationError(message)
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise SpecificationError(message) from error
    valid = np.isfinite(numbers) & ((numbers > 0) | (not positive))
    if numbers.ndim > (1 if each else 0) or numbers.size == 0 or not valid.all():
        raise SpecificationError(message)
    return float(numbers) if numbers.ndim == 0 else tuple(numbers.tolist())


def checked_rows(
    owner: str, name: str, value: Given | Sequence[Given], *, positive: bool = True
) -> Hyperparameter | Rows:
    """Return a hyperparameter as :func:`checked` does; it may also be one row per component.

    A row is one number per feature, a mapping from names of columns, or ``None``.

    Raises
    ------
    SpecificationError
        If it is none of these, or a number is not finite, or not positive where it must be.
    """
    if isinstance(value, list | tuple):
        entries: Sequence[Any] = value
    else:
        is_table = getattr(value, "ndim", 0) > 1
        entries = np.asarray(value).tolist() if is_table else ()
    if not any(map(_is_row, entries)):
        return checked(owner, name, value, positive=positive, by_column=True)
    for entry in entries:
        if not _is_row(entry):
            raise SpecificationError(
                f"{owner}: {name} is given per component, so that every entry must be one number "
                f"per feature, a mapping from names of columns, or None, not {shown(entry)}."
            )
    rows = tuple(
        checked(owner, f"{name} of component {component}", row, positive=positive, by_column=True)
        for component, row in enumerate(entries)
    )
    return cast(Rows, rows)  # of which none is a single number


def _is_row(entry: object) -> bool:
    is_sized = hasattr(entry, "__len__") and not isinstance(entry, str)
    return entry is None or (is_sized and getattr(entry, "ndim", 1) > 0)


def has_rows(value: Hyperparameter | Rows) -> TypeIs[Rows]:
    """Whether there is one row per component."""
    return isinstance(value, tuple) and any(map(_is_row, value))


def filled_rows(
    value: Hyperparameter | Rows, default: np.ndarray, names: Sequence[str]
) -> Numbers | tuple[tuple[float, ...], ...]:
    """Return a hyperparameter as :func:`filled` does, row by row if there is one per component."""
    if not has_rows(value):
        return filled(value, default, names)
    rows = [np.broadcast_to(filled(row, default, names), (len(names),)) for row in value]
    return as_tuples(np.array(rows))


def expanded_rows(
    owner: str, name: str, value: Hyperparameter | Rows, n_components: int, n_features: int
) -> np.ndarray:
    """Return the hyperparameter as an array of shape (k, d).

    Raises
    ------
    SpecificationError
        If it is for another number of components or features.
    """
    shape = (n_components, n_features)
    if not has_rows(value):
        return np.broadcast_to(expanded(owner, name, value, n_features), shape).copy()
    expect_rows(owner, name, value, n_components=n_components, n_features=n_features)
    return np.array(value)


def expect_rows(
    owner: str,
    name: str,
    value: Hyperparameter | Rows,
    *,
    n_components: int | None = None,
    n_features: int | None = None,
) -> None:
    """Raise a ``SpecificationError`` if rows are too many or too few, or too long or too short."""
    if not has_rows(value):
        return
    if n_components is not None and len(value) != n_components:
        raise SpecificationError(
            f"{owner}: {name} has rows for {len(value)} components, but there are {n_components}; "
            "give one row per component, or one that holds for all."
        )
    for component, row in enumerate(value):
        if n_features is not None and isinstance(row, tuple) and len(row) != n_features:
            raise SpecificationError(
                f"{owner}: {name} has {len(row)} entries for component {component}, but "
                f"{n_features} are needed; give one per feature in the order of the columns."
            )


@overload
def filled(value: Hyperparameter, default: np.ndarray, names: Sequence[str]) -> Numbers: ...
@overload
def filled(
    value: Matrix, default: np.ndarray, names: Sequence[str]
) -> Numbers | tuple[tuple[float, ...], ...]: ...
def filled(
    value: Matrix, default: np.ndarray, names: Sequence[str]
) -> Numbers | tuple[tuple[float, ...], ...]:
    """Return a hyperparameter once the columns are known: the default where nothing was said.

    Raises
    ------
    SpecificationError
        If a number is for a column that the table lacks.
    """
    if value is None:
        return collapsed(default)
    if not isinstance(value, ByColumn):
        return value
    unknown = [name for name in value if name not in names]
    if unknown:
        near = get_close_matches(unknown[0], names, n=1, cutoff=0.0)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SpecificationError(
            f"A prior has numbers for the column {unknown[0]!r}, which the table lacks.{hint} Its "
            f"columns are {list(names)}."
        )
    numbers = zip(names, np.broadcast_to(default, (len(names),)).tolist(), strict=True)
    return collapsed(np.array([value.get(name, other) for name, other in numbers]))


def expect_size(owner: str, name: str, value: Hyperparameter, size: int) -> None:
    """Raise a ``SpecificationError`` if there are numbers for another number of features.

    Those by the names of columns are looked up by :func:`filled`.
    """
    if value is not None and not isinstance(value, ByColumn):
        expanded(owner, name, value, size)


def checked_number(owner: str, name: str, value: float) -> float:
    """Return a hyperparameter that must be one positive number."""
    if value is None:
        raise SpecificationError(f"{owner}: {name} must be a positive number, not None.")
    number = checked(owner, name, value, each=None)
    assert isinstance(number, float)
    return number


def expanded(owner: str, name: str, value: Hyperparameter, size: int) -> np.ndarray:
    """Return the hyperparameter as an array with one entry per feature.

    Raises
    ------
    SpecificationError
        If the number of entries is neither one nor ``size``.
    """
    numbers = np.atleast_1d(np.asarray(value, dtype=float))
    if numbers.size not in (1, size):
        raise SpecificationError(
            f"{owner}: {name} has {numbers.size} entries but {size} are needed; "
            "give one number, or one per feature in the order of the columns."
        )
    return np.broadcast_to(numbers, (size,)).copy()


def checked_matrix(owner: str, name: str, value: Given | Sequence[Sequence[float]]) -> Matrix:
    """Return a matrix as tuples; its diagonal, one number for all of that, or ``None`` may come.

    Raises
    ------
    SpecificationError
        If it is neither positive numbers nor a symmetric positive definite matrix.
    """
    try:
        matrix = np.asarray(value, dtype=float)
    except (TypeError, ValueError, OverflowError):  # ``checked`` says so
        matrix = np.empty(())
    if value is None or isinstance(value, Mapping) or matrix.ndim != 2:
        return checked(owner, name, value, by_column=True)
    if not is_positive_definite(matrix):
        raise SpecificationError(
            f"{owner}: {name} must be a symmetric positive definite matrix, its diagonal, or one "
            f"positive number for all of its diagonal, not {value!r}."
        )
    return as_tuples((matrix + matrix.T) / 2)


def is_positive_definite(matrix: np.ndarray) -> bool:
    """Whether a matrix is one, up to rounding and whatever the units of its rows are."""
    if matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
        return False
    diagonal = np.diagonal(matrix)
    if not np.all(diagonal > 0):
        return False
    roots = np.sqrt(diagonal)
    unit = matrix / roots / roots[:, None]
    slack = 8 * matrix.shape[0] * np.finfo(float).eps
    return bool(np.abs(unit - unit.T).max() < 1e-8 and np.linalg.eigvalsh(unit)[0] > slack)


def expanded_matrix(owner: str, name: str, value: Matrix, size: int) -> np.ndarray:
    """Return the hyperparameter as a square matrix.

    Raises
    ------
    SpecificationError
        If it is for another number of features.
    """
    numbers = np.asarray(value, dtype=float)
    if numbers.ndim < 2:
        return np.diag(expanded(owner, name, cast(Hyperparameter, value), size))
    if numbers.shape[0] != size:
        raise SpecificationError(
            f"{owner}: {name} is a matrix of {numbers.shape[0]} rows but {size} are needed; "
            "give one row and one column per feature, in the order of the columns of the table."
        )
    return numbers


def as_tuples(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    """Return a matrix as a tuple of rows."""
    return tuple(map(tuple, matrix.tolist()))


def collapsed_rows(values: np.ndarray) -> Numbers | tuple[tuple[float, ...], ...]:
    """Return an array as a hyperparameter, rows as they are."""
    return as_tuples(values) if values.ndim == 2 else collapsed(values)


def collapsed(values: np.ndarray) -> Numbers:
    """Return an array as a hyperparameter: one number where all entries are equal."""
    values = np.atleast_1d(values)
    return float(values[0]) if np.all(values == values[0]) else tuple(values.tolist())


def words(value: Matrix | Rows, digits: int = 4) -> str:
    """Return a hyperparameter as a reader wants to see it."""
    if value is None:
        return "scaled to the data"
    if isinstance(value, ByColumn):
        named = [f"{name} {words(number, digits)}" for name, number in value.items()]
        return "(" + ", ".join([*named, "others scaled to the data"]) + ")"
    if isinstance(value, tuple):
        return "(" + ", ".join(words(part, digits) for part in value) + ")"
    if not is_number(value):
        return str(value)  # a prior of it
    return f"{value:.{digits}g}"
