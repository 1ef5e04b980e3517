"""The tables and priors that the benchmarks share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import bayesgmm as bg
from bayesgmm.estimation.problem import Problem

_DATA = Path(__file__).parents[1] / "tests" / "references" / "data"
_PENGUINS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def synthetic() -> np.ndarray:
    """1000 rows from three normals in the plane."""
    return _rows("synthetic_k3")


def faithful() -> np.ndarray:
    """272 eruptions, 2 features."""
    return _rows("faithful")


def iris() -> np.ndarray:
    """150 flowers, 4 features."""
    return _rows("iris")


def penguins() -> np.ndarray:
    """342 birds, 4 features."""
    return bg.datasets.load("penguins")[_PENGUINS].dropna().to_numpy()


def overlapping() -> np.ndarray:
    """1500 rows from three normals in the plane, three standard deviations apart."""
    rng = np.random.default_rng(0)
    centers = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    return rng.normal(size=(1500, 2)) + centers[rng.integers(3, size=1500)]


def clouds(n: int, d: int, k: int, *, apart: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Return n rows from k round normals in d dimensions, and the k centers.

    The centers are ``apart`` standard deviations from each other, in the root mean square and
    whatever d is. At four the clouds overlap so much that EM does not arrive within the iterations
    that are timed.
    """
    rng = np.random.default_rng(0)
    centers = rng.normal(0.0, apart / np.sqrt(2 * d), (k, d))
    X = centers[rng.integers(k, size=n)]
    X += rng.normal(size=(n, d))
    return X, centers


def half_normal_spec(X: np.ndarray, k: int) -> bg.MixtureSpec:
    """Return priors that every program in the comparison can state; see stan/mixture.stan."""
    center, deviation = X.mean(axis=0), X.std(axis=0, ddof=1)
    return bg.MixtureSpec(
        k,
        bg.Dirichlet(1.0),
        bg.NormalMeans(tuple(center), tuple(3 * deviation)),
        bg.Full(bg.HalfNormal(tuple(deviation)), bg.LKJ(eta=2.0)),
    )


def half_normal_problem(X: np.ndarray, k: int) -> Problem:
    """Return the table with these priors."""
    return Problem.pose(X, half_normal_spec(X, k))


def _rows(name: str) -> np.ndarray:
    return np.loadtxt(_DATA / f"{name}.csv", delimiter=",", skiprows=1, ndmin=2)
