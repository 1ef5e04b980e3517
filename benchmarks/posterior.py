"""Time to a posterior, for somebody who has just installed the program and for one who has not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from cases import half_normal_problem, synthetic
from effective import convergence
from processes import run_job
from samplers import stan_clock
from settings import Settings
from tables import Record, Table

from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM

NOTE = (
    "n = 1000, d = 2, k = 3, 4 chains of 500 + 1000 draws, each line a new process. first ever: "
    "every cache of compiled code is empty; later: as the line before left them. imports and fit: "
    "seconds; fit holds reading, the search for the mode, compiling, sampling and gathering. "
    "again: a second fit in the same process. naive PyMC: pm.Mixture over MvNormal, pm.sample "
    "with its defaults. RStan: the first line holds compiling; starting R, reading and "
    "the search for the mode, which it is given, are in neither."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of times to a posterior."""
    sizes = (50, 50) if settings.quick else (500, 1000)
    records = _first_and_later("bg.fit", "our_fit", sizes)
    if settings.slow:
        records += _first_and_later("naive PyMC", "naive_pymc", sizes)
    records += _stan(settings, sizes)
    return [Table("Time to posterior", NOTE, records)]


def _first_and_later(label: str, job: str, sizes: tuple[int, int]) -> list[Record]:
    with tempfile.TemporaryDirectory() as folder:
        return [
            _record(f"{label}, {when}", run_job(job, *sizes, caches=Path(folder)))
            for when in ("first ever", "later")
        ]


def _record(label: str, told: dict) -> Record:
    return {
        "program": label, "imports": told["imports"], "fit": told["first"],
        "again": told.get("again"), "process": told["process"],
        "effective": told["effective"], "r_hat": f"{told['r_hat']:.3f}",
    }  # fmt: skip


def _stan(settings: Settings, sizes: tuple[int, int]) -> list[Record]:
    problem = half_normal_problem(synthetic(), 3)
    target = Target(problem.scaled_spec, problem.scaled_data)
    start = EM().run(target.spec, target.data, seed=0)
    with settings.rstan() as peer:
        if peer is None:
            return []
        compiling = peer.ask("compile", fresh=True)["seconds"]
        drawn: list[np.ndarray] = []
        file = settings.workspace / "draws"
        sampling = stan_clock(peer, target, start, sizes, file, drawn)()
    effective, r_hat = convergence(drawn[0])
    quality = {"effective": effective, "r_hat": f"{r_hat:.3f}"}
    return [
        {"program": "RStan, first ever", "fit": compiling + sampling, **quality},
        {"program": "RStan, later", "fit": sampling, **quality},
    ]
