"""What missing cells cost: the same rows with and without them."""

from __future__ import annotations

import numpy as np
from cases import clouds
from settings import Settings
from tables import Record, Table
from timing import best_seconds, clocked

import bayesgmm as bg
from bayesgmm.engines.gibbs import Sweeper
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem

PATTERNS, FEATURES, COMPONENTS = 20, 8, 3
NOTE = (
    f"{COMPONENTS} clouds in {FEATURES} dimensions, ten standard deviations apart; every row "
    f"follows one of {PATTERNS} patterns, in which a quarter of the cells is missing. ratio: over "
    "the same rows with no cell missing, measured in turn. EM: 10 starts. fit: NUTS or Gibbs with "
    "their defaults, from the table to the diagnosed tree."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of costs."""
    sizes = (200,) if settings.quick else (500, 2_000, 20_000)
    records = [record for n in sizes for record in _case(n, settings)]
    return [Table("Missing cells", NOTE, records)]


def _case(n: int, settings: Settings) -> list[Record]:
    whole, _ = clouds(n, FEATURES, COMPONENTS, apart=10.0)
    rng = np.random.default_rng(1)
    patterns = rng.random((PATTERNS, FEATURES)) < 0.25
    patterns[:, 0] &= ~patterns.all(axis=1)
    gaps = np.where(patterns[rng.integers(PATTERNS, size=n)], np.nan, whole)
    works = {name: _works(X, n <= 2_000) for name, X in (("whole", whole), ("gaps", gaps))}
    records = []
    for part in works["whole"]:
        clocks = {name: clocked(work[part]) for name, work in works.items()}
        seconds = best_seconds(clocks, rounds=settings.rounds)
        records.append({
            "n": n, "part": part, "whole, ms": seconds["whole"] * 1e3,
            "missing, ms": seconds["gaps"] * 1e3, "ratio": seconds["gaps"] / seconds["whole"],
        })  # fmt: skip
    return records


def _works(X: np.ndarray, with_fits: bool) -> dict:
    spec, solver = bg.MixtureSpec(COMPONENTS), bg.EM(n_starts=10)
    problem = Problem.pose(X, spec)
    question = problem.scaled_spec, problem.scaled_data
    target = Target(*question)
    position = target.position_of(solver.run(*question, seed=0).parameters)
    works = {
        "100 gradients": lambda: [target(position) for _ in range(100)],
        "100 sweeps": lambda: Sweeper(target).run(position.copy(), 100, np.random.default_rng(0)),
        "EM": lambda: solver.run(*question, seed=0),
    }
    if with_fits:
        for engine in (bg.NUTS(), bg.Gibbs()):
            works[f"fit, {type(engine).__name__}"] = lambda engine=engine: bg.fit(
                X, spec, engine=engine, random_seed=1, progress=False
            )
    return works
