"""What is done to one tile: some rows, transposed to (feature, row).

The inner loops run over the rows of a tile and use vector instructions. Tables of a tile are
(component, row).
"""

from __future__ import annotations

import math

from bayesgmm.numerics.kernels.compiling import compiled
from bayesgmm.numerics.kernels.exponential import exponential
from bayesgmm.numerics.kernels.products import add_products, inner_product, subtract_half_squares

# Rows in a tile: wide enough to fill the vector units, small enough that a tile with its
# temporaries stays in the first caches.
TILE = 256
# Factors whose product is taken before its logarithm: each is between 1 and the number of
# components, which may go up to 65 000 before the product overflows.
_FACTORS = 64


@compiled
def load(X, start, rows, tile):
    """Copy some rows into a tile, transposed."""
    for row in range(rows):
        for feature in range(X.shape[1]):
            tile[feature, row] = X[start + row, feature]


@compiled
def full_log_densities(tile, rows, constants, means, factors, centred, work, table):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) into a table."""
    for component in range(means.shape[0]):
        values, mean, constant = table[component], means[component], constants[component]
        for feature in range(tile.shape[0]):
            before, after, centre = tile[feature], centred[feature], mean[feature]
            for row in range(rows):
                after[row] = before[row] - centre
        for row in range(rows):
            values[row] = constant
        subtract_half_squares(factors[component], centred, rows, work, values)


@compiled
def diagonal_log_densities(tile, rows, constants, means, factors, table):
    """Write log(pi_k N(x_i | mu_k, Sigma_k)) into a table."""
    for component in range(means.shape[0]):
        values, constant = table[component], constants[component]
        for row in range(rows):
            values[row] = constant
        for feature in range(tile.shape[0]):
            mean, factor, x = means[component, feature], factors[component, feature], tile[feature]
            for row in range(rows):
                whitened = factor * (x[row] - mean)
                values[row] -= 0.5 * whitened * whitened


@compiled
def exponentials(table, rows, largest, total):
    """Turn log densities into densities over the largest of the row; write that and their sum."""
    for row in range(rows):
        largest[row], total[row] = table[0, row], 0.0
    for component in range(1, table.shape[0]):
        values = table[component]
        for row in range(rows):
            largest[row] = max(largest[row], values[row])
    for component in range(table.shape[0]):
        values = table[component]
        for row in range(rows):
            value = exponential(values[row] - largest[row])
            values[row] = value
            total[row] += value


@compiled
def log_likelihood(largest, total, rows):
    """Sum of the logarithms of the densities, which are exp(largest) * total."""
    value = 0.0
    for row in range(rows):
        value += largest[row]
    for start in range(0, rows, _FACTORS):
        product = 1.0
        for row in range(start, min(start + _FACTORS, rows)):
            product *= total[row]
        value += math.log(product)
    return value


@compiled
def weighted_log_likelihood(largest, total, rows, row_weights):
    """The same, where each row counts as often as its weight says; rows of weight zero do not."""
    value = 0.0
    for row in range(rows):
        if row_weights[row] > 0.0:
            value += row_weights[row] * (largest[row] + math.log(total[row]))
    return value


@compiled
def scale(table, rows, factors):
    """Multiply the numbers of each row by its factor."""
    for component in range(table.shape[0]):
        values = table[component]
        for row in range(rows):
            values[row] *= factors[row]


@compiled
def _weigh(x, mean, share, rows, centred, weighted):
    """Write x - mean, and the same times the share; return the sum of the latter."""
    total = 0.0
    for row in range(rows):
        distance = x[row] - mean
        product = share[row] * distance
        centred[row], weighted[row] = distance, product
        total += product
    return total


@compiled
def _sum(values, rows):
    total = 0.0
    for row in range(rows):
        total += values[row]
    return total


@compiled
def add_full_statistics(tile, rows, shares, means, centred, weighted, counts, sums, scatter):
    """Add what a tile contributes to counts, sums and (lower) scatter about the means."""
    for component in range(means.shape[0]):
        share = shares[component]
        counts[component] += _sum(share, rows)
        for i in range(tile.shape[0]):
            sums[component, i] += _weigh(
                tile[i], means[component, i], share, rows, centred[i], weighted[i]
            )
        add_products(weighted, centred, rows, scatter[component])


@compiled
def add_diagonal_statistics(tile, rows, shares, means, centred, weighted, counts, sums, scatter):
    """Add what a tile contributes to counts, sums and squares about the means."""
    for component in range(means.shape[0]):
        share = shares[component]
        counts[component] += _sum(share, rows)
        for i in range(tile.shape[0]):
            sums[component, i] += _weigh(
                tile[i], means[component, i], share, rows, centred[0], weighted[0]
            )
            scatter[component, i] += inner_product(weighted[0], centred[0], rows)


@compiled
def mirror(scatter):
    """Copy the lower triangles (k, d, d) to the upper ones."""
    for component in range(scatter.shape[0]):
        for i in range(scatter.shape[1]):
            for j in range(i):
                scatter[component, j, i] = scatter[component, i, j]
