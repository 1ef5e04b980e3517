"""Effective draws a second: the smallest over weights, means and scales, warm-up included."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from cases import faithful, half_normal_problem, iris, overlapping, penguins, synthetic
from effective import convergence, quantities
from processes import Peer
from settings import Settings
from stan_question import data_of, start_of
from tables import Record, Table
from timing import Clock, best_seconds

import bayesgmm as bg
from bayesgmm.engines.catalog import Engine
from bayesgmm.engines.starts import dispersed, preparatory_peak
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.seeds import spawn

CHAINS, TUNE, DRAWS, GIBBS_DRAWS = 4, 500, 1000, 5000
PROGRAMS = ("RStan", "RStan, by rows")
BY_ROWS = ("synthetic", "faithful", "iris")  # others would take the slower program too long
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()

NOTE = (
    f"{CHAINS} chains from dispersed points around the posterior mode, {TUNE} draws of warm-up "
    f"and {DRAWS} more (Gibbs: {GIBBS_DRAWS}), on {CORES} cores, on the standard scale, target "
    "acceptance 0.8. seconds: the sampler with its warm-up; compiling and the search for the mode "
    "are not in it. RStan's chains are forked, so that starting R is not in it either. "
    "effective: the smallest effective sample size (bulk, ArviZ) over weights, means and scales, "
    "averaged over the rounds; r_hat: the largest. RStan: stan/mixture.stan; by rows: "
    "stan/by_rows.stan, the usual program, in one round only."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of samplers."""
    cases = {
        "synthetic": (synthetic(), 3), "faithful": (faithful(), 2), "iris": (iris(), 2),
        "penguins": (penguins(), 3), "overlapping": (overlapping(), 3),
    }  # fmt: skip
    if settings.quick:
        cases = {"faithful": cases["faithful"]}
    records = []
    with settings.rstan() as peer, settings.rstan("by_rows") as slower:
        for program in (peer, slower):
            if program is not None:
                program.ask("compile")
        for name, case in cases.items():
            patient = settings.slow and name in BY_ROWS
            records += _case(name, *case, settings, peer, slower if patient else None)
        versions = peer.ask("version") if peer else {}
    told = f" RStan {versions['version']}, R {versions['R']}." if versions else ""
    return [Table("Samplers, effective draws a second", NOTE + told, records)]


def _case(
    name: str, X: np.ndarray, k: int, settings: Settings, peer: Peer | None, slower: Peer | None
) -> list[Record]:
    problem = half_normal_problem(X, k)
    target = Target(problem.scaled_spec, problem.scaled_data)
    start = EM().run(target.spec, target.data, seed=0)
    tune, draws, many = (20, 50, 100) if settings.quick else (TUNE, DRAWS, GIBBS_DRAWS)
    engines = {
        "NUTS": bg.NUTS(draws=draws, tune=tune, chains=CHAINS, cores=CORES),
        "Gibbs": bg.Gibbs(draws=many, tune=tune, chains=CHAINS, cores=CORES),
    }
    drawn: dict[str, list[np.ndarray]] = {label: [] for label in (*engines, *PROGRAMS)}
    clocks = {}
    for label, engine in engines.items():
        engine.__class__(draws=5, tune=5, chains=1).run(  # compiles
            target.spec, target.data, start=start, seed=0
        )
        clocks[label] = _clock_of(engine, target, start, drawn[label])
    file = settings.workspace / "draws"
    programs = {
        label: stan_clock(program, target, start, (tune, draws), file, drawn[label])
        for label, program in zip(PROGRAMS, (peer, slower), strict=True)
        if program is not None
    }
    once = {label: clock for label, clock in programs.items() if label == PROGRAMS[1]}
    often = {label: clock for label, clock in programs.items() if label not in once}
    best = best_seconds(clocks | often, rounds=settings.rounds, warm_up=False)
    best |= best_seconds(once, rounds=1, warm_up=False)
    return [
        {"table": name, "n": X.shape[0], "d": X.shape[1], "k": k, "sampler": label}
        | _figures(seconds, drawn[label])
        for label, seconds in best.items()
    ]


def _clock_of(engine: Engine, target: Target, start: PointEstimate, drawn: list) -> Clock:
    def clock() -> float:
        started = time.perf_counter()
        tree = engine.run(target.spec, target.data, start=start, seed=len(drawn) + 1)
        seconds = time.perf_counter() - started
        drawn.append(quantities(tree["posterior"]))
        return seconds

    return clock


def stan_clock(
    peer: Peer,
    target: Target,
    start: PointEstimate,
    sizes: tuple[int, int],
    file: Path,
    drawn: list,
) -> Clock:
    """Return a clock for RStan's sampler; its draws are appended to ``drawn``."""
    peak = preparatory_peak(target, start.parameters)
    positions = dispersed(target, peak, spawn(0, CHAINS))
    question = {
        "data": data_of(target),
        "inits": [start_of(target.layout.unpack(position)) for position in positions],
        "tune": sizes[0], "draws": sizes[1], "cores": CORES, "file": str(file),
    }  # fmt: skip

    def clock() -> float:
        told = peer.ask("draw", **question, seed=len(drawn) + 1)
        values = np.fromfile(file).reshape(told["shape"], order="F")
        drawn.append(np.swapaxes(values, 0, 1))
        return told["seconds"]

    return clock


def _figures(seconds: float, drawn: list[np.ndarray]) -> Record:
    sizes, r_hats = zip(*map(convergence, drawn), strict=True)
    effective = float(np.mean(sizes))
    return {
        "draws": drawn[0].shape[0] * drawn[0].shape[1], "seconds": seconds,
        "effective": effective, "a second": effective / seconds, "r_hat": f"{max(r_hats):.3f}",
    }  # fmt: skip
