"""How kernels are compiled: cached on disk, free of the interpreter lock, vectorised."""

from __future__ import annotations

from collections.abc import Callable

import numba

# Reordering and contraction let the inner loops use vector instructions. The flags that assume
# away NaN and infinity are left out on purpose: log(0) = -inf is a legitimate value here.
_SAFE_FASTMATH = {"arcp", "contract", "afn", "reassoc", "nsz"}

compiled: Callable = numba.njit(cache=True, nogil=True, fastmath=_SAFE_FASTMATH)
"""For loops over rows, where speed is."""

compiled_in_order: Callable = numba.njit(cache=True, nogil=True, fastmath={"contract"})
"""For arithmetic within such loops whose order matters."""

compiled_exactly: Callable = numba.njit(cache=True, nogil=True)
"""For small algebra, in strict IEEE arithmetic."""
