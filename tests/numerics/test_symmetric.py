"""Eigenvalues of symmetric matrices, against LAPACK."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesgmm.numerics.kernels.symmetric import eigen, root_of_square

SIZES = [1, 2, 7, 60]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("spread", [0, 10])
def test_eigenvalues_and_vectors_are_those_of_lapack(size, spread):
    """With eigenvalues of one order of magnitude, and of ten."""
    rng = np.random.default_rng(size)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    matrix = basis * (rng.normal(size=size) * 10.0 ** -rng.uniform(0, spread, size)) @ basis.T
    matrix = 0.5 * (matrix + matrix.T)
    values, vectors = eigen(matrix)
    rounding = 1e-13 * np.abs(values).max()
    assert_allclose(np.sort(values), np.linalg.eigvalsh(matrix), atol=rounding)
    assert_allclose(vectors @ vectors.T, np.eye(size), atol=1e-13)
    assert_allclose(vectors.T * values @ vectors, matrix, atol=rounding)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), np.eye(3), np.ones((4, 4))])
def test_equal_eigenvalues_do_no_harm(matrix):
    values, vectors = eigen(matrix)
    assert_allclose(vectors.T * values @ vectors, matrix, atol=1e-14)


@pytest.mark.parametrize("size", SIZES)
def test_the_root_of_a_square_is_that_of_lapack(size):
    rows = np.random.default_rng(size).normal(size=(size + 3, size))
    assert_allclose(root_of_square(rows), np.linalg.cholesky(rows.T @ rows), atol=1e-12)


def test_a_root_has_half_of_the_digits_that_its_square_lost():
    """Columns so nearly parallel that the product of the matrix with itself is singular."""
    rows = np.array([[1.0, 1.0], [0.0, 1e-9], [0.0, 0.0]])
    assert_allclose(root_of_square(rows), [[1.0, 0.0], [1.0, 1e-9]])
