"""Eigenvalues of symmetric matrices of up to a few hundred rows.

The last bits of LAPACK's results depend on the processor and on the number of threads, and would
change the draws of a chain.

References
----------
Golub, G. H. and Van Loan, C. F. (2013). Matrix Computations, 4th edition, sections 5.2.8 and 8.5.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled_exactly

_MOST_SWEEPS = 50  # ten are enough: convergence is quadratic


@compiled_exactly
def eigen(matrix):
    """Return eigenvalues, not sorted, and eigenvectors as rows, by Jacobi rotations."""
    size = matrix.shape[0]
    turned, vectors = matrix.copy(), np.eye(size)
    negligible = np.finfo(np.float64).eps * math.sqrt(np.sum(matrix**2)) / size
    for _ in range(_MOST_SWEEPS):
        rotated = False
        for i in range(size):
            for j in range(i + 1, size):
                if abs(turned[i, j]) > negligible:
                    _rotate(turned, vectors, i, j)
                    rotated = True
        if not rotated:
            break
    return np.diag(turned).copy(), vectors


@compiled_exactly
def _rotate(turned, vectors, i, j):
    """Make one off-diagonal entry zero by a rotation, in place."""
    entry, first, second = turned[i, j], turned[i, i], turned[j, j]
    ratio = (second - first) / (2.0 * entry)
    tangent = math.copysign(1.0, ratio) / (abs(ratio) + math.sqrt(1.0 + ratio * ratio))
    cosine = 1.0 / math.sqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    _mix(turned[i], turned[j], cosine, sine)
    _mix(vectors[i], vectors[j], cosine, sine)
    for m in range(turned.shape[0]):
        turned[m, i] = turned[i, m]
        turned[m, j] = turned[j, m]
    turned[i, i] = first - tangent * entry
    turned[j, j] = second + tangent * entry
    turned[i, j] = turned[j, i] = 0.0


@compiled_exactly
def _mix(one, other, cosine, sine):
    for m in range(one.shape[0]):
        before = one[m]
        one[m] = cosine * before - sine * other[m]
        other[m] = sine * before + cosine * other[m]


@compiled_exactly
def root_of_square(rows):
    """Return the lower Cholesky factor of rows.T @ rows by modified Gram-Schmidt."""
    size = rows.shape[1]
    columns, root = rows.T.copy(), np.zeros((size, size))
    for k in range(size):
        root[k, k] = math.sqrt(np.sum(columns[k] ** 2))
        columns[k] /= root[k, k]
        for j in range(k + 1, size):
            total = 0.0
            for m in range(rows.shape[0]):
                total += columns[k, m] * columns[j, m]
            root[j, k] = total
            for m in range(rows.shape[0]):
                columns[j, m] -= total * columns[k, m]
    return root
