"""Progress display: a line at the start, bars, or lines with the elapsed time.

Bars and lines are drawn by a separate thread, which polls the state from time to time. So
computing code only counts, and nothing is shown for work that is quickly done.
"""

from __future__ import annotations

import math
import threading
import time
from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from bayesgmm.digits import counted

if TYPE_CHECKING:
    from rich.progress import Progress

_NOTHING_SHOWN = 2.0  # seconds; what takes less needs no bar
_BETWEEN_PICTURES = 0.125  # seconds, on a terminal
_BETWEEN_LINES = 10.0  # seconds, elsewhere
_UNEVEN = 2.0  # ratio of speeds beyond which the remaining time is unpredictable


@dataclass
class Task:
    """Work: its name, how much there is if that is known, how much is done, and a remark."""

    name: str
    total: float | None
    done: float = 0.0
    remark: str = ""

    @property
    def counted(self) -> str:
        """How much of it is done, in words."""
        return (
            self.remark if self.total is None else f"{self.done:.0f}/{self.total:.0f} {self.remark}"
        )


class Clock:
    """The time that has passed in some work, and whether the work is over."""

    def __init__(self) -> None:
        self._began, self._over = time.monotonic(), threading.Event()

    @property
    def passed(self) -> float:
        """Seconds since the work began."""
        return time.monotonic() - self._began

    def wait(self, seconds: float) -> bool:
        """Wait, at most until the work is over; return whether it is."""
        return self._over.wait(seconds)

    def stop(self) -> None:
        """Declare the work over."""
        self._over.set()


class TaskProgress:
    """A bar for each task, within a ``with`` block, or nothing at all.

    Where there is neither a terminal nor a notebook, a line for all tasks every ten seconds. The
    remaining time is shown once progress is steady.

    Parameters
    ----------
    what : str
        What is counted, for that line.
    tasks : list of Task
        Others may change ``done`` and ``remark`` at any time.
    visible : bool
    """

    def __init__(self, what: str, tasks: list[Task], *, visible: bool) -> None:
        self._what, self._tasks, self._visible, self._pace = what, tasks, visible, Pace()
        self._painter: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._clock = Clock()
        if self._visible:
            self._painter = threading.Thread(target=self._paint, daemon=True)
            self._painter.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clock.stop()
        if self._painter is not None:
            self._painter.join()

    def _paint(self) -> None:
        from rich import get_console

        if self._clock.wait(_NOTHING_SHOWN):
            return
        if get_console().is_terminal or get_console().is_jupyter:
            self._paint_bars()
        else:
            self._write_lines()

    def _paint_bars(self) -> None:
        with _empty_bars() as bars:
            numbers = [
                bars.add_task(task.name, total=task.total, counted="", left="")
                for task in self._tasks
            ]
            paces, over = [Pace() for _ in self._tasks], False
            while not over:
                over, passed = self._clock.wait(_BETWEEN_PICTURES), self._clock.passed
                for number, task, pace in zip(numbers, self._tasks, paces, strict=True):
                    left = pace.left(passed, task.done, task.total)
                    bars.update(
                        number, completed=task.done, counted=task.counted, left=_in_words(left)
                    )
                bars.refresh()

    def _write_lines(self) -> None:
        last, over = "", False
        while not over:
            last = self._write_line(last)
            over = self._clock.wait(_BETWEEN_LINES)
        self._write_line(last)

    def _write_line(self, last: str) -> str:
        """Write a line unless it says what the last one did."""
        from rich import get_console

        line = self._line()
        if line != last:
            get_console().print(line, highlight=False, markup=False, soft_wrap=True)
        return line

    def _line(self) -> str:
        passed = self._clock.passed
        totals = [task.total for task in self._tasks if task.total is not None]
        if not totals:
            return f"{self._what}: {_minutes(passed)} so far"
        done, total = sum(task.done for task in self._tasks), sum(totals)
        line = f"{self._what}: {done:.0f} of {total:.0f} after {_minutes(passed)}"
        left = _in_words(self._pace.left(passed, done, total))
        return f"{line}, {left}" if left else line


