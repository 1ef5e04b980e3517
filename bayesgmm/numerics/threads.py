"""How many threads linear algebra may use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_thread_for_small_algebra() -> AbstractContextManager:
    """Return a context in which BLAS stays on one thread.

    On matrices of a few dozen rows its threads have nothing to share but the waiting: where
    another process uses a core, they made an optimiser ten times slower.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
