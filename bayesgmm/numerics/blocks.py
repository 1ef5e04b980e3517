"""Parallel loops over all available cores, mostly over blocks of rows; and BLAS threads.

Blocks of rows, and the order in which results are added, depend on the number of rows only: sums
are the same to the last bit whatever the number of cores. Compiled kernels release the interpreter
lock, so ordinary threads are enough, and callers may themselves be threads.

BLAS has one number of threads for the whole process. If callers set and restored it separately,
they would undo each other's settings; so users are counted here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import cache, wraps
from itertools import pairwise
from queue import SimpleQueue
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from bayesgmm.numerics.interrupts import held_back

SHORT = 8192
"""Rows processed in one block: up to here, parallel processing does not pay."""

_MOST_BLOCKS = 128
_TOGETHER = 8  # blocks come in multiples of this, so that 2, 4 or 8 cores have equal shares


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every operating system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def row_blocks(n_rows: int) -> list[tuple[int, int]]:
    """Return (start, stop) of every block: one, or a multiple of 8 up to 128, of equal size."""
    if n_rows <= SHORT:
        return [(0, n_rows)]
    rounds = min(-(-n_rows // (SHORT * _TOGETHER)), _MOST_BLOCKS // _TOGETHER)
    ends = np.linspace(0, n_rows, rounds * _TOGETHER + 1).astype(int).tolist()
    return list(pairwise(ends))


def for_each_block(
    n_rows: int, work: Callable[[int, int], object], *, cores: int | None = None
) -> None:
    """Call ``work(start, stop)`` for every block of rows, in any order."""
    if n_rows <= SHORT:
        work(0, n_rows)
        return
    blocks = row_blocks(n_rows)
    for_each(len(blocks), lambda number: work(*blocks[number]), cores=cores)


def for_each(n_items: int, work: Callable[[int], object], *, cores: int | None = None) -> None:
    """Call ``work(number)`` for every number below ``n_items``, in any order."""
    _share(_Turns(n_items, work), cores)


def sum_over_blocks(
    n_rows: int, work: Callable[[int, int], tuple], *, cores: int | None = None
) -> tuple:
    """Return the sum, entry by entry, of the tuples ``work(start, stop)`` of all blocks."""
    if n_rows <= SHORT:
        return work(0, n_rows)
    total, blocks = _OrderedSum(), row_blocks(n_rows)
    for_each(len(blocks), lambda number: total.add(number, work(*blocks[number])), cores=cores)
    return total.value


class _Turns:
    """Items that are still to be done, which any number of threads take one after another."""

    def __init__(self, n_items: int, work: Callable[[int], object]) -> None:
        self.n_items = n_items
        self._work, self._next, self._lock = work, 0, threading.Lock()

    def take(self) -> None:
        while (number := self._take_number()) < self.n_items:
            self._work(number)

    def stop(self) -> None:
        with self._lock:
            self._next = self.n_items

    def _take_number(self) -> int:
        with self._lock:
            number = self._next
            self._next += 1
            return number


class _OrderedSum:
    """A sum whose terms come in any order and are added in the order of their numbers."""

    def __init__(self) -> None:
        self.value: tuple = ()
        self._waiting: dict[int, tuple] = {}
        self._next, self._lock = 0, threading.Lock()

    def add(self, number: int, term: tuple) -> None:
        with self._lock:
            self._waiting[number] = term
            while self._next in self._waiting:
                term = self._waiting.pop(self._next)
                if self._next:
                    term = tuple(a + b for a, b in zip(self.value, term, strict=True))
                self.value = term
                self._next += 1


def _share(turns: _Turns, cores: int | None) -> None:
    """Let this thread and helpers take turns until all items are done.

    An interrupt ends it when the helpers have finished their items; a second one ends it at once.
    """
    if turns.n_items == 1:
        turns.take()
        return
    n_helpers = min(cores or available_cores(), turns.n_items) - 1
    begun: list[Future] = []
    try:
        for _ in range(n_helpers):
            begun.append(Future())
            _helpers().put((begun[-1], turns.take))
        turns.take()
    finally:  # nothing is left to do, unless this thread was interrupted
        turns.stop()
        begun = [helper for helper in begun if not helper.cancel()]
        wait(begun)
    for helper in begun:
        helper.result()


_Task = tuple[Future, Callable[[], None]]


@cache
def _helpers() -> SimpleQueue[_Task]:
    """Return the queue from which threads take tasks, which live as long as the process.

    They are daemons: one that an interrupted call has left behind must not keep a process from
    ending, as those of a ``ThreadPoolExecutor`` would.
    """
    tasks: SimpleQueue[_Task] = SimpleQueue()
    with held_back():
        for number in range(max(1, available_cores() - 1)):
            name = f"bayesgmm-rows_{number}"
            threading.Thread(target=_serve, args=(tasks,), name=name, daemon=True).start()
    return tasks


def _serve(tasks: SimpleQueue[_Task]) -> None:
    while True:
        future, work = tasks.get()
        if future.set_running_or_notify_cancel():
            try:
                work()
            except BaseException as error:  # handed to whoever waits
                future.set_exception(error)
            else:
                future.set_result(None)
        del future, work  # they hold the rows, and the next task may be long in coming


if hasattr(os, "register_at_fork"):  # threads do not survive a fork; the child makes its own
    os.register_at_fork(after_in_child=_helpers.cache_clear)


@contextmanager
def one_thread_for_small_algebra() -> Iterator[None]:
    """Keep BLAS on one thread within a block.

    On matrices of a few dozen rows its threads have nothing to share but the waiting: where
    another process uses a core, they made an optimizer ten times slower. And the last bits of a
    decomposition depend on their number.

    Examples
    --------
    >>> from threadpoolctl import threadpool_info
    >>> from bayesgmm.numerics.blocks import one_thread_for_small_algebra
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
