"""An interrupt of compiled code is an interrupt; other system errors stay what they are."""

from __future__ import annotations

import signal

import pytest

from bayesgmm.numerics.interrupts import held_back, interruptible, interrupts


def test_an_interrupt_is_told_from_other_errors():
    with pytest.raises(KeyboardInterrupt), interrupts():
        raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt), interrupts():  # noqa: PT012
        try:
            raise SystemError("inner") from KeyboardInterrupt()
        except SystemError as error:
            raise SystemError("outer") from error
    with pytest.raises(SystemError, match="null argument"), interrupts():
        raise SystemError("null argument")


def test_it_decorates():
    @interruptible
    def work(error):
        raise error

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            work(ZeroDivisionError())


def test_an_interrupt_waits_for_what_must_not_be_left_half_done():
    handler, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), held_back():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        done.append("all of it")
    assert done
    with pytest.raises(ZeroDivisionError), held_back():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is handler
