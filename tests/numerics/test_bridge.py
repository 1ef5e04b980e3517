"""Bridge sampling between normal distributions, whose integrals are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bayesgmm.numerics.bridge import bridge, relative_variance


@pytest.mark.parametrize("log_constant", [-2000.0, 0.0, 500.0])
def test_the_integral_of_a_normal_density_times_a_constant(log_constant):
    rng = np.random.default_rng(1)
    p, q = stats.norm(0.3, 1.0), stats.norm(0.0, 1.5)

    def log_ratio(x):
        return p.logpdf(x) + log_constant - q.logpdf(x)

    found = bridge(log_ratio(p.rvs(4000, rng)), log_ratio(q.rvs(4000, rng)), 4000)
    variance = (relative_variance(found.of_draws) + relative_variance(found.of_proposed)) / 4000
    assert np.sqrt(variance) < 0.02
    # Wrong by chance with probability 6e-5.
    assert abs(found.log_integral - log_constant) < 4 * np.sqrt(variance)


def test_half_of_the_proposals_may_lie_outside():
    rng = np.random.default_rng(2)
    draws, proposed = np.abs(rng.standard_normal(4000)), rng.standard_normal(4000)
    found = bridge(np.zeros(draws.size), np.where(proposed > 0, 0.0, -np.inf), 4000)
    assert found.log_integral == pytest.approx(np.log(0.5), abs=4 * np.sqrt(1 / 4000))
