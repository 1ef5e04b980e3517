"""Where EM starts: as scikit-learn starts, with the same random numbers.

Where rows have counts they take part as so many rows; random numbers are then others than
scikit-learn would draw for the rows written out.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans, kmeans_plusplus

Counts = Float[np.ndarray, " n"] | None

SHARED = ("kmeans", "random")
"""The methods that share out all rows among the components;"""

PICKED = ("k-means++", "random_from_data")
"""and those that give one row to each component."""


def shares(
    X: Float[np.ndarray, "n d"],
    counts: Counts,
    n_components: int,
    method: str,
    random_state: np.random.RandomState,
) -> Float[np.ndarray, "n k"]:
    """Return which share of every row goes to each component."""
    if method == "random":
        table = random_state.uniform(size=(X.shape[0], n_components))
        return table / table.sum(axis=1)[:, None]
    k_means = KMeans(n_components, n_init=1, random_state=random_state)
    table = np.zeros((X.shape[0], n_components))
    table[np.arange(X.shape[0]), k_means.fit(X, sample_weight=counts).labels_] = 1.0
    return table


def picked_rows(
    X: Float[np.ndarray, "n d"],
    counts: Counts,
    n_components: int,
    method: str,
    random_state: np.random.RandomState,
) -> Int[np.ndarray, " k"]:
    """Return the number of the row that each component starts on."""
    if method == "k-means++":
        return kmeans_plusplus(X, n_components, sample_weight=counts, random_state=random_state)[1]
    probabilities = None if counts is None else counts / counts.sum()
    return random_state.choice(X.shape[0], n_components, replace=False, p=probabilities)
