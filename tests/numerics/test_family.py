"""The normal family, beside SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesgmm.numerics.family import FAMILY


@pytest.mark.parametrize("d", [1, 2, 7])
def test_kernel_and_radius_are_those_of_the_normal_distribution(d):
    point = np.linspace(-1.0, 2.0, d)
    expected = stats.multivariate_normal(np.zeros(d)).logpdf(point)
    assert FAMILY.log_kernel(float(point @ point), d) == pytest.approx(expected, rel=1e-12)
    for probability in (0.01, 0.5, 0.999):
        expected = np.sqrt(stats.chi2.ppf(probability, d))
        assert FAMILY.radius(probability, d) == pytest.approx(expected, rel=1e-10)
