"""Algebra of small triangular matrices, for a few dozen features at most."""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly


@compiled_exactly
def add(matrix, total):
    """Add a matrix to another, in place."""
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            total[i, j] += matrix[i, j]


@compiled_exactly
def cholesky(matrix):
    """Return the lower Cholesky factor; a pivot is NaN if the matrix is not positive definite."""
    size = matrix.shape[0]
    factor = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = matrix[i, j]
            for m in range(j):
                total -= factor[i, m] * factor[j, m]
            if i > j:
                factor[i, j] = total / factor[j, j]
            else:
                factor[i, i] = math.sqrt(total) if total > 0 else np.nan
    return factor


@compiled_exactly
def inverse(factor):
    """Return the inverse of a lower-triangular matrix by forward substitution."""
    size = factor.shape[0]
    result = np.zeros((size, size))
    for j in range(size):
        result[j, j] = 1.0 / factor[j, j]
        for i in range(j + 1, size):
            total = 0.0
            for m in range(j, i):
                total -= factor[i, m] * result[m, j]
            result[i, j] = total / factor[i, i]
    return result


@compiled_exactly
def congruence(factor, matrix):
    """Return factor @ matrix @ factor.T for a lower-triangular factor and a symmetric matrix."""
    size = factor.shape[0]
    half = np.zeros((size, size))
    for i in range(size):
        for m in range(i + 1):
            for j in range(i + 1):  # the rest is multiplied by zeros
                half[i, j] += factor[i, m] * matrix[m, j]
    result = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for m in range(j + 1):
                total += half[i, m] * factor[j, m]
            result[i, j] = total
            result[j, i] = total
    return result


@compiled_exactly
def transposed_congruence(factor, matrix):
    """Return factor.T @ matrix @ factor for a lower-triangular factor and a symmetric matrix."""
    size = factor.shape[0]
    half = np.zeros((size, size))
    for i in range(size):
        for m in range(i, size):
            for j in range(size):
                half[i, j] += factor[m, i] * matrix[m, j]
    result = np.zeros((size, size))
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for m in range(j, size):
                total += half[i, m] * factor[m, j]
            result[i, j] = total
            result[j, i] = total
    return result


@compiled_exactly
def upper_products(root, vectors):
    """Return root @ vector for an upper-triangular matrix and each row of ``vectors``."""
    size, columns = root.shape[0], root.T.copy()
    result = np.zeros(vectors.shape)
    for number in range(vectors.shape[0]):
        for j in range(size):
            for i in range(j + 1):
                result[number, i] += columns[j, i] * vectors[number, j]
    return result


@compiled_exactly
def upper_solutions(root, vectors):
    """Return the solution of root @ x = vector for each row of ``vectors``."""
    size, columns = root.shape[0], root.T.copy()
    result = vectors.copy()
    for number in range(vectors.shape[0]):
        for j in range(size - 1, -1, -1):
            result[number, j] /= root[j, j]
            for i in range(j):
                result[number, i] -= columns[j, i] * result[number, j]
    return result
