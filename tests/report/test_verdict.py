"""The closing lines say what the analyses say."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.value import stored_diagnosis
from bayesgmm.report.tables import convergence_lines, uncertainty_line


def test_a_good_fit_has_one_line():
    tree = bg.example_fit()
    assert convergence_lines(tree) == [stored_diagnosis(tree).verdict]


def test_what_was_found_follows_the_verdict():
    tree = bg.example_fit().isel(draw=slice(30))
    first, *others = convergence_lines(tree)
    assert first.startswith("Not converged")
    assert others == [f"- {finding}" for finding in bg.diagnose(tree).findings]


def test_counts_rows_below_the_certainty():
    tree = bg.example_fit()
    certainty = bg.cluster(tree)["certainty"].values
    for limit in (0.9, 0.99):
        count = int((certainty < limit).sum())
        line = uncertainty_line(tree, rows="birds", certainty=limit)
        assert line == f"{count} of 342 birds are assigned with less than {limit:.0%} certainty."


def test_one_row_is_assigned():
    tree = bg.example_fit()
    limit = float(np.sort(bg.cluster(tree)["certainty"].values)[:2].mean())
    assert uncertainty_line(tree, certainty=limit).startswith("1 of 342 rows is assigned")
