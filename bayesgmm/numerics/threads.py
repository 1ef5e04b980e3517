"""How many threads linear algebra may use.

BLAS has one number of threads for the whole process. Who sets and restores it on its own undoes
what others set in the meantime, and may leave one thread for ever; so users are counted here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

from threadpoolctl import ThreadpoolController

from bayesgmm.numerics.interrupts import held_back


@contextmanager
def one_thread_for_small_algebra() -> Iterator[None]:
    """Keep BLAS on one thread within a block.

    On matrices of a few dozen rows its threads have nothing to share but the waiting: where
    another process uses a core, they made an optimiser ten times slower. And the last bits of a
    decomposition depend on their number.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> from bayesgmm.numerics.threads import one_thread_for_small_algebra
    >>> with one_thread_for_small_algebra():
    ...     {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}
    {1}
    """
    counted = False
    try:
        with held_back():
            _users.enter()
            counted = True
        yield
    finally:
        if counted:
            with held_back():
                _users.leave()


def on_one_thread[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs in :func:`one_thread_for_small_algebra`."""

    @wraps(function)
    def limited(*arguments: P.args, **options: P.kwargs) -> R:
        with one_thread_for_small_algebra():
            return function(*arguments, **options)

    return limited


class _Users:
    """Counts who wants one thread: the first sets the limit, and the last restores what was."""

    def __init__(self) -> None:
        self._lock, self._number = threading.Lock(), 0
        self._limit: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._number == 0:
                _let_any_thread_decide()
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._number += 1

    def leave(self) -> None:
        with self._lock:
            self._number -= 1
            if self._number == 0:
                self._restore()

    def forget(self) -> None:
        """Begin anew in a forked process, to which the threads of the users did not come."""
        self._lock, self._number = threading.Lock(), 0
        if self._limit is not None:
            self._restore()

    def _restore(self) -> None:
        _let_any_thread_decide()
        self._limit.restore_original_limits()
        _let_any_thread_decide()
        self._limit = None


_users = _Users()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_users.forget)


@cache
def _controller() -> ThreadpoolController:
    import scipy.linalg  # noqa: F401  (it may have a BLAS of its own, which must be loaded by now)

    return ThreadpoolController()


def _let_any_thread_decide() -> None:
    """Have no thread be the only one that may set limits.

    Since threadpoolctl 3.8 the first that sets one is, and what others set or restore is passed
    over in silence; but the last of the users need not be the first.
    """
    for library in _controller().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)
