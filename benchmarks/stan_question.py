"""A problem of ours in the words of stan/mixture.stan."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesgmm.estimation.density import Target
from bayesgmm.parameters import MixtureParameters


def data_of(target: Target) -> dict[str, Any]:
    """Return the data block: rows and hyperparameters of ``half_normal_spec``."""
    spec, X = target.spec, target.data.values
    return {
        "n": X.shape[0], "d": X.shape[1], "k": spec.n_components, "x": X.tolist(),
        "center": _each(spec.means.loc, X), "width": _each(spec.means.scale, X),
        "typical_scale": _each(spec.covariances.scales.scale, X),
    }  # fmt: skip


def start_of(parameters: MixtureParameters) -> dict[str, Any]:
    """Return one point of the parameters block."""
    return {
        "weights": parameters.weights.tolist(),
        "means": parameters.means.tolist(),
        "scales": parameters.scales.tolist(),
        "roots": np.linalg.cholesky(parameters.correlations).tolist(),
    }


def _each(value: object, X: np.ndarray) -> list[float]:
    return np.broadcast_to(np.asarray(value, dtype=float), X.shape[1]).tolist()
