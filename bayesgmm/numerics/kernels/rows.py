"""The passes over all rows: the only loops whose cost grows with the table.

A tile of rows is transposed to (feature, row), so that the inner loops run over rows and use
vector instructions. Nothing of size (n, k) is kept, except by the kernels that are asked for it.

Axes: n rows, d features, k components; ``factors`` are lower Cholesky factors of the precision
in the sense that ``factor @ (x - mean)`` is standard normal: (k, d, d) with correlations, and
(k, d), one over the scales, without.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled

# Rows in a tile: wide enough to fill the vector units, small enough that a tile with its
# temporaries stays in the first-level cache for a handful of features.
TILE = 128


@compiled
def load_tile(X, start, rows, tile):
    """Copy some rows into a tile, transposed."""
    for row in range(rows):
        for feature in range(X.shape[1]):
            tile[feature, row] = X[start + row, feature]


@compiled
def _centre(tile, mean, rows, centred):
    for feature in range(tile.shape[0]):
        for row in range(rows):
            centred[feature, row] = tile[feature, row] - mean[feature]


@compiled
def full_log_densities(tile, rows, constants, means, factors, centred, whitened, log_densities):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) of a tile into a table (k, rows)."""
    n_features = tile.shape[0]
    for component in range(means.shape[0]):
        _centre(tile, means[component], rows, centred)
        for row in range(rows):
            log_densities[component, row] = constants[component]
        for i in range(n_features):
            for row in range(rows):
                whitened[row] = factors[component, i, 0] * centred[0, row]
            for j in range(1, i + 1):
                entry = factors[component, i, j]
                for row in range(rows):
                    whitened[row] += entry * centred[j, row]
            for row in range(rows):
                log_densities[component, row] -= 0.5 * whitened[row] * whitened[row]


@compiled
def diagonal_log_densities(tile, rows, constants, means, factors, log_densities):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) of a tile into a table (k, rows)."""
    for component in range(means.shape[0]):
        for row in range(rows):
            log_densities[component, row] = constants[component]
        for feature in range(tile.shape[0]):
            mean, factor = means[component, feature], factors[component, feature]
            for row in range(rows):
                whitened = factor * (tile[feature, row] - mean)
                log_densities[component, row] -= 0.5 * whitened * whitened


@compiled
def find_largest(log_densities, rows, largest, total):
    """Write the largest log density of every row, and a total of zero to begin with."""
    for row in range(rows):
        largest[row] = log_densities[0, row]
        total[row] = 0.0
    for component in range(1, log_densities.shape[0]):
        for row in range(rows):
            largest[row] = max(largest[row], log_densities[component, row])


@compiled
def _normalize(log_densities, rows, largest, total):
    """Turn log densities into responsibilities in place; return the sum of their log-sum-exp."""
    n_components = log_densities.shape[0]
    find_largest(log_densities, rows, largest, total)
    for component in range(n_components):
        for row in range(rows):
            value = math.exp(log_densities[component, row] - largest[row])
            log_densities[component, row] = value
            total[row] += value
    log_likelihood = 0.0
    for row in range(rows):
        log_likelihood += largest[row] + math.log(total[row])
        total[row] = 1.0 / total[row]
    for component in range(n_components):
        for row in range(rows):
            log_densities[component, row] *= total[row]
    return log_likelihood


@compiled
def _weigh(centred, responsibility, rows, weighted):
    total = 0.0
    for row in range(rows):
        weighted[row] = responsibility[row] * centred[row]
        total += weighted[row]
    return total


@compiled
def _inner_product(left, right, rows):
    total = 0.0
    for row in range(rows):
        total += left[row] * right[row]
    return total


@compiled
def add_full_statistics(
    tile, rows, responsibilities, means, centred, weighted, counts, sums, scatter
):
    """Add what a tile contributes to counts, sums and (lower) scatter."""
    n_features = tile.shape[0]
    for component in range(means.shape[0]):
        responsibility = responsibilities[component]
        for row in range(rows):
            counts[component] += responsibility[row]
        _centre(tile, means[component], rows, centred)
        for i in range(n_features):
            sums[component, i] += _weigh(centred[i], responsibility, rows, weighted)
            for j in range(i + 1):
                scatter[component, i, j] += _inner_product(weighted, centred[j], rows)


@compiled
def add_diagonal_statistics(
    tile, rows, responsibilities, means, centred, weighted, counts, sums, scatter
):
    """Add what a tile contributes to counts, sums and scatter."""
    for component in range(means.shape[0]):
        responsibility = responsibilities[component]
        for row in range(rows):
            counts[component] += responsibility[row]
        _centre(tile, means[component], rows, centred)
        for i in range(tile.shape[0]):
            sums[component, i] += _weigh(centred[i], responsibility, rows, weighted)
            scatter[component, i] += _inner_product(weighted, centred[i], rows)


@compiled
def full_statistics(X, constants, means, factors):
    """Log-likelihood, counts (k,), sums (k, d) and scatter (k, d, d) about the means."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, centred = np.empty((n_features, TILE)), np.empty((n_features, TILE))
    table, work, more = np.empty((n_components, TILE)), np.empty(TILE), np.empty(TILE)
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    scatter = np.zeros((n_components, n_features, n_features))
    log_likelihood = 0.0
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        full_log_densities(tile, rows, constants, means, factors, centred, work, table)
        log_likelihood += _normalize(table, rows, work, more)
        add_full_statistics(tile, rows, table, means, centred, work, counts, sums, scatter)
    for component in range(n_components):
        for i in range(n_features):
            for j in range(i):
                scatter[component, j, i] = scatter[component, i, j]
    return log_likelihood, counts, sums, scatter


@compiled
def diagonal_statistics(X, constants, means, factors):
    """Log-likelihood, counts (k,), sums (k, d) and scatter (k, d) about the means."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, centred = np.empty((n_features, TILE)), np.empty((n_features, TILE))
    table, work, more = np.empty((n_components, TILE)), np.empty(TILE), np.empty(TILE)
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    scatter = np.zeros((n_components, n_features))
    log_likelihood = 0.0
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        diagonal_log_densities(tile, rows, constants, means, factors, table)
        log_likelihood += _normalize(table, rows, work, more)
        add_diagonal_statistics(tile, rows, table, means, centred, work, counts, sums, scatter)
    return log_likelihood, counts, sums, scatter


@compiled
def full_component_log_densities(X, constants, means, factors, output):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) into ``output`` (n, k)."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, centred = np.empty((n_features, TILE)), np.empty((n_features, TILE))
    table, work = np.empty((n_components, TILE)), np.empty(TILE)
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        full_log_densities(tile, rows, constants, means, factors, centred, work, table)
        for row in range(rows):
            for component in range(n_components):
                output[start + row, component] = table[component, row]


@compiled
def diagonal_component_log_densities(X, constants, means, factors, output):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) into ``output`` (n, k)."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, table = np.empty((n_features, TILE)), np.empty((n_components, TILE))
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        diagonal_log_densities(tile, rows, constants, means, factors, table)
        for row in range(rows):
            for component in range(n_components):
                output[start + row, component] = table[component, row]
