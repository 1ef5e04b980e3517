"""The report on names: sure where components are apart, and open about it where they are not."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations, undo_relabeling


@pytest.fixture(scope="module")
def overlapping():
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (40, 1)), rng.normal(2.2, 1, (40, 1))])
    engine = bg.Gibbs(draws=150, tune=100, chains=2)
    return bg.fit(rows, bg.MixtureSpec(3), engine=engine, random_seed=1, progress=False)


def test_switched_labels_are_bad_before_and_fine_after():
    tree = bg.example_fit().isel(draw=slice(0, 300))
    orders = np.broadcast_to(np.arange(3), tree["posterior"]["weights"].shape).copy()
    orders[0] = [1, 0, 2]
    switched = apply_permutations(
        undo_relabeling(tree), Permutations(orders, np.ones(orders.shape[:2]), "switched")
    )
    switched["relabeling"]["permutation"][:] = np.arange(3)
    report = bg.labeling_report(bg.relabel(switched))
    before, after = (report.figures.sel(labels=labels) for labels in ("raw", "relabeled"))
    assert float(before["rhat"].max()) > 1.5
    assert float(after["rhat"].max()) < 1.02
    assert float(before["ess_bulk"].min()) < 20 < 400 < float(after["ess_bulk"].min())
    assert np.all(report.agreement == 1.0)
    assert not report.ambiguous.any()


def test_overlapping_components_are_ambiguous(overlapping):
    report = bg.labeling_report(overlapping)
    assert report.ambiguous.sizes == {"chain": 2, "draw": 150}
    assert 0.02 < float(report.ambiguous.mean()) < 0.9
    off_diagonal = report.agreement.values[~np.eye(3, dtype=bool)]
    assert np.all(off_diagonal < 0.95)
    np.testing.assert_array_equal(np.diagonal(report.agreement), 1.0)
    np.testing.assert_array_equal(report.agreement, report.agreement.T)


def test_agreement_does_not_depend_on_how_a_method_numbers_places(overlapping):
    methods = [bg.OrderBy("x0"), bg.OrderBy({"x0": -1.0})]
    assert np.all(bg.labeling_report(overlapping, methods).agreement == 1.0)


def test_it_prints_what_a_reader_wants(overlapping):
    lines = str(bg.labeling_report(overlapping, [bg.ECR(), bg.PRA()])).splitlines()
    assert lines[0].startswith("Components relabeled by ECR();")
    assert any(line.startswith("means") and line.count("->") == 3 for line in lines)
    assert lines[-1].split()[0] == "PRA()"
    assert max(map(len, lines)) < 100


@pytest.mark.parametrize("methods", [[], ["ECR"], [bg.ECR]])
def test_only_methods_are_compared(overlapping, methods):
    with pytest.raises(bg.SpecificationError, match="relabeling method"):
        bg.labeling_report(overlapping, methods)
