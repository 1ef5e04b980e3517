"""Where EM starts: as scikit-learn starts, with the same random numbers.

Where rows have counts they take part as so many rows; random numbers are then others than
scikit-learn would draw for the rows written out.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import numpy as np
from jaxtyping import Float, Int
from sklearn.cluster import KMeans, kmeans_plusplus
from threadpoolctl import ThreadpoolController

from bayesgmm.numerics.blocks import SHORT

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
    with _threads_for(X.shape[0]):
        k_means = KMeans(n_components, n_init=1, random_state=random_state)
        labels = k_means.fit(X, sample_weight=counts).labels_
    table = np.zeros((X.shape[0], n_components))
    table[np.arange(X.shape[0]), labels] = 1.0
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


def _threads_for(n_rows: int) -> AbstractContextManager:
    """Return a context in which k-means keeps short tables on one thread.

    Where another process uses a core, its threads wait for each other twenty times as long as they
    work.
    """
    if n_rows > SHORT:
        return nullcontext()
    return _controller().limit(limits=1, user_api="openmp")


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # made here, when scikit-learn has loaded its threads
