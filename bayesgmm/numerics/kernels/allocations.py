"""Passes over rows that draw an allocation for each, and return sufficient statistics.

Random numbers are those of SplitMix64 (Steele, Lea & Flood, 2014), whose only state is a counter.
Row i always gets the i-th number of its sweep, so that draws do not depend on how rows are divided
into blocks.

Where cells are missing, Gibbs sampling draws them, too (Tanner & Wong, 1987), so that full
conditionals of the parameters are those of complete tables. The allocation of a row is drawn given
its observed cells, then its missing cells from the conditional normal distribution of that
component. ``patterns.py`` describes patterns.

References
----------
Steele, G. L., Lea, D. and Flood, C. H. (2014). Fast splittable pseudorandom number generators. ACM
SIGPLAN Notices 49, 453-472.
Tanner, M. A. and Wong, W. H. (1987). The calculation of posterior distributions by data
augmentation. Journal of the American Statistical Association 82, 528-540.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, inlined
from bayesgmm.numerics.kernels.patterns import covariances_of, marginals_with, rows_of
from bayesgmm.numerics.kernels.tiles import (
    TILE,
    add_label_log_likelihoods,
    add_statistics,
    empty,
    exponentials,
    load,
    log_densities,
    log_likelihood,
    mirror,
)
from bayesgmm.numerics.kernels.triangular import cholesky

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


@inlined
def uniform(seed, counter):
    """Return number ``counter`` of the random stream of a seed, in [0, 1)."""
    z = seed + np.uint64(counter + 1) * _GAMMA
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * (1.0 / 9007199254740992.0)  # 53 bits


@inlined
def allocate(table, rows, seed, first, below, level):
    """Replace the log densities of each row by indicators of a randomly drawn component.

    These are their own square roots, as ``add_statistics`` takes them.
    Returns the log-likelihood of the rows, with allocations summed out.
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


@inlined
def _write_chosen(table, start, rows, chosen):
    """Write the number of the component of each row, if there is room for it."""
    if chosen.shape[0] > 0:
        for component in range(table.shape[0]):
            for row in range(rows):
                if table[component, row] == 1.0:
                    chosen[start + row] = component


@compiled
def allocations(X, label_log_likelihoods, first, constants, means, factors, seed, chosen):
    """Draw allocations; return the log-likelihood, counts, sums and scatter about the means.

    Shapes are those of ``statistics``. ``first`` is the position of the first row of X in the
    table. The components are written to ``chosen``, shape (n,), or (0,) to leave that out.
    """
    (n, d), k = X.shape, means.shape[0]
    tile, moved, table, work = empty(d), empty(d), empty(k), empty(2)
    counts, sums, scatter = np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
    value = 0.0
    for start in range(0, n, TILE):
        rows = min(TILE, n - start)
        load(X, start, rows, tile)
        log_densities(tile, rows, constants, means, factors, moved, table)
        add_label_log_likelihoods(label_log_likelihoods, start, rows, table)
        value += allocate(table, rows, seed, first + start, work[0], work[1])
        _write_chosen(table, start, rows, chosen)
        add_statistics(tile, rows, table, means, moved, counts, sums, scatter)
    mirror(scatter)
    return value, counts, sums, scatter


_OTHER_STREAM = np.uint64(0xD1B54A32D192ED03)  # of random numbers, for missing cells


@inlined
def _write_noise(seed, first, rows, n_missing, tile, n_observed):
    """Write standard normal numbers into missing cells, two at a time (Box & Muller, 1958)."""
    for row in range(rows):
        for i in range(0, n_missing, 2):
            counter = (first + row) * (n_missing + 1) + i
            radius = math.sqrt(-2.0 * math.log(1.0 - uniform(seed, counter)))
            angle = 2.0 * math.pi * uniform(seed, counter + 1)
            tile[n_observed + i, row] = radius * math.cos(angle)
            if i + 1 < n_missing:
                tile[n_observed + i + 1, row] = radius * math.sin(angle)


