"""The pass over all rows that draws an allocation for each, and gathers statistics of them.

Random numbers are those of SplitMix64 (Steele, Lea & Flood, 2014), which needs no state but a
counter: row i always gets the i-th number of its sweep, whatever the order of the rows.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled
from bayesgmm.numerics.kernels.rows import (
    TILE,
    add_diagonal_statistics,
    add_full_statistics,
    diagonal_log_densities,
    find_largest,
    full_log_densities,
    load_tile,
)

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@compiled
def uniform(seed, counter):
    """The number of this counter in the stream of a seed, in [0, 1)."""
    z = seed + np.uint64(counter + 1) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)  # 53 bits


@compiled
def _allocate(log_densities, rows, seed, start, total, largest):
    """Replace log densities by zeros and a one, drawn with their probabilities."""
    n_components = log_densities.shape[0]
    find_largest(log_densities, rows, largest, total)
    for component in range(n_components):
        for row in range(rows):
            value = math.exp(log_densities[component, row] - largest[row])
            total[row] += value
            log_densities[component, row] = total[row]
    for row in range(rows):
        total[row] *= uniform(seed, start + row)
    for row in range(rows):
        chosen = 0
        for component in range(n_components - 1):
            chosen += log_densities[component, row] <= total[row]
        for component in range(n_components):
            log_densities[component, row] = 1.0 if component == chosen else 0.0


@compiled
def full_allocations(X, constants, means, factors, seed):
    """Counts (k,), sums (k, d) and scatter (k, d, d) about the means, of drawn allocations."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, centred = np.empty((n_features, TILE)), np.empty((n_features, TILE))
    table, work, more = np.empty((n_components, TILE)), np.empty(TILE), np.empty(TILE)
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    scatter = np.zeros((n_components, n_features, n_features))
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        full_log_densities(tile, rows, constants, means, factors, centred, work, table)
        _allocate(table, rows, seed, start, work, more)
        add_full_statistics(tile, rows, table, means, centred, work, counts, sums, scatter)
    for component in range(n_components):
        for i in range(n_features):
            for j in range(i):
                scatter[component, j, i] = scatter[component, i, j]
    return counts, sums, scatter


@compiled
def diagonal_allocations(X, constants, means, factors, seed):
    """Counts (k,), sums (k, d) and scatter (k, d) about the means, of drawn allocations."""
    (n_rows, n_features), n_components = X.shape, means.shape[0]
    tile, centred = np.empty((n_features, TILE)), np.empty((n_features, TILE))
    table, work, more = np.empty((n_components, TILE)), np.empty(TILE), np.empty(TILE)
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    scatter = np.zeros((n_components, n_features))
    for start in range(0, n_rows, TILE):
        rows = min(TILE, n_rows - start)
        load_tile(X, start, rows, tile)
        diagonal_log_densities(tile, rows, constants, means, factors, table)
        _allocate(table, rows, seed, start, work, more)
        add_diagonal_statistics(tile, rows, table, means, centred, work, counts, sums, scatter)
    return counts, sums, scatter
