"""Chains that disagree, or never move, are told in words that are true."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.chains import (
    Settings,
    findings_about_agreement,
    findings_about_chains,
)
from bayesgmm.schema import with_record
from bayesgmm.tree.fit import Fit


def figures_with(rhat, limit, effective=5000.0):
    values = {"rhat": rhat, "rhat_limit": limit, "ess_bulk": effective, "ess_tail": effective}
    variables = {name: ("variable", [value]) for name, value in values.items()}
    return xr.Dataset(
        {**variables, "label_free": ("variable", [True])}, coords={"variable": ["entropy"]}
    )


@pytest.mark.parametrize(
    ("rhat", "limit", "words"),
    [
        (1.0104, 1.01, "up to 1.0104, above 1.0100"),
        (1.2, 1.0134, "up to 1.200, above 1.013"),
        (1.01001, 1.01, "up to 1.01001, above 1.01000"),
    ],
)
def test_no_number_is_above_one_that_looks_the_same(rhat, limit, words):
    (finding,) = findings_about_agreement(figures_with(rhat, limit))
    assert words in finding.problem


def test_what_chance_does_is_no_finding():
    assert findings_about_agreement(figures_with(1.02, 1.03)) == []


def test_how_many_draws_are_needed_is_said():
    settings = Settings("NUTS", {"draws": 1000})
    (finding,) = findings_about_agreement(figures_with(1.0, 1.01, effective=399.7), settings)
    assert "399 for entropy, below 400" in finding.problem
    assert "NUTS(draws=2000)" in finding.remedy
    (finding,) = findings_about_agreement(figures_with(1.0, 1.01, effective=100.0), settings)
    assert "NUTS(draws=6000)" in finding.remedy
    (finding,) = findings_about_agreement(figures_with(1.0, 1.01, effective=5.0), settings)
    assert "draws=" not in finding.remedy.replace("Gibbs(draws=10000)", "")


def test_chains_that_nearly_agree_are_to_be_longer():
    settings = Settings("NUTS", {"draws": 1000})
    (finding,) = findings_about_agreement(figures_with(1.02, 1.01), settings)
    assert finding.remedy == "Sample longer, with NUTS(draws=4000) and a larger tune."


def test_short_runs_are_to_be_longer_although_they_hold_few_effective_draws():
    settings = Settings("Gibbs", {"draws": 50})
    (finding,) = findings_about_agreement(figures_with(1.0, 1.01, effective=20.0), settings)
    assert finding.remedy == "Sample longer, with Gibbs(draws=2000)."


@pytest.mark.parametrize(
    ("n_factors", "smaller"),
    [(3, "fewer factors (n_factors=2), fewer components"), (1, "fewer components")],
)
def test_factors_are_drawn_by_gibbs_and_may_be_fewer(n_factors, smaller):
    settings = Settings("Gibbs", {"draws": 1000}, n_factors)
    (finding,) = findings_about_agreement(figures_with(1.0, 1.01, effective=5.0), settings)
    assert f"slowly; use {smaller}: " in finding.remedy
    (finding,) = findings_about_agreement(figures_with(1.5, 1.01), settings)
    assert f"or use {smaller} or stronger priors." in finding.remedy
    assert settings.samplers == "Gibbs()"


def test_factors_are_read_from_a_fit():
    rows = np.random.default_rng(0).normal(size=(30, 4))
    spec = bg.MixtureSpec(1, covariances=bg.Factors(2))
    tree = bg.fit(rows, spec, engine=bg.Laplace(draws=50), random_seed=1, progress=False)
    assert Settings.of(Fit(tree)).n_factors == 2
    remedies = " ".join(finding.remedy for finding in bg.diagnose(tree).findings)
    assert "Gibbs()" in remedies
    assert "NUTS" not in remedies


def test_a_covariance_that_never_moves_is_found_and_no_longer_run_advised():
    tree = bg.example_fit()
    assert findings_about_chains(Fit(tree)) == []
    posterior = tree["posterior"].to_dataset()
    scales = posterior["scales"].copy(deep=True)
    scales[2, :, 1] = scales[2, 0, 1]
    tree["posterior"] = posterior.assign(scales=scales)
    (finding,) = findings_about_chains(Fit(with_record(tree, engine="Gibbs(draws=1000)")))
    assert finding.kind == "stuck covariance"
    assert "component 1" in finding.problem
    assert "NUTS()" in finding.remedy
