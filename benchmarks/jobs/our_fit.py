"""Our fit in a new process: our_fit.py TUNE DRAWS."""

import importlib
import sys
import time

started = time.perf_counter()
for name in ("nutpie", "bayesgmm.fitting", "bayesgmm.engines.nuts", "bayesgmm.progress",
             "bayesgmm.posterior.finish"):  # fmt: skip
    importlib.import_module(name)  # what fit would import when it is called
imports = time.perf_counter() - started

from cases import half_normal_spec, synthetic  # noqa: E402
from effective import convergence, quantities  # noqa: E402
from processes import answer  # noqa: E402

import bayesgmm as bg  # noqa: E402

tune, draws = map(int, sys.argv[1:])
X = synthetic()


def fit() -> tuple[float, object]:
    """Fit once and return the seconds and the tree."""
    begun = time.perf_counter()
    tree = bg.fit(
        X, half_normal_spec(X, 3), engine=bg.NUTS(draws=draws, tune=tune, chains=4),
        random_seed=1, progress=False,
    )  # fmt: skip
    return time.perf_counter() - begun, tree


first, tree = fit()
again, _ = fit()
effective, r_hat = convergence(quantities(tree["posterior"]))
answer(imports=imports, first=first, again=again, effective=effective, r_hat=r_hat)
