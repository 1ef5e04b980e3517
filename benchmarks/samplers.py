"""Effective draws a second: the smallest over weights, means and scales, warm-up included."""

from __future__ import annotations

import arviz_stats
import numpy as np
from timing import best_seconds

import bayesgmm as bg
from bayesgmm.engines.target import Target
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.problem import Problem

ENGINES = {"NUTS": bg.NUTS(draws=1000, tune=500), "Gibbs": bg.Gibbs(draws=5000, tune=500)}
PENGUINS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def measure(rounds: int) -> list[dict[str, float | str]]:
    """Return one record for every table and engine, and the time of one gradient."""
    records = []
    for name, (rows, k) in _tables().items():
        problem = Problem.pose(rows, bg.MixtureSpec(k))
        question = problem.scaled_spec, problem.scaled_data
        start = EM().run(*question, seed=0)
        target = Target(*question)
        position = target.position_of(start.parameters)
        gradient = best_seconds(
            {"gradient": lambda t=target, p=position: [t(p) for _ in range(500)]}, rounds=rounds
        )["gradient"]
        for label, engine in ENGINES.items():
            trees = []
            seconds = best_seconds(
                {label: lambda e=engine, q=question, s=start, t=trees: t.append(
                    e.run(*q, start=s, seed=len(t)))},
                rounds=rounds,
            )[label]  # fmt: skip
            effective = _smallest_effective_size(trees[-1])
            records.append({
                "table": name, "n": len(rows), "d": problem.data.n_features, "k": k,
                "gradient_us": gradient / 500 * 1e6, "engine": label, "seconds": seconds,
                "effective": effective, "per_second": effective / seconds,
            })  # fmt: skip
    return records


def _tables() -> dict[str, tuple[np.ndarray, int]]:
    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [4.0, 1.0], [-2.0, 4.0]])
    apart = rng.normal(size=(1000, 2)) + centres[rng.integers(3, size=1000)]
    penguins = bg.datasets.load("penguins")[PENGUINS].dropna().to_numpy()
    return {"penguins": (penguins, 3), "three clouds": (apart, 3)}


def _smallest_effective_size(tree: object) -> float:
    draws = tree["posterior"].to_dataset()[["weights", "means", "scales"]]
    sizes = arviz_stats.ess(draws)
    return min(float(sizes[name].min()) for name in sizes)
