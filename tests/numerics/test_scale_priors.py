"""The prior of a scale without correlations: value, slope and curvature in log(sigma)."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.numerics.kernels.covariances import lone_scale_prior
from tests.cases import SCALE_PRIORS
from tests.references.density import scale_distribution


@pytest.mark.parametrize("log_scale", [-3.0, -0.2, 0.0, 1.5])
@pytest.mark.parametrize("prior", SCALE_PRIORS)
def test_value_and_derivatives_are_those_of_scipy(prior, log_scale):
    distribution, floor = scale_distribution(SCALE_PRIORS[prior]), 0.08

    def density(u: float) -> float:
        return float(distribution.logpdf(np.exp(u))) - (floor / np.exp(u)) ** 8

    numbers = bg.Diagonal(SCALE_PRIORS[prior]).prior(1)._replace(floor=np.array([floor]))
    value, slope, curvature = lone_scale_prior(numbers, 0, log_scale)
    h = 1e-4
    below, here, above = density(log_scale - h), density(log_scale), density(log_scale + h)
    assert value == pytest.approx(here, rel=1e-12)
    assert slope == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-6)
    assert curvature == pytest.approx((above - 2 * here + below) / h**2, rel=1e-4, abs=1e-4)
    assert curvature <= 0  # concave in log(sigma), which the M-step relies on
