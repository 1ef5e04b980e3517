"""How alike two partitions of the same rows are; leading batch axes for many pairs.

Axes: n rows, g groups of one partition, k of the other. A contingency table (g, k) counts the
rows in every pair of groups. Logarithms are natural: divided by log 2 they are bits.

References
----------
Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218.
Meila, M. (2007). Comparing clusterings: an information based distance. Journal of Multivariate
Analysis 98, 873-895.
Vinh, N. X., Epps, J. and Bailey, J. (2010). Information theoretic measures for clusterings
comparison. Journal of Machine Learning Research 11, 2837-2854.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.special import entr, xlogy


def contingency(
    groups: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], n_groups: int, n_labels: int
) -> Int[np.ndarray, "g k"]:
    """Count the rows in every pair of a group and a label, both numbered from zero."""
    pairs = groups.astype(np.int64) * n_labels + labels
    return np.bincount(pairs, minlength=n_groups * n_labels).reshape(n_groups, n_labels)


def adjusted_rand(tables: Num[np.ndarray, "*batch g k"]) -> Float[np.ndarray, "*batch"]:
    """Return the adjusted Rand index: 1 for equal partitions, 0 expected for unrelated ones."""
    n = tables.sum(axis=(-2, -1)).astype(float)
    together = _ordered_pairs(tables, (-2, -1))
    in_groups = _ordered_pairs(tables.sum(axis=-1), -1)
    in_labels = _ordered_pairs(tables.sum(axis=-2), -1)
    one_only, other_only = in_groups - together, in_labels - together
    neither = n * (n - 1) - together - one_only - other_only
    # Written in counts of pairs, as scikit-learn does: no division before the last.
    above = 2.0 * (together * neither - one_only * other_only)
    below = in_groups * (one_only + neither) + in_labels * (other_only + neither)
    equal = (one_only == 0) & (other_only == 0)  # then the index may be 0 / 0
    return np.where(equal, 1.0, above / np.where(equal, 1.0, below))


def variation_of_information(
    tables: Num[np.ndarray, "*batch g k"],
) -> Float[np.ndarray, "*batch"]:
    """Return H(one | other) + H(other | one): 0 for equal partitions, at most log n."""
    shares = _shares(tables)
    of_groups, of_labels = shares.sum(axis=-1), shares.sum(axis=-2)
    # Cell by cell, log(a p) and log(b p) instead of entropies: no term is below zero.
    surprise = xlogy(shares, of_groups[..., :, None]) + xlogy(shares, of_labels[..., None, :])
    total = (surprise - 2.0 * xlogy(shares, shares)).sum(axis=(-2, -1))
    return np.where(total > 0.0, total, 0.0)


def normalized_mutual_information(
    tables: Num[np.ndarray, "*batch g k"],
) -> Float[np.ndarray, "*batch"]:
    """Return mutual information over the mean of both entropies; 1 where both are zero."""
    shares = _shares(tables)
    of_groups, of_labels = shares.sum(axis=-1), shares.sum(axis=-2)
    expected = xlogy(shares, of_groups[..., :, None]) + xlogy(shares, of_labels[..., None, :])
    information = (xlogy(shares, shares) - expected).sum(axis=(-2, -1))
    entropies = 0.5 * (entr(of_groups).sum(axis=-1) + entr(of_labels).sum(axis=-1))
    trivial = entropies == 0.0
    ratio = information / np.where(trivial, 1.0, entropies)
    return np.where(trivial, 1.0, np.clip(ratio, 0.0, 1.0))


def brier(
    shares: Float[np.ndarray, "n k"],
    groups: Int[np.ndarray, " n"],
    group_of_label: Int[np.ndarray, " k"],
) -> float:
    """Return the Brier score of soft labels, each of which predicts a group or none (-1).

    The mean over rows of the sum over groups of (probability - indicator)^2, where labels that
    predict none count together as one more group, in which no row is. A group that no label
    predicts has probability zero.
    """
    n_rows, k = shares.shape
    predictions = np.zeros((n_rows, k + 1))  # of the group of each label, and of none
    for label, group in enumerate(group_of_label):
        predictions[:, label if group >= 0 else k] += shares[:, label]
    hits = group_of_label == groups[:, None]
    predictions[:, :k] -= hits
    missed = 1.0 - hits.any(axis=1)
    return float(np.mean(np.square(predictions).sum(axis=1) + missed))


def _shares(tables: np.ndarray) -> np.ndarray:
    return tables / tables.sum(axis=(-2, -1), keepdims=True)


def _ordered_pairs(counts: np.ndarray, axes: int | tuple[int, ...]) -> np.ndarray:
    """Return the number of ordered pairs of rows that are in one cell."""
    counts = counts.astype(float)
    return (counts * (counts - 1.0)).sum(axis=axes)
