"""The checker that tests install: arrays must have their shapes, other arguments are left alone.

Wrong numbers, words and objects are the package's own business: its errors are tested, and must
not be forestalled by a checker that users do not have.

A check takes longer than most of the functions that it checks, so each function is checked where
a test calls it first, and no more once it has been called often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache, partial, wraps
from inspect import isfunction
from typing import Any

import jaxtyping
from beartype import beartype

MOST_CALLS = 20
"""Of one function in one test, that are checked."""

_ARRAYS = ("Float[", "Int[", "Bool[", "Complex[", "Num[", "Shaped[")

_calls: Counter[int] = Counter()


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
    """Decorate as jaxtyping does: functions, and how values with fields are made."""
    if target is None:
        return partial(_jaxtyped, original, typechecker=typechecker)
    if isfunction(target):
        return _sparing(target, lambda: original(target, typechecker=typechecker))
    if is_dataclass(target) and isfunction(vars(target).get("__init__")):
        target.__init__ = _jaxtyped(original, target.__init__, typechecker=typechecker)
    return target


def _sparing(function: Callable, decorated: Callable[[], Callable]) -> Callable:
    """Return a function that is decorated when it is first called, for its first calls."""
    checking, place = cache(decorated), id(function.__code__)  # which closures have in common

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if _calls[place] >= MOST_CALLS:
            return function(*arguments, **options)
        _calls[place] += 1
        return checking()(*arguments, **options)

    return called
