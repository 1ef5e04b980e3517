"""The mixture as PyMC's gallery writes it: pm.Mixture over a list of MvNormal."""

from __future__ import annotations

import numpy as np
import pymc as pm


def naive_model(X: np.ndarray, k: int) -> pm.Model:
    """Declare it, with the priors of ``half_normal_spec``."""
    d, center, deviation = X.shape[1], X.mean(axis=0), X.std(axis=0, ddof=1)
    with pm.Model() as model:
        weights = pm.Dirichlet("weights", np.ones(k))
        means = pm.Normal("means", center, 3 * deviation, shape=(k, d))
        components = []
        for component in range(k):
            root, _, scales = pm.LKJCholeskyCov(
                f"root_{component}", n=d, eta=2.0, sd_dist=pm.HalfNormal.dist(deviation, shape=d)
            )
            pm.Deterministic(f"scales_{component}", scales)
            components.append(pm.MvNormal.dist(mu=means[component], chol=root))
        pm.Mixture("x", w=weights, comp_dists=components, observed=X)
    return model
