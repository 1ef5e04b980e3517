"""Posteriors of large tables, once each."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from cases import clouds, half_normal_problem
from effective import convergence, quantities
from settings import Settings
from tables import Record, Table

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.seeds import RandomSeed

NUTS_NOTE = (
    "Clouds eight standard deviations apart. bg.fit with default priors, everything counted: "
    "reading, EM from {n_starts} starts, {chains} chains of {tune} + {draws} draws, relabeling. "
    "Log-likelihoods of rows are not kept at this size. start: the part that EM takes."
)
GIBBS_NOTE = (
    "One chain of Gibbs(tune={tune}, draws={draws}).run: sweeps and the log density of every kept "
    "draw. The search for the mode is not in it."
)


def measure(settings: Settings) -> list[Table]:
    """Return the tables, or none of them: they take many minutes."""
    if not (settings.slow or settings.quick):
        return []
    nuts, gibbs = bg.NUTS(draws=500, tune=300), bg.Gibbs(draws=900, tune=100, chains=1)
    sizes = {"nuts": (100_000, 4, 5), "gibbs": (1_000_000, 2, 6)}
    if settings.quick:
        nuts, gibbs = bg.NUTS(draws=20, tune=20), bg.Gibbs(draws=20, tune=20, chains=1)
        sizes = {"nuts": (1_000, 4, 5), "gibbs": (10_000, 2, 6)}
    note = NUTS_NOTE.format(
        n_starts=EM().n_starts, chains=nuts.chains, tune=nuts.tune, draws=nuts.draws
    )
    return [
        Table("Large table, NUTS", note, [_nuts(nuts, *sizes["nuts"])]),
        Table("Large table, Gibbs", GIBBS_NOTE.format(tune=gibbs.tune, draws=gibbs.draws),
              [_gibbs(gibbs, *sizes["gibbs"])]),
    ]  # fmt: skip


@dataclass(frozen=True)
class TimedEM(EM):
    """EM that notes how long it took."""

    seconds: list[float] = field(default_factory=list)

    def run(self, spec: bg.MixtureSpec, data: Dataset, *, seed: RandomSeed) -> PointEstimate:
        """Find the mode as EM does."""
        started = time.perf_counter()
        point = super().run(spec, data, seed=seed)
        self.seconds.append(time.perf_counter() - started)
        return point


def _nuts(engine: bg.NUTS, n: int, d: int, k: int) -> Record:
    X, solver = clouds(n, d, k, apart=8.0)[0], TimedEM()
    started = time.perf_counter()
    tree = bg.fit(X, bg.MixtureSpec(k), engine=engine, solver=solver, random_seed=1, progress=False)
    seconds = time.perf_counter() - started
    effective, r_hat = convergence(quantities(tree["posterior"]))
    return {
        "n": n, "d": d, "k": k, "minutes": seconds / 60,
        "start, minutes": sum(solver.seconds) / 60,
        "effective": effective, "r_hat": f"{r_hat:.3f}",
    }  # fmt: skip


def _gibbs(engine: bg.Gibbs, n: int, d: int, k: int) -> Record:
    problem = half_normal_problem(clouds(n, d, k, apart=8.0)[0], k)
    question = problem.scaled_spec, problem.scaled_data
    start = EM(n_starts=4).run(*question, seed=1)
    started = time.perf_counter()
    tree = engine.run(*question, start=start, seed=1)
    seconds = time.perf_counter() - started
    effective, _ = convergence(quantities(tree["posterior"]))
    return {
        "n": n, "d": d, "k": k, "sweeps": engine.tune + engine.draws, "seconds": seconds,
        "ms a sweep": seconds * 1e3 / (engine.tune + engine.draws), "effective": effective,
    }  # fmt: skip
