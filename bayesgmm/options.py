"""Checks of the options of engines and solvers: one place, one wording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesgmm.errors import SpecificationError


def expect_whole(owner: Any, name: str, *, least: int = 1) -> None:
    """Raise unless an option is a whole number of at least ``least``."""
    value = getattr(owner, name)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SpecificationError(
            f"{type(owner).__name__}: {name} must be a whole number of at least {least}, "
            f"not {value!r}."
        )


def expect_between(owner: Any, name: str, low: float, high: float) -> None:
    """Raise unless an option is a number strictly between two others."""
    value = getattr(owner, name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low < value < high:
        raise SpecificationError(
            f"{type(owner).__name__}: {name} must lie strictly between {low} and {high}, "
            f"not {value!r}."
        )


def expect_member(owner: Any, name: str, allowed: Sequence[str]) -> None:
    """Raise unless an option is one of a few words."""
    value = getattr(owner, name)
    if value not in allowed:
        raise SpecificationError(
            f"{type(owner).__name__}: {name} must be one of {list(allowed)}, not {value!r}."
        )
