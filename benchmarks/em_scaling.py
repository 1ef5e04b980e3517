"""EM as tables grow: time for a row, and memory beyond the rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from cases import clouds
from em import onedal_question, optimize, start_at
from processes import run_job
from settings import Settings
from tables import Record, Table
from timing import best_seconds, clocked

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = (1_000, 10_000)

TIME_NOTE = (
    "Our EM, d = 2, k = 5, full covariances. Milliseconds an iteration (as in the table of EM) "
    "for a million rows: the same number everywhere if the cost is linear in n."
)
MEMORY_NOTE = (
    "How far the peak of resident memory rises during EM, the rows being in memory before; each "
    "in a new process that has run EM on a small table (Linux). bg.estimate also checks, holds "
    "the standardized copy of the rows, and starts."
)


def measure(settings: Settings) -> list[Table]:
    """Return the tables of time and memory."""
    sizes = QUICK_SIZES if settings.quick else SIZES
    times = [_time(n, settings.rounds) for n in sizes]
    memory = _memory(settings, 10_000 if settings.quick else 1_000_000, 4, 8)
    return [
        Table("EM, time as rows are added", TIME_NOTE, times),
        Table("EM, memory beyond the rows", MEMORY_NOTE, [memory]),
    ]


def _time(n: int, rounds: int) -> Record:
    X, centers = clouds(n, 2, 5)
    start, iterations = start_at(centers), 51 if n <= 100_000 else 6
    seconds = best_seconds(
        {count: clocked(lambda c=count: optimize(X, start, c)) for count in (iterations, 1)},
        rounds=rounds,
    )
    each = (seconds[iterations] - seconds[1]) / (iterations - 1)
    return {"n": n, "ms an iteration": each * 1e3, "ms for a million rows": each * 1e9 / n}


def _memory(settings: Settings, n: int, d: int, k: int) -> Record:
    X, centers = clouds(n, d, k)
    record = {"n": n, "d": d, "k": k, "rows, MB": X.nbytes / 2**20}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        for name, run in (
            ("EM.optimize", "climb"), ("bg.estimate", "estimate"), ("scikit-learn", "scikit-learn")
        ):  # fmt: skip
            record[f"{name}, MB"] = run_job("memory", run, path, k)["megabytes"]
        with settings.onedal() as peer:
            if peer is not None:
                question = onedal_question(path, start_at(centers))
                record["oneDAL, MB"] = peer.ask("memory", **question, iterations=2)["megabytes"]
    return record
