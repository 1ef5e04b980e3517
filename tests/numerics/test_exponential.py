"""The vectorized exponential function, against NumPy's."""

from __future__ import annotations

import math

import numpy as np
from numpy.testing import assert_allclose

from bayesgmm.numerics.kernels.exponential import exponential


def test_it_agrees_with_numpy_to_two_units_in_the_last_place():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [-np.geomspace(1e-300, 707.9, 5000), rng.uniform(-707, 0, 20_000), rng.uniform(-1, 0, 5000)]
    )
    ours = np.array([exponential(value) for value in x])
    assert_allclose(ours, np.exp(x), rtol=2 * np.finfo(float).eps)


def test_the_ends_of_its_range():
    assert exponential(0.0) == 1.0
    assert exponential(-0.0) == 1.0
    assert exponential(-708.5) == 0.0
    assert exponential(-math.inf) == 0.0
    assert exponential(math.nan) == 0.0
