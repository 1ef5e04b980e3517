"""Passes over all rows give what NumPy gives along an axis."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesgmm.data.cells import over_rows


@pytest.mark.parametrize("n_rows", [1, 63, 64, 1000])
@pytest.mark.parametrize("operation", [np.add, np.fmin, np.fmax])
def test_operations_over_rows(operation, n_rows):
    values = np.random.default_rng(0).normal(size=(n_rows, 3))
    if operation is not np.add:
        values[::7, 1] = np.nan
    assert_allclose(over_rows(operation, values), operation.reduce(values, axis=0), rtol=1e-12)
