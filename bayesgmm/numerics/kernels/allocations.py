"""The pass over all rows that draws an allocation for each, and gathers statistics of them.

Random numbers are those of SplitMix64 (Steele, Lea & Flood, 2014), which needs no state but a
counter: row i always gets the i-th number of its sweep, whatever the order of the rows.
"""

from __future__ import annotations

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, inlined
from bayesgmm.numerics.kernels.tiles import (
    TILE,
    add_plausibilities,
    add_statistics,
    exponentials,
    load,
    log_densities,
    log_likelihood,
    mirror,
)

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inlined
def uniform(seed, counter):
    """The number of this counter in the stream of a seed, in [0, 1)."""
    z = seed + np.uint64(counter + 1) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)  # 53 bits


@inlined
def allocate(table, rows, seed, first, below, level):
    """Replace log densities by zeros and a one for each row, drawn with their probabilities.

    Returns the log-likelihood of the rows, allocations summed out.
    """
    exponentials(table, rows, below, level)
    value = log_likelihood(below, level, rows)
    for row in range(rows):
        level[row] *= uniform(seed, first + row)
        below[row] = 0.0
    for component in range(table.shape[0]):
        values = table[component]
        for row in range(rows):
            above = below[row] + values[row]
            values[row] = 1.0 if below[row] <= level[row] < above else 0.0
            below[row] = above
    return value


@compiled
def allocations(X, plausibilities, first, constants, means, factors, seed):
    """Log-likelihood, then counts, sums and scatter about the means of drawn allocations.

    Shapes as for ``statistics``. ``first`` is the number of the first row of X within the
    whole table.
    """
    (n, d), k = X.shape, means.shape[0]
    tile, centred, weighted = np.empty((d, TILE)), np.empty((d, TILE)), np.empty((d, TILE))
    table, work = np.empty((k, TILE)), np.empty((4, TILE))
    counts, sums, scatter = np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
    value = 0.0
    for start in range(0, n, TILE):
        rows = min(TILE, n - start)
        load(X, start, rows, tile)
        log_densities(tile, rows, constants, means, factors, centred, work, table)
        add_plausibilities(plausibilities, start, rows, table)
        value += allocate(table, rows, seed, first + start, work[0], work[1])
        add_statistics(tile, rows, table, means, centred, weighted, counts, sums, scatter)
    mirror(scatter)
    return value, counts, sums, scatter
