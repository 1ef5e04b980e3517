"""Traces as the engine drew them, and as relabeling named them."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError


def test_left_is_raw_and_right_is_relabeled(tree):
    figure = bg.plot_label_switching(tree, "body_mass_g", max_draws=1000)
    raw = bg.undo_relabeling(tree)
    for place, (axes, each) in enumerate(zip(figure.axes, [raw, tree] * 4, strict=True)):
        traces = each["posterior"]["means"].sel(feature="body_mass_g", chain=place // 2)
        for component, line in enumerate(axes.lines):
            np.testing.assert_array_equal(line.get_ydata(), traces.isel(component=component))


def test_switched_labels_are_seen_on_the_left_only():
    # Two components on top of each other, under an engine that lets labels move.
    rows = np.random.default_rng(2).normal(size=(40, 1))
    engine = bg.Gibbs(draws=200, chains=1)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    left, right = bg.plot_label_switching(tree, "x0").axes
    assert any(
        not np.array_equal(a.get_ydata(), b.get_ydata())
        for a, b in zip(left.lines, right.lines, strict=True)
    )


def test_chains_are_rows_up_to_a_limit(tree):
    figure = bg.plot_label_switching(tree, max_chains=2)
    assert [axes.get_ylabel() for axes in figure.axes] == ["chain 0", "", "chain 1", ""]


def test_what_cannot_be_asked_is_refused(tree):
    with pytest.raises(DataError, match="'wing'"):
        bg.plot_label_switching(tree, "wing")
    with pytest.raises(SpecificationError, match="max_draws"):
        bg.plot_label_switching(tree, max_draws=0)
    with pytest.raises(SpecificationError, match="max_chains"):
        bg.plot_label_switching(tree, max_chains=1.5)
