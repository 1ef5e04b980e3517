"""Features that a question names: known ones, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bayesgmm.data.readers import expect_distinct
from bayesgmm.errors import DataError, SpecificationError


def asked_features(argument: str, asked: Any, known: Sequence[str]) -> tuple[int, ...]:
    """Return where the features are that an argument names: one, or a sequence of several.

    Raises
    ------
    DataError
        If a feature is unknown or named twice.
    SpecificationError
        If the argument names none.
    """
    if isinstance(asked, str):
        asked = (asked,)
    if not isinstance(asked, Sequence) or not asked or not all(isinstance(n, str) for n in asked):
        raise SpecificationError(
            f"{argument} must be a name or a list of names, of {list(known)}; not {asked!r}."
        )
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise DataError(f"{argument}: unknown features {unknown}; there are {list(known)}.")
    expect_distinct(asked)
    return tuple(known.index(name) for name in asked)


def others_than(features: Sequence[int], n_features: int) -> tuple[int, ...]:
    """Return the features that are left, in their order."""
    return tuple(index for index in range(n_features) if index not in features)
