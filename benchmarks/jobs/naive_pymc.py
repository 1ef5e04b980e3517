"""The model of PyMC's gallery under pm.sample as it is, in a new process: TUNE DRAWS."""

import sys
import time

started = time.perf_counter()
import numpy as np  # noqa: E402
import pymc as pm  # noqa: E402
from cases import synthetic  # noqa: E402
from effective import convergence  # noqa: E402
from peers.naive_pymc import naive_model  # noqa: E402
from processes import answer  # noqa: E402

imports = time.perf_counter() - started
tune, draws = map(int, sys.argv[1:])
begun = time.perf_counter()
with naive_model(synthetic(), 3):
    tree = pm.sample(draws=draws, tune=tune, chains=4, random_seed=1, progressbar=False)
first = time.perf_counter() - begun
posterior = tree["posterior"]
names = ["weights", "means", *(f"scales_{component}" for component in range(3))]
arrays = [posterior[name].values for name in names]
flat = np.concatenate([array.reshape(*array.shape[:2], -1) for array in arrays], axis=-1)
effective, r_hat = convergence(flat)
answer(imports=imports, first=first, effective=effective, r_hat=r_hat)
