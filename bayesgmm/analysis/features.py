"""Features that a question names: known ones, each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
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
    names = [asked] if isinstance(asked, str) or not isinstance(asked, Iterable) else list(asked)
    # Columns that carry whole numbers for names are called by these, as text.
    names = [str(name) if isinstance(name, Integral) else name for name in names]
    if not names or not all(isinstance(name, str) for name in names):
        raise SpecificationError(
            f"{argument} must be a name or a list of names, of {list(known)}; not {asked!r}."
        )
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(f"{argument}: unknown features {unknown}; there are {list(known)}.")
    expect_distinct(names)
    return tuple(known.index(name) for name in names)


def others_than(features: Sequence[int], n_features: int) -> tuple[int, ...]:
    """Return the features that are left, in their order."""
    return tuple(index for index in range(n_features) if index not in features)
