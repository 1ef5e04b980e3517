"""Passes over the rows, which are the only loops whose cost grows with the table.

Every pass goes tile by tile (``tiles.py``), computes log densities, and sums or writes a function
of them. No array of size (n, k) is stored unless it is the result. Passes are serial and release
the interpreter lock, so that threads can process blocks of rows (``numerics/blocks.py``) or chains
in parallel.

Axes: n rows, d features, k components, m mixtures. ``factors`` are lower-triangular precision
factors, with which ``factor @ (x - mean)`` is standard normal: (k, d, d) with correlations, and
(k, d), one over the scales, without. Kernels are compiled for both. Scatter has the shape of the
factors; without correlations it is the diagonal alone. ``row_weights`` is (n,), or (0,) if all
rows count once. ``label_log_likelihoods`` (n, k) are added to the log densities of the components
(Côme et al., 2009); they are (0, k) without labels.

References
----------
Côme, E., Oukhellou, L., Denoeux, T. and Aknin, P. (2009). Learning from partially supervised data
using mixture models and belief functions. Pattern Recognition 42, 334-348.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, inlined
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
    root_exponentials,
    scale,
    weighted_log_likelihood,
)

# Densities of a row are relative to the largest, so that their total is at least one, or zero for a
# row so far from all components that its log densities are not finite: the likelihood is then zero.
_LEAST_TOTAL = 1.0


@inlined
def _normalize(table, rows, start, row_weights, largest, total):
    """Turn log densities into the square roots of weighted responsibilities.

    Returns the log-likelihood.
    """
    root_exponentials(table, rows, largest, total)
    if row_weights.shape[0] == 0:
        value = log_likelihood(largest, total, rows)
        for row in range(rows):
            total[row] = math.sqrt(1.0 / max(total[row], _LEAST_TOTAL))
    else:
        weights = row_weights[start : start + rows]
        value = weighted_log_likelihood(largest, total, rows, weights)
        for row in range(rows):
            total[row] = math.sqrt(max(weights[row], 0.0) / max(total[row], _LEAST_TOTAL))
    scale(table, rows, total)
    return value


@compiled
def statistics(X, row_weights, label_log_likelihoods, constants, means, factors):
    """Return the log-likelihood, counts (k,), sums (k, d) and scatter about the means."""
    (n, d), k = X.shape, means.shape[0]
    tile, moved, table, work = empty(d), empty(d), empty(k), empty(2)
    counts, sums, scatter = np.zeros(k), np.zeros((k, d)), np.zeros(factors.shape)
    value = 0.0
    for start in range(0, n, TILE):
        rows = min(TILE, n - start)
        load(X, start, rows, tile)
        log_densities(tile, rows, constants, means, factors, moved, table)
        add_label_log_likelihoods(label_log_likelihoods, start, rows, table)
        value += _normalize(table, rows, start, row_weights, work[0], work[1])
        add_statistics(tile, rows, table, means, moved, counts, sums, scatter)
    mirror(scatter)
    return value, counts, sums, scatter


@inlined
def _sum_out(table, rows, largest, total, output):
    exponentials(table, rows, largest, total)
    for row in range(rows):
        output[row] = largest[row] + math.log(total[row])


@compiled
def mixture_log_densities(X, label_log_likelihoods, constants, means, factors, output):
    """Write log sum_k pi_k N(x_i | mu_k, Sigma_k) into ``output`` (n,)."""
    (n, d), k = X.shape, means.shape[0]
    tile, centered, table, work = empty(d), empty(d), empty(k), empty(2)
    for start in range(0, n, TILE):
        rows = min(TILE, n - start)
        load(X, start, rows, tile)
        log_densities(tile, rows, constants, means, factors, centered, table)
        add_label_log_likelihoods(label_log_likelihoods, start, rows, table)
        _sum_out(table, rows, work[0], work[1], output[start:])


@inlined
def _write(table, rows, normalized, work, output):
    if normalized:
        exponentials(table, rows, work[0], work[1])
        for row in range(rows):
            work[1, row] = 1.0 / max(work[1, row], _LEAST_TOTAL)
        scale(table, rows, work[1])
    for row in range(rows):
        for component in range(table.shape[0]):
            output[row, component] = table[component, row]


@compiled
def component_table(X, label_log_likelihoods, constants, means, factors, normalized, output):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) (n, k), or the responsibilities if ``normalized``."""
    (n, d), k = X.shape, means.shape[0]
    tile, centered, table, work = empty(d), empty(d), empty(k), empty(2)
    for start in range(0, n, TILE):
        rows = min(TILE, n - start)
        load(X, start, rows, tile)
        log_densities(tile, rows, constants, means, factors, centered, table)
        add_label_log_likelihoods(label_log_likelihoods, start, rows, table)
        _write(table, rows, normalized, work, output[start:])


@compiled
def component_tables(X, label_log_likelihoods, constants, means, factors, output):
    """Write the responsibilities under each of many mixtures, (m, n, k)."""
    for draw in range(constants.shape[0]):
        component_table(
            X,
            label_log_likelihoods,
            constants[draw],
            means[draw],
            factors[draw],
            True,
            output[draw],
        )
