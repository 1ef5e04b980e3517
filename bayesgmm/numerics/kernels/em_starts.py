"""Starts of compiled EM: from a partition of the rows, or from a mixture with one component split.

Either is an M-step on constructed moments, so that it works for every structure. Partitions are
made by k-means++ and k-means. Axes: rows n, components or centers k, features d.

References
----------
Jarque, C. M. and Bera, A. K. (1987). A test for normality of observations and regression residuals.
International Statistical Review 55, 163-172.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, compiled_exactly
from bayesgmm.numerics.kernels.positions import maximize
from bayesgmm.numerics.kernels.triangular import add, cholesky, inverse

_HALF = 2.0 / math.pi
"""Half a standard normal distribution has the mean sqrt(2 / pi) and the variance 1 - 2 / pi."""

_SQUARINGS = 8  # of a matrix, until its largest eigenvalue dominates
_FEWEST_ROWS = 2.0  # of a component that may be split


@compiled
def moments_of(X, responsibilities):
    """Return counts (k,), means (k, d) and scatter (k, d, d) about the means.

    ``responsibilities`` (n, k) are the weights.
    """
    (n, d), k = X.shape, responsibilities.shape[1]
    counts, means, scatter = np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    centered = np.empty(d)
    for row in range(n):
        for component in range(k):
            responsibility = responsibilities[row, component]
            counts[component] += responsibility
            for i in range(d):
                means[component, i] += responsibility * X[row, i]
    for component in range(k):
        for i in range(d):
            means[component, i] /= max(counts[component], 1e-300)
    for row in range(n):
        for component in range(k):
            responsibility = responsibilities[row, component]
            if responsibility > 0.0:
                for i in range(d):
                    centered[i] = X[row, i] - means[component, i]
                    for j in range(i + 1):
                        scatter[component, i, j] += responsibility * centered[i] * centered[j]
    for component in range(k):
        for i in range(d):
            for j in range(i):
                scatter[component, j, i] = scatter[component, i, j]
    return counts, means, scatter


@compiled_exactly
def write_moments(counts, means, scatter, prior, correlated, smallest, position):
    """Write the position with given moments; return whether all matrices have full rank.

    The moments may also be weights, means and weighted covariance matrices of a mixture.
    """
    sums, squares = np.zeros(means.shape), np.empty(means.shape)
    widths = np.empty(position.shape[0])
    if correlated:
        return maximize(counts, sums, scatter, means, prior, smallest, position, widths)
    for component in range(means.shape[0]):
        for i in range(means.shape[1]):
            squares[component, i] = scatter[component, i, i]
    return maximize(counts, sums, squares, means, prior, smallest, position, widths)


@compiled_exactly
def partition_moments(X, labels, n_components, smallest):
    """Return counts, means and scatter of a partition, and whether EM can start from it.

    One row with the pooled covariance matrix within components is added to each component, so
    that components of few rows have full rank. EM cannot start if a component has no rows, or
    several rows that are all equal.
    """
    responsibilities = np.zeros((X.shape[0], n_components))
    for row in range(X.shape[0]):
        responsibilities[row, labels[row]] = 1.0
    counts, means, scatter = moments_of(X, responsibilities)
    pooled, usable = np.zeros(scatter.shape[1:]), True
    for component in range(n_components):
        add(scatter[component], pooled)
        spread = 0.0
        for i in range(X.shape[1]):
            least = counts[component] * smallest[i % smallest.shape[0]] ** 2
            spread = max(spread, scatter[component, i, i] - least)
        usable = usable and (counts[component] == 1.0 or spread > 0.0)
    pooled /= X.shape[0]
    for component in range(n_components):
        counts[component] += 1.0
        add(pooled, scatter[component])
    return counts, means, scatter, usable


@compiled_exactly
def longest_axis(matrix):
    """Return the first principal axis, as long as the standard deviation along it."""
    size, power = matrix.shape[0], matrix.copy()
    for _ in range(_SQUARINGS):
        trace = 0.0
        for i in range(size):
            trace += power[i, i]
        if not trace > 0.0:
            return np.zeros(size)
        squared = np.zeros((size, size))
        for i in range(size):
            for j in range(size):
                for m in range(size):
                    squared[i, j] += power[i, m] * power[m, j] / (trace * trace)
        power = squared
    largest = 0
    for i in range(size):
        if power[i, i] > power[largest, largest]:
            largest = i
    axis, length, variance = power[largest].copy(), 0.0, 0.0
    for i in range(size):
        length += axis[i] * axis[i]
    axis /= math.sqrt(length)
    for i in range(size):
        for j in range(size):
            variance += axis[i] * matrix[i, j] * axis[j]
    return axis * math.sqrt(variance)


@compiled
def _odd_axis(X, responsibilities, component, mean, root):
    """Return the column of a root of the covariance matrix along which rows are least normal.

    That is the one with the largest statistic of Jarque & Bera (1987), of skewness and kurtosis.
    """
    d, whitener = mean.shape[0], inverse(root)
    third, fourth = np.zeros(d), np.zeros(d)
    for row in range(X.shape[0]):
        responsibility = responsibilities[row, component]
        for i in range(d):
            total = 0.0
            for j in range(i + 1):
                total += whitener[i, j] * (X[row, j] - mean[j])
            square = total * total
            third[i] += responsibility * square * total
            fourth[i] += responsibility * square * square
    count, best, oddest = responsibilities[:, component].sum(), 0, -1.0
    for i in range(d):
        skewness, excess = third[i] / count, fourth[i] / count - 3.0
        oddness = 4.0 * skewness * skewness + excess * excess
        if oddness > oddest:
            best, oddest = i, oddness
    return root[:, best].copy()


@compiled_exactly
def split_axes(X, responsibilities):
    """Return counts, means and scatter of components, and the axes of splits (k, c, d).

    The axes are the first principal axis, and the axis along which rows are least normal; each is
    as long as the standard deviation along it. The second is zero for a singular matrix, and both
    are zero for a component with fewer than two rows.
    """
    counts, means, scatter = moments_of(X, responsibilities)
    (k, d), n_axes = means.shape, 1 if X.shape[1] == 1 else 2
    axes = np.zeros((k, n_axes, d))
    for component in range(k):
        if counts[component] < _FEWEST_ROWS:
            continue
        covariance = scatter[component] / counts[component]
        longest = longest_axis(covariance)
        for i in range(d):
            axes[component, 0, i] = longest[i]
        root = cholesky(covariance)
        if n_axes == 1 or not root[d - 1, d - 1] > 0.0:
            continue
        odd = _odd_axis(X, responsibilities, component, means[component], root)
        for i in range(d):
            axes[component, 1, i] = odd[i]
    return counts, means, scatter, axes


@compiled_exactly
def _halved(component, axis, counts, means, scatter):
    """Return the moments after a component is split into two halves across an axis."""
    k, d = means.shape
    new_counts, new_means = np.empty(k + 1), np.empty((k + 1, d))
    new_scatter = np.empty((k + 1, d, d))
    for new in range(k + 1):
        old = component if new == k else new
        side, halved = -1.0 if new == component else 1.0, old == component
        new_counts[new] = 0.5 * counts[old] if halved else counts[old]
        for i in range(d):
            shift = side * math.sqrt(_HALF) * axis[i] if halved else 0.0
            new_means[new, i] = means[old, i] + shift
            for j in range(d):
                lost = counts[old] * _HALF * axis[i] * axis[j] if halved else 0.0
                rest = scatter[old, i, j] - lost
                new_scatter[new, i, j] = 0.5 * rest if halved else rest
    return new_counts, new_means, new_scatter


@compiled_exactly
def write_halves(X, responsibilities, prior, correlated, smallest, positions):
    """Write positions with one more component, one for each split; return their number.

    ``responsibilities`` (n, k) are those of the current components; ``positions`` (2 k, p) has
    room for two splits of each.
    """
    counts, means, scatter, axes = split_axes(X, responsibilities)
    written = 0
    for component in range(axes.shape[0]):
        for axis in axes[component]:
            if np.any(axis):
                new = _halved(component, axis, counts, means, scatter)
                written += write_moments(*new, prior, correlated, smallest, positions[written])
    return written


@compiled
def _distance_to_nearest(X, center, nearest, new):
    """Update the squared distance of each row to the nearest center; return the sum."""
    total = 0.0
    for row in range(X.shape[0]):
        square = 0.0
        for feature in range(X.shape[1]):
            square += (X[row, feature] - center[feature]) ** 2
        new[row] = min(nearest[row], square)
        total += new[row]
    return total


@compiled_exactly
def spread_out_rows(X, first, uniforms):
    """Return the positions of k rows chosen by greedy k-means++.

    Each row is drawn with probability proportional to its squared distance to the nearest center
    so far. Of several such rows, the one with the smallest resulting sum of distances is chosen.
    ``uniforms`` (k - 1, trials) are random numbers. If all distances are zero, any row is drawn.
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
def nearest_centers(X, centers, labels):
    """Write the nearest center of every row; return how many labels have changed."""
    changed = 0
    for row in range(X.shape[0]):
        least, label = np.inf, 0
        for center in range(centers.shape[0]):
            square = 0.0
            for feature in range(X.shape[1]):
                square += (X[row, feature] - centers[center, feature]) ** 2
            if square < least:
                least, label = square, center
        changed += label != labels[row]
        labels[row] = label
    return changed


@compiled_exactly
def k_means(X, centers, iterations):
    """Return labels (n,) after Lloyd's algorithm has converged, or after the given iterations.

    The centers are updated in place; a center without rows does not move.
    """
    labels = np.full(X.shape[0], -1)
    for _ in range(iterations):
        if nearest_centers(X, centers, labels) == 0:
            break
        counts, sums = np.zeros(centers.shape[0]), np.zeros(centers.shape)
        for row in range(X.shape[0]):
            counts[labels[row]] += 1.0
            for feature in range(X.shape[1]):
                sums[labels[row], feature] += X[row, feature]
        for center in range(centers.shape[0]):
            if counts[center] > 0.0:
                for feature in range(X.shape[1]):
                    centers[center, feature] = sums[center, feature] / counts[center]
    return labels
