"""The checker that tests install: arrays must have their shapes, other arguments are left alone.

Wrong numbers, words and objects are the package's own business: its errors are tested, and must
not be forestalled by a checker that users do not have.
"""

from __future__ import annotations

from collections.abc import Callable

from beartype import beartype

_ARRAYS = ("Float[", "Int[", "Bool[", "Shaped[")


def checked(function: Callable) -> Callable:
    """Check the arguments of a function whose annotations have shapes, and only these.

    jaxtyping calls this on a function that it has made for the purpose, so that its annotations
    may be taken away.
    """
    function.__annotations__ = {
        name: hint
        for name, hint in function.__annotations__.items()
        if any(kind in str(hint) for kind in _ARRAYS)
    }
    return beartype(function)
