"""Checking and scaling of hyperparameters: a number, one number per feature, or None.

``None`` stands for "scaled to the data" and is replaced by numbers once the data are seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesgmm.errors import SpecificationError

Hyperparameter = float | tuple[float, ...] | None
Given = float | Sequence[float] | np.ndarray | None


def checked(
    owner: str, name: str, value: Given, *, positive: bool = True, each: str | None = "feature"
) -> Hyperparameter:
    """Return a hyperparameter as a float, a tuple of floats or ``None``.

    ``each`` is what there may be one number for; with ``None`` there must be a single number.

    Raises
    ------
    SpecificationError
        If it is not numeric, not finite, or not positive where it must be.
    """
    if value is None:
        return None
    wanted = "a positive number" if positive else "a finite number"
    choice = f", or one per {each}" if each else ""
    message = f"{owner}: {name} must be {wanted}{choice}, not {value!r}."
    if isinstance(value, bool | str):
        raise SpecificationError(message)
    try:
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise SpecificationError(message) from error
    valid = np.isfinite(numbers) & ((numbers > 0) | (not positive))
    if numbers.ndim > (1 if each else 0) or numbers.size == 0 or not valid.all():
        raise SpecificationError(message)
    return float(numbers) if numbers.ndim == 0 else tuple(numbers.tolist())


def checked_number(owner: str, name: str, value: float) -> float:
    """Return a hyperparameter that must be one positive number."""
    if value is None:
        raise SpecificationError(f"{owner}: {name} must be a positive number, not None.")
    return checked(owner, name, value, each=None)


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


def collapsed(values: np.ndarray) -> float | tuple[float, ...]:
    """Return an array as a hyperparameter: one number where all its entries are equal."""
    values = np.atleast_1d(values)
    return float(values[0]) if np.all(values == values[0]) else tuple(values.tolist())


def words(value: Hyperparameter, digits: int = 4) -> str:
    """Return a hyperparameter as a reader wants to see it."""
    if value is None:
        return "scaled to the data"
    if isinstance(value, tuple):
        return "(" + ", ".join(f"{number:.{digits}g}" for number in value) + ")"
    return f"{value:.{digits}g}"
