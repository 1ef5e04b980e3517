"""What a Gibbs sweep costs, and what of it is the pass over the rows."""

from __future__ import annotations

import numba
import numpy as np
from cases import clouds, half_normal_problem, synthetic
from settings import Settings
from tables import Record, Table
from timing import best_seconds, clocked

from bayesgmm.engines.gibbs import Sweeper
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.em import EM
from bayesgmm.numerics.kernels.allocations import allocations
from bayesgmm.numerics.statistics import PrecisionForm

NOTE = (
    "Serial sweeps, as one chain makes them. allocations: the pass that draws an allocation for "
    "every row and gathers statistics, alone. ns: of that pass, for each row and component."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of sweeps."""
    larger = 2_000 if settings.quick else 100_000
    cases = {"synthetic": (synthetic(), 3), "clouds": (clouds(larger, 2, 5)[0], 5)}
    records = [_case(name, *case, settings.rounds) for name, case in cases.items()]
    return [Table("Gibbs, cost of a sweep", NOTE, records)]


def _case(name: str, X: np.ndarray, k: int, rounds: int) -> Record:
    problem = half_normal_problem(X, k)
    question = problem.scaled_spec, problem.scaled_data
    mode = EM(n_starts=1).run(*question, seed=0).parameters
    target = Target(*question)
    seeds = np.arange(max(3, 500_000 // X.shape[0]), dtype=np.uint64)
    rows, _, labels = target.data.fitted_rows.arrays
    mixture = PrecisionForm.of(mode).kernel_arguments()

    def sweep() -> None:
        Sweeper(target).run(target.position_of(mode), seeds.size, np.random.default_rng(0))

    seconds = best_seconds(
        {
            "sweep": clocked(sweep),
            "pass": clocked(lambda: _passes(rows, labels, *mixture, seeds)),
        },
        rounds=3 * rounds,
    )
    sweep_us, pass_us = (seconds[part] / seeds.size * 1e6 for part in ("sweep", "pass"))
    return {
        "table": name, "n": X.shape[0], "d": X.shape[1], "k": k,
        "sweep, us": sweep_us, "allocations, us": pass_us, "ratio": sweep_us / pass_us,
        "ns": pass_us * 1e3 / (X.shape[0] * k),
    }  # fmt: skip


@numba.njit
def _passes(X, labels, constants, means, factors, seeds):  # noqa: ANN001, ANN202
    total = 0.0
    for seed in seeds:
        _, counts, _, _ = allocations(X, labels, 0, constants, means, factors, seed)
        total += counts[0]
    return total
