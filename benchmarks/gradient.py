"""One value and gradient of the log posterior, by four programs."""

from __future__ import annotations

import time

import numpy as np
from cases import half_normal_problem, penguins, synthetic
from peers.naive_pymc import naive_model
from processes import Peer
from settings import Settings
from stan_question import data_of, start_of
from tables import Record, Table
from threadpoolctl import threadpool_limits
from timing import Clock, best_seconds, clocked

from bayesgmm.engines.target import Target
from bayesgmm.estimation.em import EM
from bayesgmm.models.mixture import declare_model

NOTE = (
    "Microseconds for log density and gradient at the posterior mode, one core, same priors, on "
    "the standard scale; called from Python (RStan: from R). compile: seconds that come first, "
    "with the caches of earlier runs. PyMC: the model of bg.build_model, and pm.Mixture over "
    "MvNormal as in PyMC's gallery (at its own initial point). RStan: stan/mixture.stan, which "
    "whitens all rows by one triangular solve for each component."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of gradients."""
    tables = {"synthetic": (synthetic(), 3), "penguins": (penguins(), 3)}
    if settings.quick:
        tables = {"synthetic": (synthetic()[:100], 2)}
    records = []
    with settings.rstan() as peer:
        compile_seconds = peer.ask("compile")["seconds"] if peer else None
        for name, case in tables.items():
            records += _case(name, *case, settings, peer, compile_seconds)
    return [Table("Gradient of the log posterior", NOTE, records)]


def _case(
    name: str, X: np.ndarray, k: int, settings: Settings, peer: Peer | None, compiling: float | None
) -> list[Record]:
    problem = half_normal_problem(X, k)
    target = Target(problem.scaled_spec, problem.scaled_data)
    mode = EM(n_starts=3).run(target.spec, target.data, seed=0).parameters
    position = target.position_of(mode)
    compile_seconds: dict[str, float | None] = {"bayesgmm": None}
    runs = {"bayesgmm": (_repeated(lambda: target(position), 1000), 1000)}
    if not settings.quick:  # minutes of compilation
        rows = target.data.values
        declared = declare_model(rows, target.spec, feature_names=problem.data.feature_names)
        for label, model in {"PyMC": declared, "naive PyMC": naive_model(rows, k)}.items():
            started = time.perf_counter()
            at = position if label == "PyMC" else None
            runs[label] = (_repeated(_pymc_gradient(model, at), 100), 100)
            compile_seconds[label] = time.perf_counter() - started
    if peer is not None:
        question = {"data": data_of(target), "init": start_of(mode), "repeats": 200}
        runs["RStan"] = (lambda: peer.ask("gradient", **question)["seconds"], 200)
        compile_seconds["RStan"] = compiling
    with threadpool_limits(1, "blas"):  # threads only get into each other's way at this size
        best = best_seconds(
            {label: run for label, (run, _) in runs.items()}, rounds=5 * settings.rounds
        )
    each = {label: best[label] / count * 1e6 for label, (_, count) in runs.items()}
    return [
        {
            "table": name, "n": X.shape[0], "d": X.shape[1], "k": k, "program": label, "us": us,
            "times ours": us / each["bayesgmm"], "compile, s": compile_seconds[label],
        }
        for label, us in each.items()
    ]  # fmt: skip


def _repeated(run: object, count: int) -> Clock:
    def several() -> None:
        for _ in range(count):
            run()

    return clocked(several)


def _pymc_gradient(model: object, position: np.ndarray | None) -> object:
    from pymc.blocking import DictToArrayBijection

    function = model.logp_dlogp_function(ravel_inputs=True)
    function.set_extra_values({})
    if position is None:
        position = DictToArrayBijection.map(model.initial_point()).data
    function(position)
    return lambda: function(position)
