"""What it costs to say which rows belong where, once there is a posterior."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import partial

import xarray as xr
from cases import clouds, penguins
from settings import Settings
from tables import Record, Table
from timing import best_seconds, clocked

import bayesgmm as bg
from bayesgmm.analysis.clustering.cluster import expected_responsibilities

NOTE = (
    "Seconds, the best of some rounds, and the most memory that arrays take meanwhile, the answer "
    "among them; on draws of Laplace's approximation. mean alone: what plots need, "
    "responsibilities without intervals. co_clustering: from responsibilities, the whole matrix, "
    "or 500 lines of it. partition: 16 random starts and the best draw, of a table whose "
    "components overlap by a third."
)

LOSSES = (
    bg.VariationOfInformation(), bg.Binder(), bg.OneMinusAdjustedRand(),
    bg.NormalizedVariationOfInformation(),
)  # fmt: skip


def measure(settings: Settings) -> list[Table]:
    """Return the table."""
    scale = 100 if settings.quick else 1
    small = _tree(penguins(), 3, 4000 // scale)
    middle = _tree(clouds(2000 // scale, 4, 5, apart=8.0)[0], 5, 1000 // scale)
    large = _tree(clouds(100_000 // scale, 4, 5, apart=8.0)[0], 5, 1000 // scale)
    mixed = _tree(clouds(2000 // scale, 2, 5, apart=2.2)[0], 5, 1000 // scale)
    lines = range(500 // scale)
    asked = [
        ("cluster", small, bg.cluster),
        ("cluster, mean alone", small, expected_responsibilities),
        ("cluster", large, bg.cluster),
        ("cluster, mean alone", large, expected_responsibilities),
        ("co_clustering", middle, bg.co_clustering),
        ("co_clustering, some lines", large, lambda tree: bg.co_clustering(tree, rows=lines)),
        *(
            (f"partition, {type(loss).__name__}", mixed, partial(bg.partition, loss=loss))
            for loss in LOSSES
        ),
        ("representative_partitions, 3", mixed, lambda tree: bg.representative_partitions(tree, 3)),
        ("merge_components", middle, bg.merge_components),
    ]  # fmt: skip
    return [Table("Clusters", NOTE, [_case(*one, settings.rounds) for one in asked])]


def _tree(X: object, k: int, draws: int) -> xr.DataTree:
    engine = bg.Laplace(draws=draws)
    return bg.fit(X, bg.MixtureSpec(k), engine=engine, random_seed=1, progress=False)


def _case(name: str, tree: xr.DataTree, ask: Callable, rounds: int) -> Record:
    sizes = tree["posterior"].sizes
    seconds = best_seconds({name: clocked(lambda: ask(tree))}, rounds=rounds)[name]
    return {
        "question": name, "n": tree["observed_data"].sizes["obs_id"], "d": sizes["feature"],
        "k": sizes["component"], "draws": sizes["chain"] * sizes["draw"], "seconds": seconds,
        "memory, MB": _megabytes(lambda: ask(tree)),
    }  # fmt: skip


def _megabytes(run: Callable[[], object]) -> float:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20
