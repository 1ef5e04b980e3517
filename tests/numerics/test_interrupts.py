"""An interrupt of compiled code is an interrupt; other system errors stay what they are."""

from __future__ import annotations

import signal
import threading

import pytest
from llvmlite.binding import ffi

from bayesgmm.numerics.interrupts import held_back, interruptible, interrupts
from bayesgmm.numerics.kernels import compiling
from bayesgmm.numerics.kernels.compiling import Kernel


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


def _kernel() -> Kernel:
    return Kernel(lambda x: x + 1, targetoptions={"nopython": True})


def test_an_interrupt_of_a_kernel_is_an_interrupt(monkeypatch):
    def called(kernel, *arguments):
        raise SystemError("returned a result with an exception set") from arguments[0]

    monkeypatch.setattr(compiling, "_call", called)
    with pytest.raises(KeyboardInterrupt):
        _kernel()(KeyboardInterrupt())
    with pytest.raises(SystemError):
        _kernel()(ValueError())


def test_an_interrupt_waits_for_the_compiler_and_leaves_no_lock_taken(monkeypatch):
    """Else all other threads would wait for ever for what the interrupted one has locked."""
    lock, came = type(ffi.lib._lock), []
    enter = lock.__enter__

    def interrupted(self):
        enter(self)
        if not came:
            came.append(True)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(lock, "__enter__", interrupted)
    kernel = _kernel()
    with pytest.raises(KeyboardInterrupt):
        kernel(1)
    assert came
    other = threading.Thread(target=kernel, args=(1.5,), daemon=True)  # it compiles, too
    other.start()
    other.join(30)
    assert not other.is_alive()
    assert kernel(1) == 2
