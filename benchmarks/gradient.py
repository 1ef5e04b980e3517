"""One value and gradient of the log posterior, by four programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pymc as pm
from cases import half_normal_problem, penguins, synthetic
from peers.naive_pymc import naive_model
from processes import Peer
from pymc.blocking import DictToArrayBijection
from settings import Settings
from stan_question import data_of, start_of
from tables import Record, Table
from threadpoolctl import threadpool_limits
from timing import Clock, best_seconds, clocked

from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM
from bayesgmm.models.mixture import declare_model

NOTE = (
    "Microseconds for log density and gradient at the posterior mode, one core, same priors, on "
    "the standard scale; called from Python (RStan: from R). compile: seconds that come first, "
    "with empty caches (ours are compiled once for all tables). PyMC: the model of "
    "bg.build_model, and pm.Mixture over MvNormal as in PyMC's gallery (at its own initial "
    "point), BLAS on one thread. RStan: stan/mixture.stan, which whitens all rows by one "
    "triangular solve for each component; by rows: stan/by_rows.stan, the usual program."
)


@dataclass(frozen=True)
class Program:
    """A clock for so many gradients, and the seconds of compiling before."""

    clock: Clock
    repeats: int
    compiling: float | None


def measure(settings: Settings) -> list[Table]:
    """Return the table of gradients."""
    tables = {"synthetic": (synthetic(), 3), "penguins": (penguins(), 3)}
    if settings.quick:
        tables = {"synthetic": (synthetic()[:100], 2)}
    records = []
    with settings.rstan() as peer, settings.rstan("by_rows") as slower:
        peers = {"RStan": peer, "RStan, by rows": slower}
        compiling = {label: one.ask("compile")["seconds"] for label, one in peers.items() if one}
        for name, case in tables.items():
            records += _case(name, *case, settings, peers, compiling)
    return [Table("Gradient of the log posterior", NOTE, records)]


def _case(
    name: str,
    X: np.ndarray,
    k: int,
    settings: Settings,
    peers: dict[str, Peer | None],
    compiling: dict[str, float],
) -> list[Record]:
    problem = half_normal_problem(X, k)
    target = Target(problem.scaled_spec, problem.scaled_data)
    mode = EM(n_starts=3).run(target.spec, target.data, seed=0).parameters
    position = target.position_of(mode)
    programs = {"bayesgmm": Program(_repeated(lambda: target(position), 1000), 1000, None)}
    if not settings.quick:  # minutes of compilation
        programs["PyMC"] = _pymc(declare_model(target.data, target.spec), position)
        programs["naive PyMC"] = _pymc(naive_model(target.data.values, k), None)
    question = {"data": data_of(target), "init": start_of(mode), "repeats": 200}
    for label, seconds in compiling.items():
        programs[label] = Program(
            lambda peer=peers[label]: peer.ask("gradient", **question)["seconds"], 200, seconds
        )
    with threadpool_limits(1, "blas"):  # threads only get into each other's way at this size
        best = best_seconds(
            {label: program.clock for label, program in programs.items()},
            rounds=5 * settings.rounds,
        )
    each = {label: best[label] / program.repeats * 1e6 for label, program in programs.items()}
    return [
        {
            "table": name, "n": X.shape[0], "d": X.shape[1], "k": k, "program": label,
            "us": each[label], "times ours": each[label] / each["bayesgmm"],
            "compile, s": program.compiling,
        }
        for label, program in programs.items()
    ]  # fmt: skip


def _pymc(model: pm.Model, position: np.ndarray | None) -> Program:
    """Compile the gradient of a model, to be taken at a position or at its initial point."""
    if position is None:
        position = DictToArrayBijection.map(model.initial_point()).data
    started = time.perf_counter()
    gradient = model.logp_dlogp_function(ravel_inputs=True)
    gradient.set_extra_values({})
    gradient(position)
    compiling = time.perf_counter() - started
    return Program(_repeated(lambda: gradient(position), 100), 100, compiling)


def _repeated(run: Callable[[], object], count: int) -> Clock:
    def several() -> None:
        for _ in range(count):
            run()

    return clocked(several)
