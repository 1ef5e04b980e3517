"""Small triangular algebra, against LAPACK."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesgmm.numerics.kernels.triangular import (
    cholesky,
    congruence,
    inverse,
    transposed_congruence,
    upper_products,
    upper_solutions,
)

SIZES = [1, 2, 3, 8]


def factor_and_matrix(size: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(size)
    factor = np.tril(rng.normal(size=(size, size)), -1) + np.diag(1 + rng.random(size))
    symmetric = rng.normal(size=(size, size))
    return factor, symmetric + symmetric.T


@pytest.mark.parametrize("size", SIZES)
def test_results_are_those_of_lapack(size):
    factor, matrix = factor_and_matrix(size)
    assert_allclose(cholesky(factor @ factor.T), np.linalg.cholesky(factor @ factor.T))
    assert_allclose(inverse(factor), np.linalg.inv(factor), atol=1e-12)
    assert_allclose(congruence(factor, matrix), factor @ matrix @ factor.T, atol=1e-12)
    assert_allclose(transposed_congruence(factor, matrix), factor.T @ matrix @ factor, atol=1e-12)
    upper = np.ascontiguousarray(factor.T)
    assert_allclose(upper_products(upper, matrix), matrix @ factor, atol=1e-12)
    assert_allclose(upper_solutions(upper, matrix), matrix @ np.linalg.inv(factor), atol=1e-12)


def test_a_matrix_that_is_not_positive_gives_nan():
    assert np.isnan(np.diagonal(cholesky(np.array([[1.0, 2.0], [2.0, 1.0]])))).any()
    assert np.isnan(cholesky(np.array([[0.0]]))).all()
