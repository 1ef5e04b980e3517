"""The rule for the number of draws in questions about every row."""

from __future__ import annotations

import pytest
import xarray as xr
from numpy.testing import assert_array_equal

import bayesgmm as bg
from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.tree.fit import Fit


@pytest.fixture(scope="module")
def fit() -> Fit:
    return Fit.of(bg.example_fit())


def test_long_tables_take_fewer_draws(fit):
    n_draws = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    assert draws_to_use(fit, 342, None) == n_draws
    assert draws_to_use(fit, 342, None, most=100) == 100
    assert draws_to_use(fit, 125_000, None, most=1000) == min(800, n_draws)
    assert draws_to_use(fit, 250_000, None, most=1000) == 500
    assert draws_to_use(fit, 250_000, 20) == 20


def test_densities_of_long_tables_are_averaged_over_fewer_draws(fit, monkeypatch):
    monkeypatch.setattr("bayesgmm.analysis.draws._LEAST_DRAWS", 40)
    monkeypatch.setattr("bayesgmm.analysis.draws._MOST_ASSIGNMENTS", 342 * 80)
    tree, flippers = fit.tree, fit.data.values[:, 2]
    some = fit.few(80).tree
    assert_array_equal(bg.log_density(tree), bg.log_density(some))
    assert bg.log_density(tree, fit.data.values[:2], per_draw=True).sizes["draw"] == 1000
    feature = fit.feature_names[2]
    assert_array_equal(
        bg.cdf(tree, flippers, feature=feature), bg.cdf(some, flippers, feature=feature)
    )


def test_cdf_takes_the_draws_that_are_asked_for(fit):
    feature = fit.feature_names[2]
    every = bg.cdf(fit.tree, [190.0], feature=feature, per_draw=True)
    some = bg.cdf(fit.tree, [190.0], feature=feature, per_draw=True, max_draws=20)
    assert dict(some.sizes) == {"chain": 4, "draw": 5, "obs_id": 1}
    xr.testing.assert_allclose(some, every.sel(draw=some["draw"]), rtol=1e-12)
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        bg.cdf(fit.tree, [190.0], feature=feature, max_draws=0)


def test_what_takes_minutes_is_announced(fit):
    with pytest.warns(bg.BayesGMMWarning, match="rows under 500 draws will take some 4 minutes"):
        draws_to_use(fit, 5_000_000, None)


def test_the_number_must_be_a_whole_one(fit):
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        draws_to_use(fit, 342, 0)
