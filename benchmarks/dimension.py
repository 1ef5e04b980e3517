"""What estimates and posteriors cost as the number of features grows, everything counted."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import xarray as xr
from effective import convergence, quantities
from settings import Settings
from sklearn.mixture import GaussianMixture
from tables import Record, Table

import bayesgmm as bg
from bayesgmm.engines.catalog import Engine
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem
from bayesgmm.priors.covariances import CovarianceStructure

SIZES = [
    (2000, 2, 4), (2000, 5, 4), (2000, 10, 4), (2000, 20, 4), (500, 30, 3), (2000, 50, 3),
    (2000, 100, 3),
]  # fmt: skip
"""Rows, features, components."""

_APART = 8.0  # root mean square distance between two means; a feature has a deviation of about one

MOST_FOR_NUTS, MOST_FOR_LAPLACE = 20, 10  # features; beyond, it takes minutes, or hardly succeeds
MOST_FOR_FULL, LEAST_FOR_FACTORS = 50, 20
PRIORS = {
    "default": bg.Full(),
    "LKJ": bg.Full(correlations=bg.LKJ(2.0)),
    "factors": bg.Factors(3),
}

NOTE = (
    "bg.fit as a whole, compiled before: search, sampling, relabeling and verdict, four chains of "
    "500 draws after 500 of warm-up (Laplace: 2000 draws, resampled). Components have covariance "
    "matrices from a Wishart distribution with d + 5 degrees of freedom, and means 8 apart, the "
    "root mean square over pairs. Priors: the default one, LKJ correlations, and Factors(3). "
    "effective: the smallest effective sample size (bulk) over weights, means and scales; passed: "
    "the verdict."
)

NOTE_ON_ESTIMATES = (
    "The same tables. estimate: bg.estimate, 20 starts, seconds; scikit-learn: its GaussianMixture "
    "with n_init=20 and tol=1e-6; factors: bg.estimate with Factors(3); gradient: milliseconds of "
    "a log posterior density with its gradient, of the default prior. Best of three."
)


def measure(settings: Settings) -> list[Table]:
    """Return the table of dimensions."""
    sizes = [(100, 3, 2)] if settings.quick else SIZES
    warm_up = {name: engine for prior in PRIORS for name, engine in _engines(2, prior).items()}
    for engine in warm_up.values():
        _fit(_rows(60, 2, 2), bg.MixtureSpec(2), engine)
    records = []
    for size in sizes:
        rows = _rows(*size)
        for prior, structure in _priors(size[1]).items():
            spec = bg.MixtureSpec(size[2], covariances=structure)
            for name, engine in _engines(size[1], prior).items():
                records.append(_record(size, prior, name, rows, spec, engine))
    return [
        Table("Posteriors by the number of features", NOTE, records),
        Table(
            "Estimates by the number of features", NOTE_ON_ESTIMATES, [_estimates(s) for s in sizes]
        ),
    ]


def _priors(n_features: int) -> dict[str, CovarianceStructure]:
    left_out = {"default", "LKJ"} if n_features > MOST_FOR_FULL else set()
    left_out |= {"factors"} if n_features < LEAST_FOR_FACTORS else set()
    return {name: prior for name, prior in PRIORS.items() if name not in left_out}


def _estimates(size: tuple[int, int, int]) -> Record:
    rows, k = _rows(*size), size[2]
    problem = Problem.pose(rows, bg.MixtureSpec(k))
    target = Target(problem.scaled_spec, problem.scaled_data)
    position = np.zeros(target.layout.size)
    peer = GaussianMixture(k, n_init=20, tol=1e-6, max_iter=1000, random_state=1)
    record: Record = {"n": size[0], "d": size[1], "k": k}
    record["estimate"] = round(_best(lambda: _estimate(rows, bg.MixtureSpec(k))), 2)
    record["scikit-learn"] = round(_best(lambda: peer.fit(rows)), 2)
    if size[1] >= LEAST_FOR_FACTORS:
        spec = bg.MixtureSpec(k, covariances=PRIORS["factors"])
        record["factors"] = round(_best(lambda: _estimate(rows, spec)), 2)
    record["gradient, ms"] = round(1000 * _best(lambda: target(position)), 3)
    return record


def _estimate(rows: np.ndarray, spec: bg.MixtureSpec) -> bg.PointEstimate:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGMMWarning)  # of long searches
        return bg.estimate(rows, spec, random_seed=1)


def _best(program: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        started = time.perf_counter()
        program()
        times.append(time.perf_counter() - started)
    return min(times)


def _rows(n_rows: int, n_features: int, n_components: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    components, rows = rng.integers(n_components, size=n_rows), np.empty((n_rows, n_features))
    for component in range(n_components):
        factor = rng.standard_normal((n_features, n_features + 5))
        root = np.linalg.cholesky(factor @ factor.T / (n_features + 5))
        here = components == component
        mean = _APART / np.sqrt(2 * n_features) * rng.standard_normal(n_features)
        rows[here] = mean + rng.standard_normal((here.sum(), n_features)) @ root.T
    return rows


def _engines(n_features: int, prior: str) -> dict[str, Engine]:
    engines: dict[str, Engine] = {"Gibbs": bg.Gibbs(draws=500)}
    if n_features <= MOST_FOR_NUTS and prior != "factors":
        engines["NUTS"] = bg.NUTS(draws=500)
    if n_features <= MOST_FOR_LAPLACE and prior == "default":
        engines["Laplace"] = bg.Laplace(resample=True)
    return engines


def _record(
    size: tuple[int, int, int],
    prior: str,
    name: str,
    rows: np.ndarray,
    spec: bg.MixtureSpec,
    engine: Engine,
) -> Record:
    started = time.perf_counter()
    tree = _fit(rows, spec, engine)
    seconds = time.perf_counter() - started
    effective, r_hat = convergence(quantities(tree["posterior"]))
    effective = min(effective, bg.diagnose(tree).figures.attrs.get("importance_ess", np.inf))
    return {
        "n": size[0], "d": size[1], "k": size[2], "prior": prior, "engine": name,
        "seconds": round(seconds, 1), "effective": round(effective),
        "per second": round(effective / seconds, 1), "r_hat": round(r_hat, 3),
        "passed": bg.diagnose(tree).passed,
    }  # fmt: skip


def _fit(rows: np.ndarray, spec: bg.MixtureSpec, engine: Engine) -> xr.DataTree:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.ConvergenceWarning)  # it is in the table
        return bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)
