"""Progress: bars on a terminal, lines elsewhere, and nothing of what is done at once."""

from __future__ import annotations

import io
import threading
from functools import partial
from types import SimpleNamespace

import pytest
import rich
from rich.console import Console

import bayesgmm as bg
from bayesgmm import progress
from bayesgmm.progress import ChainProgress, CountProgress, Pace, TaskProgress, waiting


class SimulatedClock:
    """A clock that does some steps of work while the display waits, each in some seconds."""

    def __init__(self, steps):
        self.passed, self._steps, self._over = 0.0, list(steps), threading.Event()
        self._due = self._steps[0][0] if self._steps else 0.0

    def wait(self, seconds):
        until = self.passed + seconds
        while self._steps and self._due <= until:
            self.passed = self._due
            self._steps.pop(0)[1]()
            self._due += self._steps[0][0] if self._steps else 0.0
        if not self._steps:
            self._over.set()
            return True
        self.passed = until
        return False

    def stop(self):
        assert self._over.wait(timeout=60), "the display did not wait until the work was over"


@pytest.fixture
def shown(monkeypatch):
    """What a display shows of some steps of work, on what passes for a terminal or for a file."""

    def of(bar, *steps, terminal):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=100)
        monkeypatch.setattr(rich, "get_console", lambda: console)
        monkeypatch.setattr(progress, "Clock", lambda: SimulatedClock(steps))
        with bar:
            pass
        return file.getvalue()

    return of


def test_a_terminal_gets_a_bar(shown):
    bar = ChainProgress(2, 50, visible=True)
    state = SimpleNamespace(finished_draws=20, tuning=True, divergences=3)
    steps = (1.0, lambda: bar.reporter(0)([state])), (3.0, bar.complete)
    screen = shown(bar, *steps, terminal=True)
    assert "20/50 warm-up, 3 divergent" in screen
    assert "50/50 done" in screen
    assert "chain 1" in screen


def test_a_file_gets_lines_with_the_time(shown):
    bar = CountProgress("fits", 20, visible=True)
    lines = shown(bar, *[(5.0, partial(bar.advance, 2))] * 10, terminal=False).splitlines()
    assert lines == [
        "fits: 0 of 20 after 0:02",
        "fits: 4 of 20 after 0:12",
        "fits: 8 of 20 after 0:22, about 0:30 left",
        "fits: 12 of 20 after 0:32, about 0:20 left",
        "fits: 16 of 20 after 0:42, about 0:10 left",
        "fits: 20 of 20 after 0:50",
    ]


def test_what_cannot_be_counted_shows_the_time(shown):
    bars = shown(waiting("diagnosing"), (2.5, lambda: None), terminal=True)
    assert "diagnosing" in bars
    assert "0:00" in bars
    lines = shown(waiting("diagnosing"), (71.0, lambda: None), terminal=False)
    *earlier, last = lines.splitlines()
    assert earlier[:2] == ["diagnosing: 0:02 so far", "diagnosing: 0:12 so far"]
    assert last == "diagnosing: 1:11 so far"


def test_no_line_is_written_twice(shown):
    steps = [(2.5, lambda: None)]
    assert shown(waiting("diagnosing"), *steps, terminal=False) == "diagnosing: 0:02 so far\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_shows_of_what_is_quick(shown, terminal):
    bar = CountProgress("fits", 10, visible=True)
    assert shown(bar, (1.9, partial(bar.advance, 10)), terminal=terminal) == ""


def test_nothing_shows_of_what_is_hidden(shown, monkeypatch):
    bar = CountProgress("fits", 10, visible=False)
    monkeypatch.setattr(SimulatedClock, "stop", lambda clock: None)
    assert shown(bar, (60.0, partial(bar.advance, 10)), terminal=True) == ""


def test_a_display_ends_with_its_work():
    """On the clock of the computer: no display keeps its work waiting."""
    with CountProgress("fits", 10, visible=True) as bar:
        bar.advance(10)
    assert not bar._painter.is_alive()
    assert bar._clock.wait(60.0)
    assert bar._clock.passed < 60.0


def test_the_time_left_is_told_of_even_work_alone():
    """Chains that are slow to warm up finish long before their first pace says."""
    even, uneven, silent = Pace(), Pace(), Pace()
    for second in range(1, 10):
        left = even.left(second, 10.0 * second, 100.0)
        if second > 3:
            assert left == pytest.approx(10.0 - second)
    slow = [uneven.left(second, float(second), 1000.0) for second in range(1, 60)]
    fast = [uneven.left(60 + second, 59 + 100.0 * second, 1000.0) for second in range(1, 9)]
    assert slow == [None] * 59  # not a tenth is done
    assert fast == [None] * 8
    assert [silent.left(second, 0.0, None) for second in range(9)] == [None] * 9


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (bg.cluster, "rows"),
        (partial(bg.impute, n_imputations=1), "missing cells"),
        (partial(bg.partition, max_draws=50, n_runs=1), "searching for a partition"),
    ],
)
def test_answers_that_may_take_long_show_progress_unless_told_not_to(ask, what, monkeypatch):
    shown = []
    monkeypatch.setattr(TaskProgress, "_paint", lambda bar: shown.append(bar._what))
    tree = bg.example_fit()
    ask(tree, progress=False)
    assert shown == []
    ask(tree)
    assert shown == [what]
