"""No text lies on another or is cut off: few and many components, long names, awkward rows."""

from __future__ import annotations

import pytest

import bayesgmm as bg
from tests.plots.layout import expect_room

FIGURES = (
    "clusters", "density", "weights", "components", "co_clustering", "certainty",
    "label_switching", "predictive",
)  # fmt: skip


OF_ROWS = ("clusters", "density", "co_clustering", "certainty", "predictive")
"""Figures that missing cells and weights change."""

CASES = [(case, name) for case in ("twelve", "named", "single") for name in FIGURES]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "name"), [*CASES, *(("patchy", name) for name in OF_ROWS)])
def test_texts_have_room(request, case, name):
    figure = getattr(bg.Plots(request.getfixturevalue(case)), name)()
    expect_room(figure)


@pytest.mark.parametrize("case", ["twelve", "named"])
def test_texts_of_traces_have_room(request, case):
    figure = bg.plot_traces(request.getfixturevalue(case)).viz["figure"].item()
    expect_room(figure)


def test_texts_of_ranks_have_room(tree):
    figure = bg.plot_ranks(tree, ["bill_depth_mm"]).viz["figure"].item()
    expect_room(figure)


def test_one_feature_of_many_has_room(twelve):
    for figure in (bg.plot_clusters(twelve, ["x0"]), bg.plot_density(twelve, ["x0"])):
        expect_room(figure)