@inlined
def _complete(table, rows, means, slopes, roots, n_observed, tile, away):
    """Turn standard normal numbers into draws of missing cells given observed cells.

    ``means`` and tiles have the features in the order of the pattern, observed features first.
    """
    n_missing = tile.shape[0] - n_observed
    for component in range(table.shape[0]):
        if roots.ndim == 2:
            for i in range(n_missing):
                mean, scale = means[component, n_observed + i], roots[component, i]
                for row in range(rows):
                    if table[component, row] == 1.0:
                        tile[n_observed + i, row] = mean + scale * tile[n_observed + i, row]
        else:
            for row in range(rows):
                if table[component, row] == 1.0:
                    for i in range(n_missing):
                        total = means[component, n_observed + i]
                        for j in range(n_observed):
                            total += slopes[component, i, j] * (tile[j, row] - means[component, j])
                        for j in range(i + 1):
                            total += roots[component, i, j] * tile[n_observed + j, row]
                        away[i] = total
                    for i in range(n_missing):
                        tile[n_observed + i, row] = away[i]


@inlined
def _in_order(means, order, ordered):
    for component in range(means.shape[0]):
        for i in range(means.shape[1]):
            ordered[component, i] = means[component, order[i]]


@inlined
def _factorize(covariances):
    """Replace lower triangles by lower Cholesky factors, or variances by standard deviations."""
    for component in range(covariances.shape[0]):
        if covariances.ndim == 2:
            for i in range(covariances.shape[1]):
                covariances[component, i] = math.sqrt(covariances[component, i])
        else:
            root = cholesky(covariances[component])
            for i in range(root.shape[0]):
                for j in range(i + 1):
                    covariances[component, i, j] = root[i, j]


@inlined
def _add_in_order(order, part_sums, part_scatter, sums, scatter):
    """Add sums and (lower) scatter of a pattern, whose features are in another order."""
    for component in range(sums.shape[0]):
        for i in range(order.shape[0]):
            sums[component, order[i]] += part_sums[component, i]
            if scatter.ndim == 2:
                scatter[component, order[i]] += part_scatter[component, i]
            else:
                for j in range(order.shape[0]):
                    row, column = max(i, j), min(i, j)
                    scatter[component, order[i], order[j]] += part_scatter[component, row, column]


@compiled
def pattern_allocations(patterns, label_log_likelihoods, first, constants, means, factors, seed):
    """Draw allocations and missing cells; return what ``allocations`` does."""
    k, d = means.shape
    tile, moved, table, work, away = empty(d), empty(d), empty(k), empty(2), np.empty(d)
    value, counts, sums, scatter = 0.0, np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
    part_sums, part_scatter = np.empty((k, d)), np.empty(factors.shape)
    centers, covariances = np.empty((k, d)), covariances_of(factors)
    for pattern in range(patterns.n_observed.shape[0]):
        begin, end, X = rows_of(patterns, pattern)
        order, size = patterns.features[pattern], X.shape[1]
        part_constants, part_means, part_factors, slopes, rests = marginals_with(
            order, size, constants, means, factors, covariances
        )
        _factorize(rests)
        _in_order(means, order, centers)
        part_sums[:] = 0.0
        part_scatter[:] = 0.0
        for start in range(0, end - begin, TILE):
            rows, number = min(TILE, end - begin - start), first + begin + start
            load(X, start, rows, tile)
            log_densities(
                tile[:size], rows, part_constants, part_means, part_factors, moved[:size], table
            )
            add_label_log_likelihoods(label_log_likelihoods[begin:end], start, rows, table)
            value += allocate(table, rows, seed, number, work[0], work[1])
            _write_noise(seed ^ _OTHER_STREAM, number, rows, d - size, tile, size)
            _complete(table, rows, centers, slopes, rests, size, tile, away)
            add_statistics(tile, rows, table, centers, moved, counts, part_sums, part_scatter)
        _add_in_order(order, part_sums, part_scatter, sums, scatter)
    return value, counts, sums, scatter
