"""Divergences: a place is named where there is one, and only there."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.chains import findings_about_divergences
from bayesgmm.schema import with_record
from bayesgmm.tree.fit import Fit


@pytest.fixture
def tree():
    return bg.example_fit()


def diverging_at(tree, places):
    statistics = tree["sample_stats"].to_dataset()
    diverging = np.zeros((4, 1000), dtype=bool)
    diverging[places] = True
    tree["sample_stats"] = statistics.assign(diverging=(("chain", "draw"), diverging))
    return tree


def test_none_is_nothing_to_speak_of(tree):
    assert findings_about_divergences(Fit(diverging_at(tree, ([], [])))) == []


def test_two_say_nothing_of_a_place(tree):
    (finding,) = findings_about_divergences(Fit(diverging_at(tree, ([1, 2], [5, 7]))))
    assert finding.problem.startswith("2 of 4000 transitions diverged: too few")
    assert not finding.serious


def test_random_ones_lie_at_no_place(tree):
    chosen = np.random.default_rng(0).random((4, 1000)) < 0.02
    (finding,) = findings_about_divergences(Fit(diverging_at(tree, chosen)))
    assert "in no particular region" in finding.problem


def test_a_remedy_is_not_what_was_done(tree):
    chosen = np.random.default_rng(0).random((4, 1000)) < 0.02
    remedies = []
    for accept in (0.8, 0.95, 0.99):
        told = with_record(diverging_at(tree, chosen), engine=f"NUTS(target_accept={accept})")
        (finding,) = findings_about_divergences(Fit(told))
        remedies.append(finding.remedy)
    assert "0.95" in remedies[0]
    assert "0.99" in remedies[1]
    assert "Gibbs" in remedies[2]


def test_small_weights_are_named(tree):
    weights = tree["posterior"]["weights"].values[..., 2]
    (finding,) = findings_about_divergences(
        Fit(diverging_at(tree, weights < np.quantile(weights, 0.02)))
    )
    assert "near small weight of component 2" in finding.problem
    assert "below the other draws" in finding.problem
