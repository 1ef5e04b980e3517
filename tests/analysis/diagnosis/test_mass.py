"""The mass of modes, against what is known of it."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.mass import laplace_peaks, same_peak, shares_of_mass
from bayesgmm.schema import record


@pytest.fixture(scope="module")
def tree():
    return bg.example_fit()


def test_chains_in_one_mode_climb_to_one_peak_with_the_evidence_of_laplace(tree):
    one, other = laplace_peaks(tree, [np.array([0, 1]), np.array([2])])
    assert same_peak(one, other)
    # A climb ends some thousandths of a standard deviation from its mode.
    assert shares_of_mass([one, other]) == pytest.approx([0.5, 0.5], abs=0.005)
    X = tree["observed_data"]["x"].to_pandas()
    laplace = bg.fit(
        X, bg.MixtureSpec(3), engine=bg.Laplace(draws=50), random_seed=1, progress=False
    )
    known = record(laplace)["log_marginal_likelihood"]
    log_jacobian = 342 * float(np.log(tree["constant_data"]["factor"]).sum())
    assert one.peak.log_integral - log_jacobian == pytest.approx(known, abs=0.02)


def test_flat_peaks_claim_nothing(tree):
    """A second peak with curvature that had to be mended: no share can be told."""
    from dataclasses import replace

    (peak,) = laplace_peaks(tree, [np.array([0])])
    flat = replace(peak, peak=replace(peak.peak, mended=1))
    assert np.isnan(shares_of_mass([peak, flat])).all()


def test_where_it_costs_too_much_it_is_left(tree, monkeypatch):
    monkeypatch.setattr("bayesgmm.analysis.diagnosis.mass._MOST_WORK", 100)
    assert laplace_peaks(tree, [np.array([0])]) is None
