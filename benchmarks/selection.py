"""Choosing the number of components: a grid of fits, beside mclust."""

from __future__ import annotations

import time

import numpy as np
from cases import faithful, iris, synthetic
from processes import Peer
from settings import Settings
from tables import Record, Table
from timing import best_seconds, clocked

import bayesgmm as bg

FAMILIES = {
    "Full": "VVV", "Tied": "EEE", "Diagonal": "VVI", "Spherical": "VII",
    "TiedDiagonal": "EEI", "TiedSpherical": "EII",
}  # fmt: skip
"""Our structures, and what mclust calls them."""

_EQUAL = 1e-2  # mclust stops at a gain of 1e-5, relative

NOTE = (
    "Seconds for maximum likelihood in six covariance structures with 1 to 9 components, defaults "
    "of bg.select and of mclustBIC, in turn; kernels are compiled. first: the first grid of a "
    "process whose caches are filled. lower, equal, higher: cells in which our BIC is lower than "
    "theirs (better), within 0.01, or higher; cells that mclust left out do not count."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of grids."""
    tables = {"synthetic": synthetic(), "faithful": faithful(), "iris": iris()}
    largest = 4 if settings.quick else 9
    with settings.mclust() as peer:
        records = [_case(name, X, largest, settings, peer) for name, X in tables.items()]
        version = f" mclust {peer.ask('version')['version']}." if peer else ""
    return [Table("Selection, a grid of fits", NOTE + version, records)]


def _case(name: str, X: np.ndarray, largest: int, settings: Settings, peer: Peer | None) -> Record:
    numbers = range(1, largest + 1)
    started = time.perf_counter()
    table = bg.select(X, numbers, random_seed=1, progress=False)
    first = time.perf_counter() - started
    runs = {"bayesgmm": clocked(lambda: bg.select(X, numbers, random_seed=1, progress=False))}
    if peer is not None:
        path = settings.workspace / f"{name}.csv"
        np.savetxt(path, X, delimiter=",", fmt="%.17g")
        question = {
            "path": str(path), "n_components": list(numbers), "families": list(FAMILIES.values()),
        }  # fmt: skip
        runs["mclust"] = lambda: peer.ask("sweep", **question)["seconds"]
    seconds = best_seconds(runs, rounds=5 * settings.rounds)
    record = {"table": name, "n": X.shape[0], "d": X.shape[1], "first, s": first}
    record |= {f"{program}, s": value for program, value in seconds.items()}
    if peer is None:
        return record
    record["mclust / ours"] = seconds["mclust"] / seconds["bayesgmm"]
    return record | _compared(table, peer.ask("sweep", **question)["bic"])


def _compared(table, theirs: list[list[float | None]]) -> Record:  # noqa: ANN001
    """Count the cells in which one BIC is lower."""
    ours = table["BIC"].sel(covariances=list(FAMILIES)).values.T
    excess = ours - np.array(theirs, dtype=float)
    return {
        "lower": int(np.sum(excess < -_EQUAL)),
        "equal": int(np.sum(np.abs(excess) <= _EQUAL)),
        "higher": int(np.sum(excess > _EQUAL)),
    }
