"""oneDAL's EM, in an environment of its own: one line of JSON in, one out.

Imports nothing of the project.
"""

import json
import sys
import time
from importlib import metadata

import daal4py
import numpy as np
from resident import rise

_tables: dict = {}


def version() -> dict:
    """Return oneDAL's version."""
    return {"version": metadata.version("daal4py")}


def fit(path: str, weights: list, means: list, iterations: int) -> dict:
    """Make so many iterations from unit covariances; the rows are read before the clock starts."""
    X, means, weights = _read(path), np.array(means), np.array([weights])
    covariances = [np.eye(X.shape[1]) for _ in means]
    solver = _solver(len(means), iterations)
    started = time.perf_counter()
    result = solver.compute(X, weights, means, covariances)
    seconds = time.perf_counter() - started
    made = int(np.ravel(result.nIterations)[0])
    if made != iterations:
        raise RuntimeError(f"{made} iterations were made where {iterations} are timed.")
    return {"seconds": seconds}


def memory(path: str, weights: list, means: list, iterations: int) -> dict:
    """Return by how many MB resident memory rises during a fit."""
    X = _read(path)
    np.save(path + ".small.npy", X[:5000])
    fit(path + ".small.npy", weights, means, iterations)  # starts threads
    _read(path)
    return {"megabytes": rise(lambda: fit(path, weights, means, iterations))}


def _solver(k: int, iterations: int) -> object:
    return daal4py.em_gmm(nComponents=k, maxIterations=iterations, accuracyThreshold=0.0)


def _read(path: str) -> np.ndarray:
    if path not in _tables:
        _tables.clear()
        _tables[path] = np.load(path)
    return _tables[path]


JOBS = {"version": version, "fit": fit, "memory": memory}

for line in sys.stdin:
    question = json.loads(line)
    answer = JOBS[question["job"]](**question["arguments"])
    print("ANSWER " + json.dumps(answer), flush=True)
