"""What a person sees while something runs: a line on its start, and bars."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bayesgmm.estimation.point_estimate import PointEstimate

if TYPE_CHECKING:
    from rich.progress import Progress


class _Bars:
    """Bars that are on the screen within a ``with`` block."""

    _bars: Progress

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()


class ChainProgress(_Bars):
    """Progress bars for chains, or nothing at all where they are not wanted.

    Parameters
    ----------
    n_chains : int
    total : int
        Iterations of each chain, warm-up included.
    visible : bool
    """

    def __init__(self, n_chains: int, total: int, *, visible: bool) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._total = total
        self._bars = Progress(
            TextColumn("chain {task.fields[number]}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[phase]}"),
            TimeElapsedColumn(),
            disable=not visible,
            refresh_per_second=8,
        )
        self._tasks = [
            self._bars.add_task("", total=total, number=number, phase="waiting")
            for number in range(n_chains)
        ]

    def reporter(self, chain: int) -> Callable[[list[Any]], None]:
        """Return the callback through which one chain reports its state."""

        def report(states: list[Any]) -> None:
            state = states[0]
            divergent = f", {state.divergences} divergent" if state.divergences else ""
            phase = "warm-up" if state.tuning else "draws"
            self._bars.update(
                self._tasks[chain], completed=state.finished_draws, phase=phase + divergent
            )

        return report

    def complete(self) -> None:
        """Show every bar as full; the last report of a chain may have come too early."""
        for task in self._tasks:
            self._bars.update(task, completed=self._total, phase="done")


class CountProgress:
    """One bar for things that are done one after the other, or nothing at all.

    It is shown within a ``with`` block, and may be advanced from any thread.

    Parameters
    ----------
    what : str
        What is counted.
    total : int
    visible : bool
    after : float, default 0
        Seconds that pass before it shows; what takes less time needs no bar.
    """

    def __init__(self, what: str, total: int, *, visible: bool, after: float = 0.0) -> None:
        self._what, self._total, self._visible, self._after = what, total, visible, after
        self._done, self._lock = 0, threading.Lock()
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self.advance(0)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def advance(self, number: int) -> None:
        """Say that so many more are done."""
        with self._lock:
            self._done += number
            if self._bars is None and self._visible and self._waited():
                self._show()
        if self._bars is not None:
            self._bars.update(self._task, completed=self._done)

    def _waited(self) -> bool:
        return time.monotonic() - self._began >= self._after

    def _show(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn(self._what),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeRemainingColumn(),
            refresh_per_second=8,
        )
        self._task = self._bars.add_task("", total=self._total)
        self._bars.start()


def announce_start(start: PointEstimate) -> None:
    """Say in one line how the search for the starting point went."""
    from rich import get_console

    get_console().print(
        f"EM {start.status.text} after {start.n_iterations} iterations; {start.starts}",
        highlight=False,
    )
