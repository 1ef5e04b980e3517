"""The rule for the number of draws in questions about every row."""

from __future__ import annotations

import pytest

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


def test_what_takes_minutes_is_announced(fit):
    with pytest.warns(bg.BayesGMMWarning, match="rows under 500 draws will take some 4 minutes"):
        draws_to_use(fit, 5_000_000, None)


def test_the_number_must_be_a_whole_one(fit):
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        draws_to_use(fit, 342, 0)
