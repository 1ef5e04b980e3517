"""Finding the mode: how often the best objective that is known is reached, and in what time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from settings import Settings
from sklearn.cluster import KMeans
from tables import Record, Table

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.optimization import optimize, optimize_from_partition
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.starts import from_labels, partition
from bayesgmm.numerics.blocks import one_thread_for_small_algebra
from bayesgmm.numerics.rows import RowsInMemory

_REACHED = 0.01
_OPTIONS = {"tolerance": 1e-9, "max_iterations": 2000, "accelerated": True}

GROUPS = {"2 to 4": (2, 4), "5 to 9": (5, 9), "10 to 19": (10, 19), "20 to 50": (20, 50)}
"""Numbers of components, as they stand in the table."""

NOTE = (
    "Tables of 2 to 50 normals in 1 to 20 dimensions, 30 or 60 rows for each (more in many "
    "dimensions), balanced or not, the nearest two at least 3.5, 5 or 8 standard deviations apart; "
    "modes of the posterior under the default priors. Share of the tables in which the objective "
    "is within 0.01 of the best that any of the programs has reached. bayesgmm: bg.EM(); truth: "
    "one run of EM from the true clusters; k-means: one from those of scikit-learn's "
    "KMeans(n_init=10); plain: 20 starts from k-means++ and from random rows in turn, every one of "
    "them run to the end, on each eighth table only. Seconds are medians of single runs."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of shares."""
    size = 8 if settings.quick else 200
    cases = [_case(seed, with_plain=seed % 8 == 0) for seed in range(size)]
    records = [
        _summary(name, [case for case in cases if low <= case["k"] <= high])
        for name, (low, high) in GROUPS.items()
    ]
    return [Table("Search, the best objective reached", NOTE, [*records, _summary("all", cases)])]


def blobs(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and their clusters."""
    rng = np.random.default_rng([8, seed])
    k, d = (int(np.exp(rng.uniform(0, np.log(high + 0.5 - low))) + low - 0.5)
            for low, high in ((2, 50), (1, 20)))  # fmt: skip
    n_rows = int(k * rng.choice([30, 60]) * max(1.0, d / 5))
    weights = np.full(k, 1 / k) if rng.random() < 0.5 else 0.3 / k + 0.7 * rng.dirichlet(np.ones(k))
    apart = rng.choice([3.5, 5.0, 8.0])
    roots = rng.normal(size=(k, d, d + 3)) / np.sqrt(d + 3)
    means = np.empty((0, d))
    spread = apart * k ** (1 / d) / np.sqrt(2 * d)
    while means.shape[0] < k:
        spread *= 1.01
        mean = spread * rng.normal(size=d)
        if np.all(np.sum((means - mean) ** 2, axis=1) > apart**2):
            means = np.append(means, mean[None], axis=0)
    clusters = np.append(np.repeat(np.arange(k), d + 2), rng.choice(k, n_rows, p=weights))
    noise = rng.normal(size=(clusters.size, d + 3))
    return means[clusters] + np.einsum("nij,nj->ni", roots[clusters], noise), clusters


def _case(seed: int, *, with_plain: bool) -> Record:
    X, clusters = blobs(seed)
    k = int(clusters.max()) + 1
    problem = Problem.pose(X, bg.MixtureSpec(k))
    solver, rows = bg.EM(), problem.scaled_data.rows
    objective = solver.objective_of(problem.scaled_spec, problem.scaled_data)
    programs: dict[str, Callable[[], float]] = {
        "bayesgmm": lambda: solver.maximize(objective, problem.scaled_data, seed=seed).objective,
        "truth": lambda: _from(clusters, rows, objective),
        "k-means": lambda: _from(
            KMeans(k, n_init=10, random_state=seed).fit_predict(rows.values), rows, objective
        ),
    }
    if with_plain:
        programs["plain"] = lambda: _plain(rows, objective, solver.n_starts, seed)
    record: Record = {"k": k, "d": X.shape[1], "n": X.shape[0]}
    for name, program in programs.items():
        started = time.perf_counter()
        with one_thread_for_small_algebra():
            record[name] = program()
        record[f"{name}, s"] = time.perf_counter() - started
    return record


def _from(clusters: np.ndarray, rows: RowsInMemory, objective: Objective) -> float:
    return optimize(rows, from_labels(rows, clusters, objective), objective, **_OPTIONS).trace[-1]


def _plain(rows: RowsInMemory, objective: Objective, n_starts: int, seed: int) -> float:
    """Climb from every start to the end."""
    heights = []
    for number in range(n_starts):
        method = "random" if number % 2 else "k-means++"
        rng = np.random.default_rng([seed, number])
        labels = partition(rows, objective.spec.n_components, method, rng)
        path = optimize_from_partition(rows, rows, labels, objective, **_OPTIONS)
        heights.append(path.trace[-1])
    return max(heights)


def _summary(name: str, cases: list[Record]) -> Record:
    programs = ("bayesgmm", "truth", "k-means", "plain")
    record: Record = {"k": name, "tables": len(cases)}
    for program in programs:
        some = [case for case in cases if program in case]
        reached = [case[program] > _best(case, programs) - _REACHED for case in some]
        record[program] = float(np.mean(reached)) if some else None
    both = [case for case in cases if "plain" in case]
    record["bayesgmm, s"] = float(np.median([case["bayesgmm, s"] for case in cases]))
    ratios = [case["plain, s"] / case["bayesgmm, s"] for case in both]
    record["plain / ours"] = float(np.median(ratios)) if both else None
    return record


def _best(case: Record, programs: tuple[str, ...]) -> float:
    return max(case[program] for program in programs if program in case)
