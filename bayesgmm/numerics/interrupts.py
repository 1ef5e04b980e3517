"""Ctrl-C, also where it comes while compiled code runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` where an interrupt came while compiled code ran.

    numba's dispatcher then reports a ``SystemError`` that has the interrupt for its cause.

    Examples
    --------
    >>> from bayesgmm.numerics.interrupts import interrupts
    >>> try:
    ...     with interrupts():
    ...         raise SystemError("returned a result with an error set") from KeyboardInterrupt()
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    interrupted
    """
    try:
        yield
    except SystemError as error:
        if comes_of_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def interruptible[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that runs in :func:`interrupts`.

    Its frame is one of this package, so that warnings still point at the caller.
    """

    @wraps(function)
    def guarded(*arguments: P.args, **options: P.kwargs) -> R:
        with interrupts():
            return function(*arguments, **options)

    return guarded


@contextmanager
def held_back() -> Iterator[None]:
    """Hold an interrupt back to the end of the block, which must not be left half done.

    Examples
    --------
    >>> import signal
    >>> from bayesgmm.numerics.interrupts import held_back
    >>> try:
    ...     with held_back():
    ...         signal.raise_signal(signal.SIGINT)
    ...         print("done")
    ... except KeyboardInterrupt:
    ...     print("interrupted")
    done
    interrupted
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield  # interrupts come to the main thread alone, and only where Python handles them
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if came:
        signal.raise_signal(signal.SIGINT)


def comes_of_interrupt(error: BaseException) -> bool:
    """Say whether an interrupt is behind an error.

    It goes back through the causes, for compiled code may have been called by compiled code.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
