"""Gains of splitting a component and losses of merging two, at given responsibilities.

Both are bounds on the change of the objective of ``em.py``, which further EM steps only increase.
Axes: rows n, components k, features d.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, compiled_exactly
from bayesgmm.numerics.kernels.triangular import cholesky, inverse

_LEAST_RESPONSIBILITY = 1e-2  # of the rows that a split or an entropy uses
_SMALLEST_HALF = 1e-3  # number of rows in one half


@compiled_exactly
def structured(scatter, count, prior, correlated, covariance):
    """Write the covariance matrix of a structure from its scatter, prior rows included."""
    d, n_scales = scatter.shape[0], prior.covariances.terms.shape[0]
    total = count + prior.covariances.count
    mean = 0.0
    for i in range(d):
        scale = i % n_scales
        covariance[i, i] = (scatter[i, i] + prior.covariances.scatter[scale, scale]) / total
        mean += covariance[i, i] / d
        for j in range(i):
            covariance[i, j] = scatter[i, j] / total if correlated else 0.0
            covariance[j, i] = covariance[i, j]
    if n_scales < d:
        for i in range(d):
            covariance[i, i] = mean


@compiled_exactly
def _whitener(covariance):
    """Return the inverse Cholesky factor and its log determinant; NaN for singular matrices."""
    whitener, log_determinant = inverse(cholesky(covariance)), 0.0
    for i in range(covariance.shape[0]):
        log_determinant += math.log(whitener[i, i])
    return whitener, log_determinant


@compiled_exactly
def _log_prior(whitener, log_determinant, prior):
    """Return the log density of a covariance matrix under the prior rows."""
    value = prior.covariances.count * log_determinant
    n_scales = prior.covariances.terms.shape[0]
    for i in range(whitener.shape[0]):
        for j in range(i + 1):
            scatter = prior.covariances.scatter[j % n_scales, j % n_scales]
            value -= 0.5 * scatter * whitener[i, j] ** 2
    return value


@compiled
def _square(X, row, mean, whitener):
    """Return the squared Mahalanobis distance of a row."""
    square = 0.0
    for i in range(mean.shape[0]):
        total = 0.0
        for j in range(i + 1):
            total += whitener[i, j] * (X[row, j] - mean[j])
        square += total * total
    return square


@compiled
def _write_moments(X, weights, half, side, mean, scatter):
    """Write mean and scatter of one half; return its count."""
    (n, d), count = X.shape, 0.0
    mean[:], scatter[:] = 0.0, 0.0
    centered = np.empty(d)
    for row in range(n):
        weight = weights[row] * (half[row] if side == 0 else 1.0 - half[row])
        count += weight
        for i in range(d):
            mean[i] += weight * X[row, i]
    for i in range(d):
        mean[i] /= max(count, _SMALLEST_HALF)
    for row in range(n):
        weight = weights[row] * (half[row] if side == 0 else 1.0 - half[row])
        for i in range(d):
            centered[i] = X[row, i] - mean[i]
            for j in range(i + 1):
                scatter[i, j] += weight * centered[i] * centered[j]
    return count


@compiled
def _write_responsibilities(X, weights, half, counts, means, whiteners, heights):
    """Write the responsibilities of the first half; return the log-likelihood."""
    value, total = 0.0, counts[0] + counts[1]
    first = math.log(counts[0] / total) + heights[0]
    second = math.log(counts[1] / total) + heights[1]
    for row in range(X.shape[0]):
        one = first - 0.5 * _square(X, row, means[0], whiteners[0])
        other = second - 0.5 * _square(X, row, means[1], whiteners[1])
        gap = math.exp(-abs(one - other))
        value += weights[row] * (max(one, other) + math.log1p(gap))
        half[row] = 1.0 / (1.0 + gap) if one >= other else gap / (1.0 + gap)
    return value


@compiled
def best_halves(
    X, responsibilities, axis, covariance, prior, correlated, tied, steps, means, covariances
):
    """Split a component in two across an axis, and improve the halves by EM steps.

    ``responsibilities`` (n,) and ``covariance`` (d, d) are those of the component; tied halves keep
    the latter. Writes means (2, d) and covariances (2, d, d); returns the gain of the objective,
    and the weight of the first half.
    """
    n, d = X.shape
    mean, scatter, half = np.empty(d), np.empty((d, d)), np.ones(n)
    whiteners, heights, counts = np.empty((2, d, d)), np.empty(2), np.empty(2)
    count = _write_moments(X, responsibilities, half, 0, mean, scatter)
    whitener, whole = _whitener(covariance)
    before = 0.0 if tied else _log_prior(whitener, whole, prior)
    for row in range(n):
        before += responsibilities[row] * (whole - 0.5 * _square(X, row, mean, whitener))
        along = 0.0
        for i in range(d):
            white, white_axis = 0.0, 0.0
            for j in range(i + 1):
                white += whitener[i, j] * (X[row, j] - mean[j])
                white_axis += whitener[i, j] * axis[j]
            along += white * white_axis
        half[row] = 1.0 if along > 0.0 else 0.0
    after = -np.inf
    for _ in range(steps):
        priors = 0.0
        for side in range(2):
            counts[side] = _write_moments(X, responsibilities, half, side, means[side], scatter)
            if not counts[side] > _SMALLEST_HALF:
                return -np.inf, 0.5
            if tied:
                covariances[side] = covariance
            else:
                structured(scatter, counts[side], prior, correlated, covariances[side])
            whiteners[side], heights[side] = _whitener(covariances[side])
            if not math.isfinite(heights[side]):
                return -np.inf, 0.5
            if not tied:
                priors += _log_prior(whiteners[side], heights[side], prior)
        after = priors + _write_responsibilities(
            X, responsibilities, half, counts, means, whiteners, heights
        )
    return after - before, counts[0] / count


@compiled
def _gathered(X, responsibilities):
    """Return the rows with nonnegligible responsibilities of a component, and these."""
    chosen = np.flatnonzero(responsibilities > _LEAST_RESPONSIBILITY)
    rows, some = np.empty((chosen.shape[0], X.shape[1])), np.empty(chosen.shape[0])
    for number in range(chosen.shape[0]):
        some[number] = responsibilities[chosen[number]]
        for i in range(X.shape[1]):
            rows[number, i] = X[chosen[number], i]
    return rows, some


@compiled
def split_gains(X, responsibilities, axes, covariances, prior, correlated, tied, steps):
    """Split every component across each of its axes (k, c, d), and keep the best split.

    Returns gains (k,), weights of the first half (k,), means (k, 2, d) and covariances
    (k, 2, d, d).
    """
    (k, n_axes, d), n = axes.shape, X.shape[0]
    gains, firsts = np.full(k, -np.inf), np.full(k, 0.5)
    means, matrices = np.zeros((k, 2, d)), np.zeros((k, 2, d, d))
    new_means, new_matrices, own = np.empty((2, d)), np.empty((2, d, d)), np.empty(n)
    for component in range(k):
        for row in range(n):
            own[row] = responsibilities[row, component]
        rows, some = _gathered(X, own)
        for number in range(n_axes):
            if not np.any(axes[component, number]):
                continue
            gain, first = best_halves(
                rows, some, axes[component, number], covariances[component], prior, correlated,
                tied, steps, new_means, new_matrices,
            )  # fmt: skip
            if gain > gains[component]:
                gains[component], firsts[component] = gain, first
                means[component], matrices[component] = new_means, new_matrices
    return gains, firsts, means, matrices


@compiled
def pair_entropies(responsibilities, weights):
    """Return entropies of pairs of components (k, k), and losses without a component (k,).

    The entropy of assignments between j and l is
    -sum_i w_i (r_ij log(r_ij / r) + r_il log(r_il / r)) with r = r_ij + r_il. The loss of the
    log-likelihood without component j is at most -sum_i w_i log(1 - r_ij).
    """
    n, k = responsibilities.shape
    entropies, losses, some = np.zeros((k, k)), np.zeros(k), np.empty(k, dtype=np.int64)
    for row in range(n):
        weight, kept = weights[row], 0
        for component in range(k):
            responsibility = responsibilities[row, component]
            if responsibility > _LEAST_RESPONSIBILITY:
                losses[component] -= weight * math.log(max(1.0 - responsibility, 1e-300))
                some[kept] = component
                kept += 1
            else:
                losses[component] += weight * responsibility
        for first in range(kept):
            one = responsibilities[row, some[first]]
            for second in range(first):
                other = responsibilities[row, some[second]]
                both = one + other
                entropy = -one * math.log(one / both) - other * math.log(other / both)
                entropies[some[first], some[second]] += weight * entropy
    return entropies + entropies.T, losses