class Pace:
    """The steadiness of some work, and its remaining time.

    Examples
    --------
    >>> from bayesgmm.progress import Pace
    >>> even, slow_at_first = Pace(), Pace()
    >>> [even.left(passed, 2 * passed, 100) for passed in (1.0, 15.0, 20.0)]
    [None, None, 30.0]
    >>> [slow_at_first.left(passed, passed**3, 10_000) for passed in (1.0, 15.0, 20.0)]
    [None, None, None]
    """

    def __init__(self) -> None:
        self._seen = [(0.0, 0.0)]

    def left(self, passed: float, done: float, total: float | None) -> float | None:
        """Return the seconds left, or ``None`` if unpredictable.

        Speeds of the whole time and of its last quarter must agree up to a factor, and a tenth be
        done: the first iterations of a chain may be slow, and those of its warm-up.
        """
        last = max(bisect(self._seen, (0.75 * passed, math.inf)) - 1, 0)
        then, before = self._seen[last]
        self._seen.append((passed, done))
        if total is None or len(self._seen) <= 3 or not 0.1 * total <= done < total:
            return None
        if done <= before or passed <= then:
            return None
        recent, whole = (done - before) / (passed - then), done / passed
        if not 1 / _UNEVEN <= recent / whole <= _UNEVEN:
            return None
        return (total - done) / recent


class ChainProgress(TaskProgress):
    """Progress of chains.

    Parameters
    ----------
    n_chains : int
    total : int
        Iterations of each chain, warm-up included.
    visible : bool
    """

    def __init__(self, n_chains: int, total: int, *, visible: bool) -> None:
        tasks = [Task(f"chain {number}", total, remark="waiting") for number in range(n_chains)]
        super().__init__(f"iterations of {counted(n_chains, 'chain')}", tasks, visible=visible)

    def reporter(self, chain: int) -> Callable[[list[Any]], None]:
        """Return the callback through which one chain reports its state."""
        task = self._tasks[chain]

        def report(states: list[Any]) -> None:
            state = states[0]
            divergent = f", {state.divergences} divergent" if state.divergences else ""
            task.done = state.finished_draws
            task.remark = ("warm-up" if state.tuning else "draws") + divergent

        return report

    def complete(self) -> None:
        """Show every bar as full; the last report of a chain may have come too early."""
        for task in self._tasks:
            task.done, task.remark = task.total or task.done, "done"


class CountProgress(TaskProgress):
    """Progress of things that are done one after the other; may be advanced from any thread.

    Parameters
    ----------
    what : str
        What is counted.
    total : int
    visible : bool
    """

    def __init__(self, what: str, total: int, *, visible: bool) -> None:
        self._task, self._lock = Task(what, total), threading.Lock()
        super().__init__(what, [self._task], visible=visible)

    def advance(self, number: int) -> None:
        """Say that so many more are done."""
        with self._lock:
            self._task.done += number


def waiting(what: str, *, visible: bool = True) -> TaskProgress:
    """Return a bar for work that cannot be counted: it shows the time that has passed."""
    return TaskProgress(what, [Task(what, None)], visible=visible)


def announce(line: str) -> None:
    """Print one line."""
    from rich import get_console

    get_console().print(line, highlight=False, soft_wrap=True)


def announce_interruption() -> None:
    """Say in one line that an interrupt was heard; what follows takes seconds with many rows."""
    announce("Interrupted; the draws that are finished are kept and put in order")


def _empty_bars() -> Progress:
    from rich import get_console
    from rich import progress as parts

    return parts.Progress(
        parts.TextColumn("{task.description}"),
        parts.BarColumn(),
        parts.TextColumn("{task.fields[counted]}"),
        parts.TimeElapsedColumn(),
        parts.TextColumn("{task.fields[left]}"),
        auto_refresh=False,
        console=get_console(),
    )


def _in_words(left: float | None) -> str:
    return "" if left is None else f"about {_minutes(left)} left"


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
