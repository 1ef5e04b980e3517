"""How kernels are compiled and called: cached, free of the interpreter lock, vectorized.

An interrupt may come at any time. While numba loads or compiles a kernel, LLVM's lock and numba's
are taken, and would stay so: other threads would wait for ever. So it is held back until that is
done. Out of compiled code numba reports it as a ``SystemError``, which is turned back into one.
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

# Reordering and contraction let the inner loops use vector instructions. The flags that assume
# away NaN and infinity are left out on purpose: log(0) = -inf is a legitimate value here.
_SAFE_FASTMATH = {"arcp", "contract", "afn", "reassoc", "nsz"}

# Divisions by zero give inf or NaN, which whoever asked for a value must look at anyway. As Python
# has it, they would end a search at its first extreme step.
_NUMPY_ERRORS = {"error_model": "numpy"}


_call = CPUDispatcher.__call__  # found once, and not in every call


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
        """Compile it for one kind of arguments, or load what was compiled before."""
        with held_back():
            return super().compile(signature)

    def enable_caching(self) -> None:
        """Keep what is compiled on disk."""
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
"""For loops over rows, where speed is."""

inlined: Callable = _compiler(
    fastmath=_SAFE_FASTMATH, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True
)
"""For parts of such loops, which only kernels call. They become part of whoever calls them.

As functions of their own they would be optimized once more in every library that they are linked
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
    compiled_function._cache = cache_of(function)
    with held_back():
        compiled_function.compile()
    return compiled_function
