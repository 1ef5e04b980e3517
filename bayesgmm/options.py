"""Checks of options, with uniform messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bayesgmm.errors import SpecificationError

_LARGEST_COUNT = 10**9  # of components, draws, steps: more would not fit in memory


def is_whole(value: Any) -> bool:
    """Whether this is a whole number, Python's or NumPy's; a Boolean is not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether this is a real number, Python's or NumPy's; a Boolean is not."""
    return is_whole(value) or isinstance(value, float | np.floating)


def expect_whole(owner: Any, name: str) -> None:
    """Raise unless an option of an object is a whole number of at least 1."""
    expect_whole_number(f"{type(owner).__name__}: {name}", getattr(owner, name))


def expect_whole_number(name: str, value: Any) -> None:
    """Raise unless an argument is a whole number of at least 1, and not too large."""
    if not is_whole(value) or value < 1:
        raise SpecificationError(
            f"{name} must be a whole number of at least 1, not {shown(value)}."
        )
    _expect_countable(name, value)


def expect_fraction(name: str, value: Any) -> None:
    """Raise unless an argument lies strictly between 0 and 1."""
    if not isinstance(value, float | np.floating) or not 0 < value < 1:
        raise SpecificationError(f"{name} must lie strictly between 0 and 1, not {value!r}.")


def expect_between(owner: Any, name: str, low: float, high: float) -> None:
    """Raise unless an option is a number strictly between two others."""
    value = getattr(owner, name)
    if not is_number(value) or not low < value < high:
        raise SpecificationError(
            f"{type(owner).__name__}: {name} must lie strictly between {low} and {high}, "
            f"not {value!r}."
        )


def expect_member(owner: Any, name: str, allowed: Sequence[object]) -> None:
    """Raise unless an option of an object is one of the allowed values."""
    expect_one_of(f"{type(owner).__name__}: {name}", getattr(owner, name), allowed)


def expect_one_of(name: str, value: Any, allowed: Sequence[object]) -> None:
    """Raise unless an argument is one of the allowed values."""
    if value not in allowed:
        raise SpecificationError(f"{name} must be one of {list(allowed)}, not {value!r}.")


def expect_at_least(name: str, value: Any, least: float, *, whole: bool = False) -> None:
    """Raise unless an argument is a number, or a whole one, that is no less than another."""
    is_right = is_whole(value) if whole else is_number(value)
    if not is_right or not value >= least:
        kind = "whole number" if whole else "number"
        raise SpecificationError(
            f"{name} must be a {kind} of at least {least:g}, not {shown(value)}."
        )
    if whole:
        _expect_countable(name, value)


def shown(value: Any) -> str:
    """Return a value as a message has it; whole numbers of very many digits have no ``repr``."""
    try:
        return repr(value)
    except ValueError:
        return f"a {type(value).__name__} that is too long to be written"


def _expect_countable(name: str, value: int | np.integer) -> None:
    if value > _LARGEST_COUNT:
        raise SpecificationError(
            f"{name} must be a whole number of at most {_LARGEST_COUNT}, not {shown(value)}."
        )
