"""How kernels are compiled and called: cached, without the interpreter lock, vectorized.

A keyboard interrupt while numba loads or compiles a kernel would leave the locks of numba and LLVM
taken, and other threads would wait forever. Interrupts are therefore delayed until that is done.
An interrupt within compiled code is reported by numba as a ``SystemError``, and converted back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.ccallback import CFunc
from numba.core.registry import CPUDispatcher
from numba.core.sigutils import normalize_signature

from bayesgmm.numerics.interrupts import comes_of_interrupt, held_back
from bayesgmm.numerics.kernel_cache import cache_of

# Reordering and contraction let the inner loops use vector instructions. The flags that exclude
# NaN and infinity are not set: log(0) = -inf is a valid value here.
_SAFE_FASTMATH = {"arcp", "contract", "afn", "reassoc", "nsz"}

# Divisions by zero give inf or NaN, which callers check. Python's error model would raise, and end
# an optimization at its first extreme step.
_NUMPY_ERRORS = {"error_model": "numpy"}


_call = CPUDispatcher.__call__  # looked up once, not at every call


class Kernel(CPUDispatcher):
    """A compiled function."""

    def __call__(self, *arguments: Any) -> Any:
        """Run it."""
        try:
            return _call(self, *arguments)
        except SystemError as error:
            if comes_of_interrupt(error):
                raise KeyboardInterrupt from error
            raise

    def compile(self, signature: Any) -> Any:
        """Compile it for one signature, or load it from the cache."""
        with held_back():
            return super().compile(signature)

    def enable_caching(self) -> None:
        """Cache machine code on disk."""
        self._cache = cache_of(self.py_func)


def _compiler(**options: Any) -> Callable:
    options = {"nopython": True, "nogil": True, **_NUMPY_ERRORS, **options}

    def compile_when_called(function: Callable) -> Callable:
        if numba.config.DISABLE_JIT:
            return function
        kernel = Kernel(function, targetoptions=options)
        kernel.enable_caching()
        return kernel

    return compile_when_called


compiled: Callable = _compiler(fastmath=_SAFE_FASTMATH)
"""For loops over rows, which take most of the time."""

inlined: Callable = _compiler(
    fastmath=_SAFE_FASTMATH, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)
"""For parts of such loops, called by kernels only, and inlined into each caller.

As separate functions they would be optimized again in every library that they are linked to, with
sums in another order. Which copy runs would depend on what was compiled first, and so would the
last bits of a result.
"""

compiled_in_order: Callable = _compiler(fastmath={"contract"})
"""For arithmetic within such loops that must not be reordered."""

compiled_exactly: Callable = _compiler()
"""For algebra of small matrices, in strict IEEE arithmetic."""


def c_function(signature: Any, function: Callable) -> CFunc:
    """Compile a C function, as ``numba.cfunc`` does."""
    compiled_function = CFunc(
        function, normalize_signature(signature), locals={}, options=dict(_NUMPY_ERRORS)
    )
    compiled_function._cache = cache_of(function)
    with held_back():
        compiled_function.compile()
    return compiled_function
