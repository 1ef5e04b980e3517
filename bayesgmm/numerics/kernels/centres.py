"""Partitions of rows to start from: spread-out centres, the nearest centre, and k-means.

Axes: rows n, features d, centres k.
"""

from __future__ import annotations

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, compiled_exactly


@compiled
def _distance_to_nearest(X, centre, nearest, new):
    """Write the squared distance of each row to the nearest centre, one more; return their sum."""
    total = 0.0
    for row in range(X.shape[0]):
        square = 0.0
        for feature in range(X.shape[1]):
            square += (X[row, feature] - centre[feature]) ** 2
        new[row] = min(nearest[row], square)
        total += new[row]
    return total


@compiled_exactly
def spread_out_rows(X, first, uniforms):
    """Numbers of k rows: each picked with probability proportional to the squared distance.

    That is to the nearest of those before. Of several that are picked in this way (k - 1, trials),
    the one that leaves the smallest sum of distances is taken: greedy k-means++. Where all rows are
    centres already, any is picked.
    """
    n, (k, trials) = X.shape[0], (uniforms.shape[0] + 1, uniforms.shape[1])
    rows, nearest, left = np.empty(k, dtype=np.int64), np.full(n, np.inf), np.empty((2, n))
    rows[0] = first
    total = _distance_to_nearest(X, X[first], nearest, nearest)
    for number in range(1, k):
        least = np.inf
        for trial in range(trials):
            level, below, row = uniforms[number - 1, trial] * total, nearest[0], 0
            while below <= level and row < n - 1:
                row += 1
                below += nearest[row]
            if not total > 0.0:
                row = int(uniforms[number - 1, trial] * n)
            rest = _distance_to_nearest(X, X[row], nearest, left[0])
            if rest < least:
                least, rows[number] = rest, row
                for i in range(n):
                    left[1, i] = left[0, i]
        total = least
        for i in range(n):
            nearest[i] = left[1, i]
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
