"""Exchangeable components: groups with equal priors and labels.

Axes: rows n, components k.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def exchangeable_groups(
    hyperparameters: Float[np.ndarray, "k h"], label_log_likelihoods: Float[np.ndarray, "_ _"]
) -> Int[np.ndarray, " k"]:
    """Number groups of exchangeable components.

    Two components are in one group if their hyperparameters and their label likelihoods
    are equal.
    """
    columns = hyperparameters.T
    if label_log_likelihoods.size:
        columns = np.vstack([columns, label_log_likelihoods])
    _, groups = np.unique(columns, axis=1, return_inverse=True)
    return groups.ravel()


def any_exchangeable(groups: Int[np.ndarray, " k"]) -> bool:
    """Whether any two components are exchangeable."""
    return np.unique(groups).size < groups.size


def ordered(
    keys: Float[np.ndarray, "*batch k"], groups: Int[np.ndarray, " k"]
) -> Int[np.ndarray, "*batch k"]:
    """Return the order of increasing keys within each group; groups keep their positions."""
    orders = np.empty(keys.shape, dtype=np.int64)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        orders[..., members] = members[np.argsort(keys[..., members], axis=-1, kind="stable")]
    return orders


def with_forbidden_swaps(
    costs: Float[np.ndarray, "*batch k k"], groups: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "*batch k k"]:
    """Return costs of components (last) in places, too high where the two are not exchangeable."""
    if np.all(groups == groups[0]):
        return costs
    most = costs.sum(axis=(-1, -2), keepdims=True) + 1.0
    return np.where(groups[:, None] == groups, costs, costs + most)
