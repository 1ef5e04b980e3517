"""Priors against rows: conflicts are found, and what is proposed does away with them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.components import Components
from bayesgmm.analysis.diagnosis.prior_conflicts import findings_about_priors
from bayesgmm.tree.fit import Fit

ENGINE = bg.NUTS(draws=300, tune=300, chains=2)


def conflicts(rows, covariances):
    spec = bg.MixtureSpec(1, covariances=covariances)
    tree = bg.fit(rows, spec, engine=ENGINE, random_seed=1, progress=False)
    return findings_about_priors(Fit(tree), Components.of(Fit(tree)))


@pytest.mark.parametrize("prior", [bg.InverseGamma(2.0, 5.0), bg.LogNormal(1.0, 0.2)], ids=str)
def test_a_scale_that_the_prior_would_not_have(prior):
    """Rows of standard deviation 0.01 under priors of 1 and more."""
    rows = np.random.default_rng(0).normal(3.0, 0.01, (100, 1))
    (finding,) = conflicts(rows, bg.Diagonal(scales=prior))
    assert finding.kind == "prior conflict"
    said = float(re.search(r"its rows suggest ([\d.]+)", finding.problem)[1])
    assert said == pytest.approx(rows.std(), rel=0.02)
    assert "covariances=Diagonal(scales=HalfT())" in finding.remedy
    assert conflicts(rows, bg.Diagonal()) == []


def test_a_scale_above_what_the_prior_allows():
    rows = np.random.default_rng(0).normal(0.0, 10.0, (100, 1))
    (finding,) = conflicts(rows, bg.Diagonal(scales=bg.HalfNormal(1.0)))
    assert "above all but" in finding.problem


def test_correlations_that_the_prior_would_not_have():
    """Six features with correlations of 0.9, under a prior that wants none."""
    rng = np.random.default_rng(0)
    rows = 3 * rng.normal(size=(80, 1)) + rng.normal(size=(80, 6))
    (finding,) = conflicts(rows, bg.Full(correlations=bg.LKJ(30.0)))
    assert "correlations" in finding.problem
    assert "covariances=Full(scales=HalfT())" in finding.remedy
    assert conflicts(rows, bg.Full()) == []


def test_priors_that_suit_the_rows_and_few_rows_are_no_conflict():
    """Also a prior that is strong, but right."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.3], [0, 0, 1]])
    assert conflicts(rows, bg.Full()) == []
    assert conflicts(rows[:10], bg.Full()) == []
    assert conflicts(rows[:, :1], bg.Diagonal(scales=bg.LogNormal(0.0, 0.1))) == []
