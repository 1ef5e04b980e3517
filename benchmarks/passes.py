"""How many passes over the rows EM needs until it has converged."""

from __future__ import annotations

import numpy as np
from cases import clouds, faithful, iris, penguins
from settings import Settings
from tables import Record, Table

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.starts import start

SOLVERS = {"accelerated": bg.EM(), "plain": bg.EM(acceleration="none")}
"""The ways of climbing to compare; every one starts from the same points."""

STARTS = 5

NOTE = (
    "Passes over the rows (PointEstimate.n_passes) until an iteration of EM gains less than the "
    "default tolerance: median of five starts from random rows, posterior mode, default priors. "
    "objective: the best that was reached; unfinished: starts that stopped at 2000 iterations."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of passes."""
    n = 1_000 if settings.quick else 20_000
    tables = {
        "faithful": (faithful(), 3), "iris": (iris(), 3), "penguins": (penguins(), 4),
        "overlapping clouds": (clouds(n, 4, 8)[0], 8),
    }  # fmt: skip
    return [Table("EM, passes to convergence", NOTE, [_case(*item) for item in tables.items()])]


def _case(name: str, table: tuple[np.ndarray, int]) -> Record:
    X, k = table
    problem = Problem.pose(X, bg.MixtureSpec(k))
    objective = Objective(problem.scaled_spec, problem.data.n_features, uses_prior=True)
    rows = problem.scaled_data.rows
    record = {"table": name, "n": X.shape[0], "d": X.shape[1], "k": k}
    for label, solver in SOLVERS.items():
        reached = [
            solver.optimize(
                rows, start(rows, objective, "random", np.random.default_rng(seed)), objective
            )
            for seed in range(STARTS)
        ]
        record[label] = float(np.median([point.n_passes for point in reached]))
        record[f"{label}, objective"] = f"{max(point.objective for point in reached):.4f}"
        record[f"{label}, unfinished"] = sum(not point.converged for point in reached)
    return record
