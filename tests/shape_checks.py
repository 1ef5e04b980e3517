"""The checker that tests install: arrays must have their shapes, other arguments are left alone.

Wrong numbers, words and objects are the package's own business: its errors are tested, and must
not be forestalled by a checker that users do not have.

A check takes longer than most of the functions that it checks, so each function is checked where
a test calls it first, and no more once it has been called often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial, wraps
from inspect import isfunction
from types import CodeType
from typing import Any

import jaxtyping
from beartype import beartype

MOST_CALLS = 20
"""Of one function in one test, that are checked."""

_ARRAYS = ("Float[", "Int[", "Bool[", "Complex[", "Num[", "Shaped[")

_calls: Counter[CodeType] = Counter()


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


def begin_anew() -> None:
    """Check every function again, as at the first call."""
    _calls.clear()


def be_sparing() -> None:
    """Have what jaxtyping decorates checked in its first calls only."""
    jaxtyping.jaxtyped = partial(_jaxtyped, jaxtyping.jaxtyped)


def _jaxtyped(original: Callable, target: Any = None, *, typechecker: Callable) -> Any:
    """Decorate as jaxtyping does; functions are decorated when they are first called."""
    if target is None:
        return partial(_jaxtyped, original, typechecker=typechecker)
    if not isfunction(target):
        return original(target, typechecker=typechecker)
    code, decorated = target.__code__, []

    @wraps(target)
    def called(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if _calls[code] >= MOST_CALLS:
            return target(*arguments, **options)
        _calls[code] += 1
        if not decorated:
            decorated.append(original(target, typechecker=typechecker))
        return decorated[0](*arguments, **options)

    return called
