"""EM with full covariances: seconds an iteration, beside scikit-learn, mclust, oneDAL and dgemm."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from cases import clouds
from machine import dgemm
from processes import Peer
from settings import Settings
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from tables import Record, Table
from timing import Clock, best_seconds, clocked

import bayesgmm as bg
from bayesgmm.estimation.density import Objective
from bayesgmm.parameters import MixtureParameters

CASES = [
    (100_000, 2, 5, 21), (100_000, 8, 10, 21), (100_000, 16, 50, 3), (100_000, 32, 16, 6),
    (50_000, 64, 32, 3), (20_000, 128, 10, 3), (1_000_000, 4, 8, 6),
]  # fmt: skip
"""Rows, features, components, iterations."""
QUICK_CASES = [(2_000, 2, 5, 6), (2_000, 8, 10, 6)]

Peers = Mapping[str, Peer | None]
"""Programs in other processes by name; None where one is not there."""

NOTE = (
    "Milliseconds an iteration: the time of 21 iterations (6 or 3 from the third line on) less "
    "that of one, over the others, so that reading the table, allocating and the last E-step count "
    "for nobody. Same rows, same start, all cores, double precision, programs in turn. roofline: "
    "2 n k d^2 flops at the rate that dgemm reached in the same rounds, over our time; "
    "exponentials are not in it, and for few features they are the work."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of EM."""
    cases = QUICK_CASES if settings.quick else CASES
    with settings.onedal() as onedal, settings.mclust() as mclust:
        peers = {"oneDAL": onedal, "mclust": mclust}
        records = [_case(*case, settings.rounds, peers) for case in cases]
        versions = [
            f" {name} {peer.ask('version')['version']}." for name, peer in peers.items() if peer
        ]
    return [Table("EM, full covariances", NOTE + "".join(versions), records)]


def _case(n: int, d: int, k: int, iterations: int, rounds: int, peers: Peers) -> Record:
    X, centers = clouds(n, d, k)
    start = start_at(centers)
    multiply, flops = dgemm()
    with tempfile.TemporaryDirectory() as folder:
        runs = _programs(X, start, Path(folder), peers)
        clocks = {
            (name, count): run(count) for name, run in runs.items() for count in (iterations, 1)
        }
        seconds = best_seconds({"dgemm": multiply, **clocks}, rounds=rounds)
    each = {
        name: (seconds[name, iterations] - seconds[name, 1]) / (iterations - 1) for name in runs
    }
    rate = flops / seconds["dgemm"]
    record = {"n": n, "d": d, "k": k}
    record |= {f"{name}, ms": value * 1e3 for name, value in each.items()}
    for name in list(runs)[1:]:
        record[f"{name} / ours"] = each[name] / each["bayesgmm"]
    roofline = 2 * n * k * d**2 / rate / each["bayesgmm"]
    return record | {"dgemm, GFLOP/s": rate / 1e9, "roofline": roofline}


def _programs(
    X: np.ndarray, start: MixtureParameters, folder: Path, peers: Peers
) -> dict[str, Callable[[int], Clock]]:
    """Return for every program what makes a clock of a number of iterations."""
    runs: dict[str, Callable[[int], Clock]] = {
        "bayesgmm": lambda count: clocked(lambda: optimize(X, start, count)),
        "scikit-learn": lambda count: clocked(lambda: fit_peer(X, start, count)),
    }
    if (onedal := peers["oneDAL"]) is not None:
        np.save(folder / "X.npy", X)
        question = onedal_question(folder / "X.npy", start)
        runs["oneDAL"] = lambda count: (
            lambda: onedal.ask("fit", **question, iterations=count)["seconds"]
        )
    if (mclust := peers["mclust"]) is not None:
        X.T.tofile(folder / "X.bin")
        mclust.ask("read", path=str(folder / "X.bin"), n=X.shape[0], d=X.shape[1])
        runs["mclust"] = lambda count: lambda: fit_mclust(mclust, start, count)
    return runs


def start_at(centers: np.ndarray) -> MixtureParameters:
    """Return equal weights and unit covariances around the centers."""
    k, d = centers.shape
    identity = np.broadcast_to(np.eye(d), (k, d, d)).copy()
    return MixtureParameters(np.full(k, 1 / k), centers, np.ones((k, d)), identity)


def optimize(X: np.ndarray, start: MixtureParameters, iterations: int) -> None:
    """Make so many plain iterations of our EM."""
    k, d = start.means.shape
    solver = bg.EM("likelihood", max_iterations=iterations, tolerance=1e-300, acceleration="none")
    made = solver.optimize(X, start, Objective(bg.MixtureSpec(k), d, uses_prior=False)).n_iterations
    _expect(made, iterations)


def fit_peer(X: np.ndarray, start: MixtureParameters, iterations: int) -> None:
    """Make so many iterations of scikit-learn's EM."""
    peer = GaussianMixture(
        start.n_components, tol=0.0, max_iter=iterations, reg_covar=0.0,
        weights_init=start.weights, means_init=start.means, precisions_init=start.correlations,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as many iterations as asked
        peer.fit(X)
    _expect(peer.n_iter_, iterations)


def fit_mclust(peer: Peer, start: MixtureParameters, iterations: int) -> float:
    """Make so many iterations of mclust's EM, and return its seconds."""
    done = peer.ask("em", means=start.means.tolist(), iterations=iterations)
    _expect(done["iterations"], iterations)
    return done["seconds"]


def onedal_question(path: Path, start: MixtureParameters) -> dict:
    """Return what the process of oneDAL needs to know."""
    return {"path": str(path), "weights": start.weights.tolist(), "means": start.means.tolist()}


def _expect(made: int, iterations: int) -> None:
    if made != iterations:
        raise RuntimeError(f"{made} iterations were made where {iterations} are timed.")
