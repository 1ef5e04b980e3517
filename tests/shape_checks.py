"""The checker that tests install: arrays must have their shapes, other arguments are left alone.

Wrong numbers, words and objects are the package's own business: its errors are tested, and must
not be forestalled by a checker that users do not have.

A check takes longer than most of the functions that it checks, so each function is checked where
a test calls it first, and no more once it has been called often.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import is_dataclass
from functools import cache, partial, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from inspect import isfunction
from types import ModuleType
from typing import Any

import jaxtyping
from beartype import beartype

MOST_CALLS = 4
"""Of one function in one test, that are checked."""

_ARRAYS = ("Float[", "Int[", "Bool[", "Complex[", "Num[", "Shaped[")

_calls: Counter[int] = Counter()


def checked(function: Callable) -> Callable:
    """Check the arguments of a function whose annotations have shapes, and only these.

    jaxtyping calls this on a function that it has made for the purpose, so that its annotations
    may be taken away.
    """
    function.__annotations__ = _shapes(function)
    return beartype(function)


def _shapes(function: Callable) -> dict[str, Any]:
    """Return the annotations of a function that are shapes of arrays."""
    hints = function.__annotations__.items()
    return {name: hint for name, hint in hints if any(kind in str(hint) for kind in _ARRAYS)}


def begin_anew() -> None:
    """Check every function again, as at the first call."""
    _calls.clear()


def install(modules: list[str], checker: str) -> None:
    """Have modules checked when they are imported, each function in its first calls only."""
    jaxtyping.jaxtyped = partial(_jaxtyped, jaxtyping.jaxtyped)
    hook = jaxtyping.install_import_hook(modules, checker).hook
    sys.meta_path[sys.meta_path.index(hook)] = _Finder(hook)


class _Finder(MetaPathFinder):
    """jaxtyping's finder, without its cache.

    While a module runs, that cache takes in all it imports: NumPy, PyMC and all others are then
    compiled a second time, in every process where Python may write no bytecode.
    """

    def __init__(self, hook: MetaPathFinder) -> None:
        self._hook = hook

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = self._hook.find_spec(name, path, target)
        if spec is not None:
            spec.loader.exec_module = partial(_execute, spec.loader)
        return spec


def _execute(loader: Any, module: ModuleType) -> None:
    code = loader.source_to_code(loader.get_data(loader.path), loader.path)
    exec(code, vars(module))


def _jaxtyped(original: Callable, target: Any = None, *, typechecker: Callable) -> Any:
    """Decorate as jaxtyping does: functions, and how values with fields are made."""
    if target is None:
        return partial(_jaxtyped, original, typechecker=typechecker)
    if isfunction(target):
        if not _shapes(target):
            return target
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
