"""Rows with missing cells: the pass that draws allocations, and with them what is missing.

Given all cells, covariances have the conditionals that they have in complete tables; so Gibbs
sampling draws the missing ones, too (Tanner & Wong, 1987): an allocation from what is observed of a
row, then its missing cells from the normal distribution that the component gives them. What
describes patterns is said in ``patterns.py``.

References
----------
Tanner, M. A. and Wong, W. H. (1987). The calculation of posterior distributions by data
augmentation. Journal of the American Statistical Association 82, 528-540.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.allocations import (
    diagonal_allocations,
    full_allocations,
    uniform,
)
from bayesgmm.numerics.kernels.compiling import compiled, inlined
from bayesgmm.numerics.kernels.patterns import diagonal_marginals, full_marginals
from bayesgmm.numerics.kernels.rows import diagonal_component_table, full_component_table
from bayesgmm.numerics.kernels.triangular import add, cholesky

_OTHER_STREAM = np.uint64(0xD1B54A32D192ED03)  # no multiple of the step from number to number


@inlined
def _normal(seed, counter):
    """The standard normal number of this counter (Box & Muller, 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(seed, 2 * counter)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, 2 * counter + 1))


@inlined
def _pick(logs, level):
    """Draw a component with the help of a uniform number; return it and the log of the total."""
    largest, total = logs[0], 0.0
    for component in range(1, logs.shape[0]):
        largest = max(largest, logs[component])
    for component in range(logs.shape[0]):
        total += math.exp(logs[component] - largest)
    left, chosen = level * total, -1
    for component in range(logs.shape[0]):
        share = math.exp(logs[component] - largest)
        if share > 0.0 and left >= 0.0:
            chosen = component
        left -= share
    return chosen, largest + math.log(total)


@compiled
def full_pattern_allocations(
    cells, cells_starts, features, n_observed, starts, plausibilities, first,
    constants, means, factors, seed,
):  # fmt: skip
    """What ``full_allocations`` returns, missing cells drawn with the allocations."""
    k, d = means.shape
    value, counts, sums, scatter = 0.0, np.zeros(k), np.zeros((k, d)), np.zeros((k, d, d))
    away, noise = np.empty(d), np.empty(d)
    for pattern in range(n_observed.shape[0]):
        begin, end, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(end - begin, size)
        known, order = plausibilities[begin:end], features[pattern]
        if size == d:
            part = full_allocations(X, known, first + begin, constants, means, factors, seed)
            value += part[0]
            for component in range(k):
                counts[component] += part[1][component]
                for i in range(d):
                    sums[component, i] += part[2][component, i]
                add(part[3][component], scatter[component])
            continue
        part_constants, part_means, part_factors, slopes, rests = full_marginals(
            order, size, constants, means, factors
        )
        roots = np.empty_like(rests)
        for component in range(k):
            root = cholesky(rests[component])
            for i in range(d - size):
                for j in range(d - size):
                    roots[component, i, j] = root[i, j]
        table = np.empty((end - begin, k))
        full_component_table(X, known, part_constants, part_means, part_factors, False, table)
        for row in range(end - begin):
            number = first + begin + row
            c, density = _pick(table[row], uniform(seed, number))
            value += density
            if c < 0:  # a density that is no number; the position counts as impossible
                continue
            for i in range(size):
                away[i] = X[row, i] - part_means[c, i]
            for i in range(d - size):
                noise[i] = _normal(seed ^ _OTHER_STREAM, number * d + i)
            for i in range(d - size):
                total = 0.0
                for j in range(size):
                    total += slopes[c, i, j] * away[j]
                for j in range(i + 1):
                    total += roots[c, i, j] * noise[j]
                away[size + i] = total
            counts[c] += 1.0
            for i in range(d):
                sums[c, order[i]] += away[i]
                for j in range(d):
                    scatter[c, order[i], order[j]] += away[i] * away[j]
    return value, counts, sums, scatter


@compiled
def diagonal_pattern_allocations(
    cells, cells_starts, features, n_observed, starts, plausibilities, first,
    constants, means, factors, seed,
):  # fmt: skip
    """What ``diagonal_allocations`` returns, missing cells drawn with the allocations."""
    k, d = means.shape
    value, counts, sums, scatter = 0.0, np.zeros(k), np.zeros((k, d)), np.zeros((k, d))
    for pattern in range(n_observed.shape[0]):
        begin, end, size = starts[pattern], starts[pattern + 1], n_observed[pattern]
        X = cells[cells_starts[pattern] : cells_starts[pattern + 1]].reshape(end - begin, size)
        known, order = plausibilities[begin:end], features[pattern]
        if size == d:
            part = diagonal_allocations(X, known, first + begin, constants, means, factors, seed)
            value += part[0]
            for component in range(k):
                counts[component] += part[1][component]
            add(part[2], sums)
            add(part[3], scatter)
            continue
        part_constants, part_means, part_factors = diagonal_marginals(
            order, size, constants, means, factors
        )
        table = np.empty((end - begin, k))
        diagonal_component_table(X, known, part_constants, part_means, part_factors, False, table)
        for row in range(end - begin):
            number = first + begin + row
            c, density = _pick(table[row], uniform(seed, number))
            value += density
            if c < 0:
                continue
            counts[c] += 1.0
            for i in range(d):
                if i < size:
                    away = X[row, i] - part_means[c, i]
                else:
                    away = _normal(seed ^ _OTHER_STREAM, number * d + i) / factors[c, order[i]]
                sums[c, order[i]] += away
                scatter[c, order[i]] += away * away
    return value, counts, sums, scatter
