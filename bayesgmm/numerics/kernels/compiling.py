"""How kernels are compiled: cached on disk, free of the interpreter lock, vectorised.

numba compiles a function again when its own file has changed. Ours call each other across files
and are compiled into one another, so that a change of any file of the kernels must count.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature

# Reordering and contraction let the inner loops use vector instructions. The flags that assume
# away NaN and infinity are left out on purpose: log(0) = -inf is a legitimate value here.
_SAFE_FASTMATH = {"arcp", "contract", "afn", "reassoc", "nsz"}

# Divisions by zero give inf or NaN, which whoever asked for a value must look at anyway. As Python
# has it, they would end a search at its first extreme step.
_NUMPY_ERRORS = {"error_model": "numpy"}


def _compiler(**options: Any) -> Callable:
    def compile_when_called(function: Callable) -> Callable:
        kernel = numba.njit(cache=True, nogil=True, **_NUMPY_ERRORS, **options)(function)
        _depend_on_all_sources(kernel)
        return kernel

    return compile_when_called


compiled: Callable = _compiler(fastmath=_SAFE_FASTMATH)
"""For loops over rows, where speed is."""

inlined: Callable = _compiler(
    fastmath=_SAFE_FASTMATH, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)
"""For parts of such loops, which only kernels call. They become part of whoever calls them.

As functions of their own they would be optimised once more in every library that they are linked
to, into sums of another order. Which copy then runs depends on who was compiled first, and with
it the last bits of a result.
"""

compiled_in_order: Callable = _compiler(fastmath={"contract"})
"""For arithmetic within such loops whose order matters."""

compiled_exactly: Callable = _compiler()
"""For small algebra, in strict IEEE arithmetic."""


def c_function(signature: Any, function: Callable) -> CFunc:
    """Compile a C function, as ``numba.cfunc`` does."""
    compiled_function = CFunc(
        function, normalize_signature(signature), locals={}, options=dict(_NUMPY_ERRORS)
    )
    compiled_function.enable_caching()
    _depend_on_all_sources(compiled_function)
    compiled_function.compile()
    return compiled_function


def _depend_on_all_sources(kernel: Any) -> None:
    # numba has no public way to say this. Where a later one is made differently, its own rule
    # remains, which is enough for whoever installs a package and does not edit it.
    file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = _state_of_sources()


@cache
def _state_of_sources() -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of all files that kernels are made of."""
    folder = Path(__file__).parent
    files = [*sorted(folder.glob("*.py")), folder.parent / "mixture_prior.py"]
    states = ((file, file.stat()) for file in files)
    return tuple((file.name, state.st_mtime_ns, state.st_size) for file, state in states)
