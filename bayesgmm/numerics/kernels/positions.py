"""Positions, the vectors of unconstrained coordinates, and the M-step in closed form.

A position holds k - 1 log-ratios of the weights, k d means, the log scales u of every free
covariance matrix, then their correlation coordinates y (see ``covariances.py``).

The M-step maps moments to a position. It is that of maximum likelihood, or of the mode under prior
rows and pseudo-counts of the weights, which are added to the moments. Only the diagonal of the
scatter of prior rows is used.

Moments are counts (k,), sums (k, d) and scatter (k, d, d) or squares (k, d) about given means.
``widths`` of a position are one over rough posterior standard deviations, those with known
allocations. Axes: components k, features d.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly
from bayesgmm.numerics.kernels.triangular import cholesky


@compiled_exactly
def parts(vector, n_components, n_features, n_matrices, n_scales):
    """Return log-ratios (k - 1,), means (k, d), log scales (m, s) and coordinates (m, p).

    They are views, so that writing to them changes the vector, a position or a gradient.
    """
    first_mean = n_components - 1
    first_scale = first_mean + n_components * n_features
    first_pair = first_scale + n_matrices * n_scales
    n_pairs = (vector.shape[0] - first_pair) // n_matrices
    return (
        vector[:first_mean],
        vector[first_mean:first_scale].reshape(n_components, n_features),
        vector[first_scale:first_pair].reshape(n_matrices, n_scales),
        vector[first_pair:].reshape(n_matrices, n_pairs),
    )


@compiled_exactly
def log_weights_of(ratios):
    """Return the k log weights from k - 1 log-ratios; the last ratio is minus their sum."""
    n_components = ratios.shape[0] + 1
    logits = np.empty(n_components)
    last, largest = 0.0, -np.inf
    for component in range(n_components - 1):
        logits[component] = ratios[component]
        last -= ratios[component]
        largest = max(largest, ratios[component])
    logits[n_components - 1] = last
    largest = max(largest, last)
    total = 0.0
    for component in range(n_components):
        total += math.exp(logits[component] - largest)
    return logits - (largest + math.log(total))


@compiled_exactly
def write_ratios(log_weights, ratios):
    """Write the log-ratios of weights, the inverse of ``log_weights_of``."""
    mean = log_weights.mean()
    for component in range(ratios.shape[0]):
        ratios[component] = log_weights[component] - mean


_FEWEST_ROWS = 1e-100  # a component with fewer is empty: positions contain logarithms of weights


@compiled_exactly
def _write_weights_and_means(counts, sums, means, pseudo_counts, ratios, new_means):
    """Write log-ratios and means; return whether no component is empty."""
    total, log_weights = counts.sum() + pseudo_counts.sum(), np.empty(counts.shape[0])
    for component in range(counts.shape[0]):
        count = counts[component] + pseudo_counts[component]
        if not (counts[component] > _FEWEST_ROWS and count > _FEWEST_ROWS):
            return False
        log_weights[component] = math.log(count / total)
        for i in range(means.shape[1]):
            shift = sums[component, i] / counts[component]
            new_means[component, i] = means[component, i] + shift
    write_ratios(log_weights, ratios)
    return True


@compiled_exactly
def _write_widths(counts, log_scales, widths, n_features):
    n_components, (n_matrices, n_scales) = counts.shape[0], log_scales.shape
    ratios, means, scales, pairs = parts(widths, n_components, n_features, n_matrices, n_scales)
    shared = np.zeros(n_matrices)
    for component in range(n_components):
        matrix = component % n_matrices
        shared[matrix] += counts[component]
        width = math.sqrt(1.0 + counts[component])
        if component < n_components - 1:
            ratios[component] = width
        for i in range(n_features):
            means[component, i] = width * math.exp(-log_scales[matrix, i % n_scales])
    for matrix in range(n_matrices):
        for i in range(n_scales):
            scales[matrix, i] = math.sqrt(2.0 * (1.0 + shared[matrix]))
        for i in range(pairs.shape[1]):
            pairs[matrix, i] = math.sqrt(1.0 + shared[matrix])


@compiled_exactly
def _add_about_own_mean(scatter, total, count, pooled):
    """Add scatter, or squares, about the mean of the rows, given those about another point."""
    for i in range(total.shape[0]):
        shift = total[i] / count
        if scatter.ndim == 1:
            pooled[i] += scatter[i] - shift * total[i]
        else:
            for j in range(i + 1):
                pooled[i, j] += scatter[i, j] - shift * total[j]


@compiled_exactly
def _write_matrix(scatter, count, smallest, log_scales, pairs):
    """Write log scales and correlation coordinates from scatter, whose lower triangle is lost.

    Squares give log scales only; one for all features in a spherical structure. Returns whether the
    scatter has full rank, and all scales exceed their smallest value.
    """
    size, n_scales, position = scatter.shape[0], log_scales.shape[0], 0
    for scale in range(n_scales):
        square = 0.0
        for i in range(scale, size, n_scales):
            square += scatter[i] if scatter.ndim == 1 else scatter[i, i]
        together = count * (size // n_scales)
        if not square > together * smallest[scale] ** 2:
            return False
        log_scales[scale] = 0.5 * math.log(square / together)
    if scatter.ndim == 2:
        for i in range(size):
            for j in range(i):
                scatter[i, j] /= math.sqrt(scatter[i, i]) * math.sqrt(scatter[j, j])
        for i in range(size):
            scatter[i, i] = 1.0
        root = cholesky(scatter)
        for i in range(size):
            if not root[i, i] > 0.0:
                return False
            for j in range(i):
                pairs[position] = root[i, j] / root[i, i]
                position += 1
    return True


@compiled_exactly
def maximize(counts, sums, scatter, means, prior, smallest, position, widths):
    """Write the position of the M-step; return whether no component has collapsed."""
    (k, d), n_matrices, of_matrix = means.shape, prior.n_matrices, prior.covariances
    n_scales = of_matrix.terms.shape[0]
    ratios, new_means, log_scales, pairs = parts(position, k, d, n_matrices, n_scales)
    if not _write_weights_and_means(counts, sums, means, prior.concentration, ratios, new_means):
        return False
    for matrix in range(n_matrices):
        count, pooled = of_matrix.count, np.zeros(scatter.shape[1:])
        for i in range(d):
            square = of_matrix.scatter[i % n_scales, i % n_scales]
            if scatter.ndim == 2:
                pooled[i] = square
            else:
                pooled[i, i] = square
        for component in range(matrix, k, n_matrices):  # which share the matrix
            count += counts[component]
            _add_about_own_mean(scatter[component], sums[component], counts[component], pooled)
        if not _write_matrix(pooled, count, smallest, log_scales[matrix], pairs[matrix]):
            return False
    _write_widths(counts, log_scales, widths, d)
    return True
