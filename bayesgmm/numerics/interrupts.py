"""Ctrl-C, also where it comes while compiled code runs."""

from __future__ import annotations

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
    >>> with interrupts():
    ...     raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
    Traceback (most recent call last):
    ...
    KeyboardInterrupt
    """
    try:
        yield
    except SystemError as error:
        if _comes_of_interrupt(error):
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


def _comes_of_interrupt(error: BaseException) -> bool:
    """Go back through the causes: compiled code may have been called by compiled code."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
