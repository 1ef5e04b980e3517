"""How far the posterior follows its prior, against ArviZ and a prior that it must follow."""

from __future__ import annotations

import arviz_stats
import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.prior_sensitivity import SENSITIVE, prior_sensitivity
from bayesgmm.tree.fit import Fit


def fit_of(means: bg.NormalMeans, draws: int = 2000):
    rows = np.random.default_rng(1).normal(0, 1, (40, 1))
    engine = bg.Gibbs(draws=draws, tune=200, chains=2)
    return bg.fit(rows, bg.MixtureSpec(1, means=means), engine=engine, progress=False)


def test_it_is_the_largest_of_arviz():
    tree = bg.example_fit()
    found = prior_sensitivity(Fit(tree))
    for part in found["part"].values:
        theirs = arviz_stats.psense(
            tree, var_names=["weights", "means", "scales"], group="prior", group_var_names=[part]
        )
        largest = max(float(values.max()) for values in theirs.data_vars.values())
        assert float(found["sensitivity"].sel(part=part)) == pytest.approx(largest)


def test_a_narrow_prior_far_from_the_rows_is_followed():
    wide = prior_sensitivity(Fit(fit_of(bg.NormalMeans(0.0, 10.0))))
    narrow = prior_sensitivity(Fit(fit_of(bg.NormalMeans(1.5, 0.2))))
    assert float(wide["sensitivity"].sel(part="means")) < SENSITIVE
    assert float(narrow["sensitivity"].sel(part="means")) > SENSITIVE
    assert str(narrow["parameter"].sel(part="means").item()).startswith("mean of x0")


def test_few_draws_say_nothing():
    assert not prior_sensitivity(Fit(fit_of(bg.NormalMeans(0.0, 10.0), draws=100))).sizes["part"]
