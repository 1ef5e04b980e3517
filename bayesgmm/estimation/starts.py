"""Starting points of EM: a partition of the rows, turned into parameters by one M-step."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.factor_steps import factors_from_responsibilities
from bayesgmm.estimation.maximization import maximize, update_covariances
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.kernels.em_starts import (
    k_means,
    nearest_centers,
    spread_out_rows,
)
from bayesgmm.numerics.rows import RowsInMemory, as_compiled
from bayesgmm.numerics.statistics import shared_statistics
from bayesgmm.parameters import MixtureParameters

# Enough to tell good starts from bad ones; on more, the starts would cost more than the rest.
_MOST_ROWS, _ROWS_PER_PARAMETER = 20_000, 5
_KMEANS_ITERATIONS = 15

_MOST_JUDGED = 5000  # rows by which axes are judged
_SEPARATED = 0.7
"""Width of intervals, relative to those that cut a uniform distribution, of an axis that separates.

Those that cut a normal distribution have 1.65."""

_MOST_STRETCHED = 1e-6


def rows_to_start_on(
    X: RowsInMemory, objective: Objective, rng: np.random.Generator
) -> RowsInMemory:
    """Return all rows, or a random sample where there are very many."""
    most = max(_MOST_ROWS, _ROWS_PER_PARAMETER * objective.layout.size)
    if X.n_rows <= most:
        return X
    chosen = np.sort(rng.choice(X.n_rows, most, replace=False))
    return X.subset(chosen)


def start(
    X: RowsInMemory, objective: Objective, method: str, rng: np.random.Generator
) -> MixtureParameters:
    """Return parameters to start from, on the standard scale of the data.

    ``"k-means++"`` seeds k-means by distance (Arthur & Vassilvitskii, 2007) and takes its
    clusters; ``"random"`` assigns every row to the nearest of k rows picked at random.

    References
    ----------
    Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    Proceedings of the 18th ACM-SIAM symposium on discrete algorithms, 1027-1035.
    """
    rows = filled(X)
    labels = partition(rows, objective.spec.n_components, method, rng)
    return from_labels(rows, labels, objective)


def partition(
    X: RowsInMemory, n_components: int, method: str, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Return for every row, of which no cell is missing, a component, as ``start`` says."""
    labels = _clusters(as_compiled(X.values), n_components, method, rng)
    if X.has_labels:
        return _in_agreement(labels, X.label_log_likelihoods)
    return labels


def _clusters(
    rows: Float[np.ndarray, "n d"], n_components: int, method: str, rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    if method == "random":
        labels = np.empty(rows.shape[0], dtype=np.int64)
        nearest_centers(rows, _different_rows(rows, n_components, rng), labels)
        return labels
    trials = 2 + int(math.log(n_components))  # as scikit-learn
    first, uniforms = rng.integers(rows.shape[0]), rng.random((n_components - 1, trials))
    centers = rows[spread_out_rows(rows, first, uniforms)]
    return k_means(rows, centers, _KMEANS_ITERATIONS)


def stretched(X: RowsInMemory, n_components: int, rng: np.random.Generator) -> RowsInMemory | None:
    """Return rows in units in which the axes that separate clusters have more weight.

    Clusters may be narrow along one axis and as wide as the table along others, which k-means
    divides. Along each axis alone k-means finds intervals. Where they are much narrower than
    intervals that cut up a uniform distribution, the axis separates clusters, and is measured by
    their standard deviation. ``None`` where no axis does.
    """
    values = X.values
    some = values[rng.choice(len(values), min(len(values), _MOST_JUDGED), replace=False)]
    total, within = some.std(axis=0), np.empty(some.shape[1])
    for axis, column in enumerate(some.T):
        labels = _clusters(as_compiled(column[:, None]), n_components, "k-means++", rng)
        counts = np.maximum(np.bincount(labels, minlength=n_components), 1)
        centers = np.bincount(labels, column, minlength=n_components) / counts
        within[axis] = math.sqrt(np.mean((column - centers[labels]) ** 2))
    separates = within < _SEPARATED * total / n_components
    if not separates.any():
        return None
    least = _MOST_STRETCHED * total
    units = np.where(separates, np.maximum(within, least), np.where(total > 0, total, 1.0))
    return X.with_values(values / units)


def _different_rows(
    rows: Float[np.ndarray, "n d"], n_components: int, rng: np.random.Generator
) -> Float[np.ndarray, "k d"]:
    """Pick rows at random, no two of them equal if the table has so many."""
    picked = rows[rng.choice(rows.shape[0], n_components, replace=False)]
    if len(np.unique(picked, axis=0)) < n_components:
        distinct = np.unique(rows, axis=0)
        if len(distinct) >= n_components:
            return distinct[rng.choice(len(distinct), n_components, replace=False)]
    return picked


def _in_agreement(
    labels: Int[np.ndarray, " n"], label_log_likelihoods: Float[np.ndarray, "n k"]
) -> Int[np.ndarray, " n"]:
    """Number clusters so that rows lie where they may, and move those that do not.

    Each cluster gets the component with the highest label likelihood of its rows.
    """
    likely = np.exp(label_log_likelihoods - label_log_likelihoods.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    members = np.eye(label_log_likelihoods.shape[1])[labels]
    clusters, components = linear_sum_assignment(members.T @ likely, maximize=True)
    labels = components[np.argsort(clusters)][labels]
    own = np.take_along_axis(likely, labels[:, None], axis=1)[:, 0]
    return np.where(own < 0.5 * likely.max(axis=1), likely.argmax(axis=1), labels)


def from_labels(
    X: RowsInMemory, labels: Int[np.ndarray, " n"], objective: Objective
) -> MixtureParameters:
    """Return the parameters that fit a partition of rows of which no cell is missing."""
    return from_responsibilities(X, np.eye(objective.spec.n_components)[labels], objective)


def from_responsibilities(
    X: RowsInMemory, resp: Float[np.ndarray, "n k"], objective: Objective
) -> MixtureParameters:
    """Return the parameters that fit complete rows with given responsibilities."""
    if objective.layout.covariances.n_factors:
        return factors_from_responsibilities(X, resp, objective)
    n_components, size = resp.shape[1], X.n_features
    correlated = objective.layout.covariances.correlated
    # About the means of the components: about zero, which an outlier moves far away, the spread
    # of the others would be a small difference of large numbers.
    means, statistics = shared_statistics(X, resp, correlated=correlated)
    identity = np.broadcast_to(np.eye(size), (n_components, size, size)).copy()
    neutral = MixtureParameters(
        np.full(n_components, 1 / n_components),
        means,
        np.broadcast_to(_neutral_scales(objective), (n_components, size)).copy(),
        identity if correlated else None,
    )
    # EM never revives a component of weight zero, so that one without rows is given one row's.
    weights = (statistics.counts + 1) / (statistics.counts + 1).sum()
    if not objective.uses_prior:
        return replace(maximize(statistics, neutral, objective), weights=weights)
    # Means stay with their rows at first: beside neutral scales the prior would draw that of a
    # lone row far away toward the others, and the component would become as wide.
    structure = objective.spec.covariances
    scales, correlations = update_covariances(structure, statistics, neutral, objective)
    return MixtureParameters(weights, means, scales, correlations)


def _neutral_scales(objective: Objective) -> Float[np.ndarray, " s"]:
    """Return standard deviations to begin with: those of the prior rows, or of scaled data."""
    prior = objective.mode_prior.covariances
    if not np.any(prior.scatter):
        return np.ones(objective.layout.covariances.n_scales)
    return np.sqrt(np.diagonal(prior.scatter) / prior.count)
