"""Ctrl-C, also where it comes while compiled code runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` where an interrupt came while compiled code ran.

    numba's dispatcher then reports a ``SystemError`` that has the interrupt for its cause. It is
    a context and a decorator.

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
        cause = error.__cause__ or error.__context__
        if isinstance(cause, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
