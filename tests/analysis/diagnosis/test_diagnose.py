"""Each verdict is produced by a case built to deserve it, and by none of the others."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import with_record
from tests.analysis.verdicts import VERDICTS, tree_of


@pytest.fixture
def tree() -> xr.DataTree:
    return bg.example_fit()


@pytest.mark.parametrize("name", VERDICTS)
def test_every_case_has_its_own_findings_and_no_others(name):
    diagnosis, kinds = bg.diagnose(tree_of(name)), VERDICTS[name][1]
    aside = {"divergences", "slow chains"}  # where they do not matter
    found = {one.kind for one in diagnosis.findings if one.serious or one.kind not in aside}
    if name == "few_rows":  # a lone row has many modes, of which EM may miss the best
        found -= {"missed mode"}
    assert found == kinds
    assert diagnosis.passed == (kinds <= {"labels switched"})
    assert diagnosis.passed == diagnosis.verdict.startswith("Converged")
    for finding in diagnosis.findings:
        assert finding.remedy
        assert str(finding) in str(diagnosis)


def test_a_good_fit_passes(tree):
    diagnosis = bg.diagnose(tree)
    assert diagnosis.findings == ()
    assert diagnosis.verdict.startswith("Converged: 4 chains of 1000 draws agree (R-hat at most")
    assert "R-hat" in str(diagnosis)


def test_labels_that_switched_and_were_cured():
    """Five of six shuffles change the order of three components."""
    diagnosis = bg.diagnose(tree_of("labels_switched"))
    assert diagnosis.verdict.startswith("Converged after relabeling: 4 chains")
    (finding,) = diagnosis.findings
    assert not finding.serious
    assert "of 4000 draws, in 4 of 4 chains, and relabeling cured it" in finding.problem
    assert diagnosis.figures.attrs["switched_draws"] == pytest.approx(4000 * 5 / 6, abs=100)


def test_a_pair_that_overlaps_is_named():
    (finding,) = (f for f in bg.diagnose(tree_of("overlap")).findings if f.serious)
    assert "too much to be identified: 0 and 1" in finding.problem


def test_modes_are_listed_with_their_chains_and_their_mass():
    """By symmetry both modes hold one half."""
    (finding,) = (f for f in bg.diagnose(tree_of("different_modes")).findings if f.serious)
    assert "chains 0, 2 (log posterior" in finding.problem
    assert "chains 1, 3 (log posterior" in finding.problem
    assert "By bridge sampling" in finding.problem
    assert "does not estimate its mass" in finding.problem


def test_a_mode_of_equal_height_that_no_chain_visited():
    tree = tree_of("unvisited_mode")
    (finding,) = bg.diagnose(tree).findings
    assert "an alternative mode, 0.0 lower in log density, that no chain" in finding.problem
    (share,) = re.findall(r"holds (\d+)%", finding.problem)
    assert 30 < int(share) < 70  # one half, by symmetry
    assert 'init="multi"' in finding.remedy
    # The rival is the mode with its features swapped, in the units of the data.
    here, there = tree["point_estimate"]["means"], tree["alternative_mode"]["means"]
    np.testing.assert_allclose(
        np.sort(here.values[:, ::-1], axis=0), np.sort(there.values, axis=0), atol=0.2
    )


def test_small_components_are_named_with_their_rows():
    cases = {
        "empty_component": "empty component",
        "few_rows": "few rows",
        "collapsed_component": "collapsed component",
    }
    (empty,), (few,), (narrow,) = (
        [finding for finding in bg.diagnose(tree_of(name)).findings if finding.kind == kind]
        for name, kind in cases.items()
    )
    assert empty.problem.startswith("Component 2 is empty")
    assert re.match(
        r"Component 2 has too few rows \(1.\d expected, row 200; needed: 3\)", few.problem
    )
    assert narrow.problem.startswith("Component 1 in x0, x1: collapsed")


def test_divergences_are_counted_and_placed():
    (finding,) = bg.diagnose(tree_of("divergences")).findings
    assert re.match(
        r"\d+ of 4000 transitions diverged near small scale of component 1, bill_length_mm",
        finding.problem,
    )
    assert "target_accept" in finding.remedy


def test_chains_that_disagree_are_told_in_what():
    (finding,) = bg.diagnose(tree_of("chains_disagree")).findings
    assert "R-hat of correlations" in finding.problem


def test_too_few_draws(tree):
    """The same draws in both halves of all chains: R-hat is 1, and effective draws are few."""
    diagnosis = bg.diagnose(tree.isel(chain=[0] * 4, draw=[*range(20)] * 2))
    assert any("Too few effective draws" in str(finding) for finding in diagnosis.findings)


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
    diagnosis = bg.diagnose(with_record(tree, regularized=2, distance_to_mode=0.3, partial=True))
    assert "unknown for so few draws" in diagnosis.verdict
    problems = [finding.problem for finding in diagnosis.findings[1:]]
    assert "flat in 2 directions" in problems[0]
    assert "0.3 standard deviations from the mode" in problems[1]
    assert "interrupted" in problems[2]


def test_figures_are_those_of_arviz(tree):
    import arviz_stats

    figures = bg.diagnose(tree).figures
    expected = arviz_stats.rhat(tree["posterior"].to_dataset()[["means"]])["means"].max()
    assert float(figures["rhat"].sel(variable="means")) == float(expected)
    for kind, options in (("bulk", {}), ("tail", {"prob": (0.05, 0.95)})):
        expected = arviz_stats.ess(
            tree["posterior"].to_dataset()[["scales"]], method=kind, **options
        )
        found = figures[f"ess_{kind}"].sel(variable="scales")
        assert float(found) == pytest.approx(float(expected["scales"].min()))


def test_refuses_other_trees():
    with pytest.raises(bg.SchemaError, match="no group"):
        bg.diagnose(xr.DataTree())


def test_too_few_draws_to_split_are_not_one_chain(tree):
    findings = bg.diagnose(tree.isel(draw=slice(0, 3))).findings
    assert not any("one chain" in finding.problem for finding in findings)
    assert any("Too few effective draws" in finding.problem for finding in findings)


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


def test_names_that_could_be_exchanged_are_a_mode_of_their_own():
    """One label, on a row between two clouds: it may belong to either of them."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([[0.0], rng.normal(-5, 1, 60), rng.normal(5, 1, 60)])[:, None]
    known = ["between", *[None] * 120]
    tree = bg.fit(
        rows, bg.MixtureSpec(2), labels=known, engine=bg.Gibbs(), random_seed=1, progress=False
    )
    (finding,) = (f for f in bg.diagnose(tree).findings if f.kind == "unvisited mode")
    assert "lower in log density" in finding.problem
    assert "give more labels" in finding.remedy
