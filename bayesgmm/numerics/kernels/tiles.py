"""Operations on one tile: some rows, transposed to (feature, row).

The inner loops run over the rows of a tile and use vector instructions. Tables of a tile are
(component, row). Branches on the number of axes of an array (``rows.py``) are decided when a kernel
is compiled.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import inlined
from bayesgmm.numerics.kernels.exponential import exponential
from bayesgmm.numerics.kernels.products import ROWS, add_products, subtract_half_squares

# Number of rows in a tile: enough to fill vector units, and few enough that a tile with its
# temporary arrays stays in the first caches. It is a multiple of ``ROWS``.
TILE = 256
# Numbers between lines: were it a power of two, all lines would compete for a few places of caches.
_SPARE = 8
# Number of densities multiplied before the logarithm is taken. Each is between 1 and the number of
# components, and the product overflows from 65 000 components on.
_FACTORS = 64
# Square roots of densities below exp(-708), which are negligible, are zero: see ``exponential.py``.
_LOWEST_HALF = -354.0


@inlined
def empty(lines):
    """Return space for so many lines of a tile."""
    return np.empty((lines, TILE + _SPARE))


@inlined
def _whole(rows):
    """Round up to what the products process."""
    return -(-rows // ROWS) * ROWS


@inlined
def load(X, start, rows, tile):
    """Copy some rows into a tile, transposed."""
    for row in range(rows):
        for feature in range(X.shape[1]):
            tile[feature, row] = X[start + row, feature]


@inlined
def log_densities(tile, rows, constants, means, factors, centered, table):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) into a table."""
    for component in range(means.shape[0]):
        if factors.ndim == 3:
            whole = _whole(rows)
            for row in range(whole):
                table[component, row] = constants[component]
            subtract_half_squares(tile, whole, component, means, factors, centered, table)
        else:
            constant = constants[component]
            for row in range(rows):
                table[component, row] = constant
            for feature in range(tile.shape[0]):
                mean, factor = means[component, feature], factors[component, feature]
                for row in range(rows):
                    whitened = factor * (tile[feature, row] - mean)
                    table[component, row] -= 0.5 * whitened * whitened


@inlined
def add_label_log_likelihoods(label_log_likelihoods, start, rows, table):
    """Add label log likelihoods, (n, k) or (0, k), to log densities."""
    if label_log_likelihoods.shape[0] > 0:
        for component in range(table.shape[0]):
            for row in range(rows):
                table[component, row] += label_log_likelihoods[start + row, component]


@inlined
def _write_largest(table, rows, largest, total):
    """Write the largest log density of each row, and a total of zero.

    Components are taken two at a time: with one, the compiler would write only what becomes larger,
    which takes much longer.
    """
    for row in range(rows):
        largest[row], total[row] = table[0, row], 0.0
    for component in range(1, table.shape[0], 2):
        following = min(component + 1, table.shape[0] - 1)
        for row in range(rows):
            larger = max(largest[row], table[component, row])
            largest[row] = max(larger, table[following, row])


@inlined
def exponentials(table, rows, largest, total):
    """Turn log densities into densities relative to the largest; write that and their sum."""
    _write_largest(table, rows, largest, total)
    for component in range(table.shape[0]):
        for row in range(rows):
            value = exponential(table[component, row] - largest[row])
            table[component, row] = value
            total[row] += value


@inlined
def root_exponentials(table, rows, largest, total):
    """Do the same, but write the square roots of the relative densities."""
    _write_largest(table, rows, largest, total)
    for component in range(table.shape[0]):
        for row in range(rows):
            half = 0.5 * (table[component, row] - largest[row])
            root = exponential(half) if half > _LOWEST_HALF else 0.0
            table[component, row] = root
            total[row] += root * root


@inlined
def log_likelihood(largest, total, rows):
    """Return the sum of the logarithms of the densities, exp(largest) * total."""
    value = 0.0
    for row in range(rows):
        value += largest[row]
    for start in range(0, rows, _FACTORS):
        product = 1.0
        for row in range(start, min(start + _FACTORS, rows)):
            product *= total[row]
        value += math.log(product)
    return value


@inlined
def weighted_log_likelihood(largest, total, rows, row_weights):
    """Return the same with weighted rows; rows of weight zero do not count."""
    value = 0.0
    for row in range(rows):
        if row_weights[row] > 0.0:
            value += row_weights[row] * (largest[row] + math.log(total[row]))
    return value


@inlined
def scale(table, rows, factors):
    """Multiply the values of each row by its factor."""
    for component in range(table.shape[0]):
        for row in range(rows):
            table[component, row] *= factors[row]


@inlined
def _sum_of_squares(table, component, rows):
    total = 0.0
    for row in range(rows):
        total += table[component, row] * table[component, row]
    return total


@inlined
def _add_uncorrelated(tile, rows, component, means, roots, sums, squares):
    for feature in range(tile.shape[0]):
        mean, total, square = means[component, feature], 0.0, 0.0
        for row in range(rows):
            root = roots[component, row]
            weighted = root * (tile[feature, row] - mean)
            total += root * weighted
            square += weighted * weighted
        sums[component, feature] += total
        squares[component, feature] += square


@inlined
def add_statistics(tile, rows, roots, means, weighted, counts, sums, scatter):
    """Add the counts, sums and scatter, or squares, about the means of one tile.

    ``roots`` are the square roots of responsibilities, with which a row is multiplied once for both
    sides of the scatter. Only the lower triangles of the scatter are correct.
    """
    whole = _whole(rows)
    for feature in range(tile.shape[0]):
        for row in range(rows, whole):
            tile[feature, row] = 0.0
    for component in range(means.shape[0]):
        counts[component] += _sum_of_squares(roots, component, rows)
        if scatter.ndim == 3:
            for row in range(rows, whole):
                roots[component, row] = 0.0
            add_products(tile, whole, component, means, roots, weighted, sums, scatter)
        else:
            _add_uncorrelated(tile, rows, component, means, roots, sums, scatter)


@inlined
def mirror(scatter):
    """Copy the lower triangles of the scatter, if it has correlations, to the upper ones."""
    if scatter.ndim == 3:
        for component in range(scatter.shape[0]):
            for i in range(scatter.shape[1]):
                for j in range(i):
                    scatter[component, j, i] = scatter[component, i, j]
