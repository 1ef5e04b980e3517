"""Progress: bars on a terminal, lines elsewhere, and nothing of what is done at once."""

from __future__ import annotations

import io
import time
from functools import partial
from types import SimpleNamespace

import pytest
import rich
from rich.console import Console

import bayesgmm as bg
from bayesgmm import progress
from bayesgmm.progress import ChainProgress, CountProgress, Pace, TaskProgress, waiting


@pytest.fixture
def screen(monkeypatch):
    """Show everything at once, on what passes for a terminal or for a file."""
    monkeypatch.setattr(progress, "_BETWEEN_LINES", 0.05)

    def of(*, terminal):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=100)
        monkeypatch.setattr(rich, "get_console", lambda: console)
        return file

    return of


def test_a_terminal_gets_a_bar(screen):
    file = screen(terminal=True)
    bar = ChainProgress(2, 50, visible=True)
    bar._after = 0.0
    with bar:
        bar.reporter(0)([SimpleNamespace(finished_draws=20, tuning=True, divergences=3)])
        time.sleep(0.3)
        bar.complete()
    shown = file.getvalue()
    assert "20/50 warm-up, 3 divergent" in shown
    assert "50/50 done" in shown
    assert "chain 1" in shown


def test_a_file_gets_lines_with_the_time(screen):
    file = screen(terminal=False)
    bar = CountProgress("fits", 10, visible=True)
    bar._after = 0.0
    with bar:
        for _ in range(5):
            bar.advance(2)
            time.sleep(0.1)
    *earlier, last = file.getvalue().splitlines()
    assert "fits: 2 of 10 after 0:00" in earlier
    assert any(line.endswith("after 0:00, about 0:00 left") for line in earlier)
    assert last == "fits: 10 of 10 after 0:00"
    assert "\x1b" not in file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_what_cannot_be_counted_shows_the_time(screen, terminal):
    file = screen(terminal=terminal)
    bar = waiting("diagnosing")
    bar._after = 0.0
    with bar:
        time.sleep(0.3)
    assert "diagnosing" in file.getvalue()
    assert "0:00" in file.getvalue()


def test_no_line_is_written_twice(screen):
    file = screen(terminal=False)
    bar = waiting("diagnosing")
    bar._after = 0.0
    with bar:
        time.sleep(0.2)
    assert file.getvalue() == "diagnosing: 0:00 so far\n"


@pytest.mark.parametrize("visible", [True, False])
def test_nothing_shows_of_what_is_quick_or_hidden(screen, visible):
    file = screen(terminal=True)
    with CountProgress("fits", 10, visible=visible) as bar:
        bar.advance(10)
    assert file.getvalue() == ""


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
