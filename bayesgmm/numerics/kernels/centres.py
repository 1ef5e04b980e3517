"""Partitions of rows to start from: spread-out centres, the nearest centre, and k-means.

Axes: rows n, features d, centres k.
"""

from __future__ import annotations

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, compiled_exactly


@compiled
def _add_nearer(X, centre, nearest):
    """Lower the squared distance of each row to the nearest centre; return their sum."""
    total = 0.0
    for row in range(X.shape[0]):
        square = 0.0
        for feature in range(X.shape[1]):
            square += (X[row, feature] - centre[feature]) ** 2
        nearest[row] = min(nearest[row], square)
        total += nearest[row]
    return total


@compiled_exactly
def spread_out_rows(X, first, uniforms):
    """Numbers of k rows: each picked with probability proportional to the squared distance.

    That is to the nearest of those before. Where all rows are centres already, any is picked.
    """
    n, k = X.shape[0], uniforms.shape[0] + 1
    rows, nearest = np.empty(k, dtype=np.int64), np.full(n, np.inf)
    rows[0] = first
    for number in range(1, k):
        total = _add_nearer(X, X[rows[number - 1]], nearest)
        level, below, row = uniforms[number - 1] * total, nearest[0], 0
        while below <= level and row < n - 1:
            row += 1
            below += nearest[row]
        rows[number] = row if total > 0.0 else int(uniforms[number - 1] * n)
    return rows


@compiled
def nearest_centres(X, centres, labels):
    """Write for every row the number of the nearest centre; return how many have changed."""
    changed = 0
    for row in range(X.shape[0]):
        least, label = np.inf, 0
        for centre in range(centres.shape[0]):
            square = 0.0
            for feature in range(X.shape[1]):
                square += (X[row, feature] - centres[centre, feature]) ** 2
            if square < least:
                least, label = square, centre
        changed += label != labels[row]
        labels[row] = label
    return changed


@compiled_exactly
def k_means(X, centres, iterations):
    """Labels (n,) after so many rounds of Lloyd's algorithm, or when none changes any more.

    The centres are moved; one without rows stays where it is.
    """
    labels = np.full(X.shape[0], -1)
    for _ in range(iterations):
        if nearest_centres(X, centres, labels) == 0:
            break
        counts, sums = np.zeros(centres.shape[0]), np.zeros(centres.shape)
        for row in range(X.shape[0]):
            counts[labels[row]] += 1.0
            for feature in range(X.shape[1]):
                sums[labels[row], feature] += X[row, feature]
        for centre in range(centres.shape[0]):
            if counts[centre] > 0.0:
                for feature in range(X.shape[1]):
                    centres[centre, feature] = sums[centre, feature] / counts[centre]
    return labels
