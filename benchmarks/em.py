"""EM with full covariances for a fixed number of iterations, against scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from timing import best_seconds

import bayesgmm as bg
from bayesgmm.estimation.objective import Objective
from bayesgmm.parameters import MixtureParameters

CASES = [(100_000, 2, 5, 10), (100_000, 8, 10, 10), (100_000, 32, 16, 3), (1_000_000, 4, 8, 3)]
"""Rows, features, components, iterations."""


def measure(rounds: int) -> list[dict[str, float]]:
    """Return one record for every case."""
    return [_case(*case, rounds) for case in CASES]


def _case(n: int, d: int, k: int, iterations: int, rounds: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    centres = rng.normal(0.0, 2.0, (k, d))
    X = rng.normal(size=(n, d)) + centres[rng.integers(k, size=n)]
    identity = np.broadcast_to(np.eye(d), (k, d, d)).copy()
    start = MixtureParameters(np.full(k, 1 / k), centres, np.ones((k, d)), identity)
    solver = bg.EM("likelihood", n_starts=1, max_iterations=iterations, tolerance=1e-300)
    objective = Objective(bg.MixtureSpec(k), d, uses_prior=False)
    peer = GaussianMixture(
        k, tol=0.0, max_iter=iterations, reg_covar=0.0, init_params="random_from_data",
        weights_init=start.weights, means_init=centres, precisions_init=identity, random_state=0,
    )  # fmt: skip

    def fit_peer() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as many iterations as asked
            peer.fit(X)

    seconds = best_seconds(
        {"bayesgmm": lambda: solver.climb(X, start, objective), "scikit-learn": fit_peer},
        rounds=rounds,
    )
    return {
        "n": n, "d": d, "k": k, "iterations": iterations, **seconds,
        "ratio": seconds["scikit-learn"] / seconds["bayesgmm"],
    }  # fmt: skip
