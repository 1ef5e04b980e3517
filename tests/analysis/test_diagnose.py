"""Each finding is produced by a case built to deserve it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import with_record


@pytest.fixture
def tree() -> xr.DataTree:
    return bg.example_fit()


def test_a_good_fit_passes(tree):
    diagnosis = bg.diagnose(tree)
    assert diagnosis.passed
    assert diagnosis.findings == ()
    assert diagnosis.verdict.startswith("Converged: 4 chains of 1000 draws agree")
    assert "R-hat" in str(diagnosis)


def test_chains_that_disagree(tree):
    posterior = tree["posterior"].to_dataset()
    moved = posterior["means"] + xr.DataArray([0.0, 0.0, 0.0, 30.0], dims="chain")
    tree["posterior"] = posterior.assign(means=moved)
    diagnosis = bg.diagnose(tree)
    assert not diagnosis.passed
    assert "R-hat of means" in str(diagnosis.findings[0])


def test_too_few_draws(tree):
    diagnosis = bg.diagnose(tree.isel(draw=slice(0, 40)))
    assert any("Too few effective draws" in str(finding) for finding in diagnosis.findings)


def test_divergences(tree):
    statistics = tree["sample_stats"].to_dataset()
    diverging = statistics["diverging"].copy(data=np.zeros((4, 1000), dtype=bool))
    diverging[1, 5] = diverging[2, 7] = True
    tree["sample_stats"] = statistics.assign(diverging=diverging)
    (finding,) = bg.diagnose(tree).findings
    assert finding.problem.startswith("2 transitions diverged")
    assert "target_accept" in finding.remedy


def test_one_chain_only(tree):
    findings = bg.diagnose(tree.isel(chain=[0])).findings
    assert any("one chain" in finding.problem for finding in findings)


def test_interrupted(tree):
    findings = bg.diagnose(with_record(tree, partial=True)).findings
    assert len(findings) == 1
    assert "interrupted" in findings[0].problem


def test_an_approximation_is_called_one():
    rows = np.random.default_rng(0).normal(size=(40, 1))
    engine = bg.ADVI(iterations=200, draws=50)
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    diagnosis = bg.diagnose(tree)
    assert not diagnosis.passed
    assert "approximation (Pareto k" in diagnosis.verdict
    assert "NUTS" in diagnosis.findings[0].remedy


def test_an_approximation_that_is_far_off_is_called_so():
    """Twelve rows in four dimensions: far from normal."""
    rows = np.random.default_rng(0).normal(size=(12, 4))
    engine = bg.Laplace(draws=1000)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    diagnosis = bg.diagnose(tree)
    assert diagnosis.figures.attrs["pareto_k"] > 0.7
    assert "far from the posterior" in diagnosis.findings[0].problem


def test_what_a_peak_lacks_is_said():
    rows = np.random.default_rng(0).normal(size=(40, 1))
    engine = bg.Laplace(draws=20)
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    diagnosis = bg.diagnose(with_record(tree, mended=2, distance_to_mode=0.3, partial=True))
    assert "unknown for so few draws" in diagnosis.verdict
    problems = [finding.problem for finding in diagnosis.findings[1:]]
    assert "flat in 2 of its directions" in problems[0]
    assert "0.3 standard deviations from the mode" in problems[1]
    assert "interrupted" in problems[2]


def test_figures_are_those_of_arviz(tree):
    import arviz_stats

    figures = bg.diagnose(tree).figures
    expected = arviz_stats.rhat(tree["posterior"].to_dataset()[["means"]])["means"].max()
    assert float(figures["rhat"].sel(variable="means")) == float(expected)


def test_refuses_other_trees():
    with pytest.raises(bg.SchemaError, match="no group"):
        bg.diagnose(xr.DataTree())


def test_too_few_draws_to_split_are_not_one_chain(tree):
    findings = bg.diagnose(tree.isel(draw=slice(0, 3))).findings
    assert not any("one chain" in finding.problem for finding in findings)
    assert any("Too few effective draws" in finding.problem for finding in findings)


def test_a_mode_of_equal_height_that_no_chain_visited():
    """Four clouds, the same after swapping the features: two splits in two are equally good."""
    rng = np.random.default_rng(0)
    corners = [(-5, -5), (-5, 5), (5, -5), (5, 5)]
    rows = np.concatenate([rng.normal(size=(30, 2)) + corner for corner in corners])
    rows = np.concatenate([rows, rows[:, ::-1]])
    tree = bg.fit(rows, bg.MixtureSpec(2), random_seed=1, progress=False)
    diagnosis = bg.diagnose(tree)
    assert not diagnosis.passed
    (finding,) = diagnosis.findings
    assert "another mode that is only 0.0 lower" in finding.problem
    # The rival is the mode with its features swapped, in the units of the data.
    here, there = tree["point_estimate"]["means"], tree["rival_mode"]["means"]
    np.testing.assert_allclose(
        np.sort(here.values[:, ::-1], axis=0), np.sort(there.values, axis=0), atol=0.2
    )


def test_draws_that_are_better_than_the_mode(tree):
    """As if EM had been stuck: the estimate is the worst of the draws."""
    worst = tree["log_likelihood"]["x"].sum("obs_id").min()
    estimate = tree["point_estimate"].to_dataset()
    tree["point_estimate"] = estimate.assign(log_likelihood=float(worst))
    findings = bg.diagnose(tree).findings
    assert any("was not the mode" in finding.problem for finding in findings)


def test_chains_that_never_moved_give_no_warning(tree):
    posterior = tree["posterior"].to_dataset()
    frozen = posterior.isel(draw=[0] * posterior.sizes["draw"]).assign_coords(
        draw=posterior["draw"]
    )
    tree["posterior"] = frozen
    assert not bg.diagnose(tree).passed


@pytest.mark.parametrize("tree", [3, None, "tree", np.zeros(3), xr.Dataset()])
def test_refuses_what_is_no_tree_in_words(tree):
    with pytest.raises(bg.SchemaError, match=r"fit returned|no group"):
        bg.diagnose(tree)
    with pytest.raises(bg.SchemaError, match=r"fit returned|no group"):
        bg.cluster(tree)
