"""How much memory EM takes beyond the rows: memory.py {climb,estimate,scikit-learn} X.npy k."""

import sys

import numpy as np
from cases import clouds
from em import climb, fit_peer, start_at
from peers.resident import rise
from processes import answer

import bayesgmm as bg


def estimate(X: np.ndarray, start: object, iterations: int) -> None:
    """Call the public function: it also copies the rows to the standard scale."""
    solver = bg.EM("likelihood", n_starts=1, max_iterations=iterations)
    bg.estimate(X, bg.MixtureSpec(start.n_components), solver=solver, random_seed=0)


RUNS = {"climb": climb, "estimate": estimate, "scikit-learn": fit_peer}
run, path, k = RUNS[sys.argv[1]], sys.argv[2], int(sys.argv[3])
X = np.load(path)
small, centers = clouds(5_000, X.shape[1], k)
start = start_at(centers)
run(small, start, 2)  # imports and compiles
answer(megabytes=rise(lambda: run(X, start, 2)))
