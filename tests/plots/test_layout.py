"""No text lies on another or is cut off: few and many components, long names, awkward rows."""

from __future__ import annotations

import pytest

import bayesgmm as bg
from tests.plots.layout import cut_off, overlaps

FIGURES = (
    "clusters", "density", "weights", "components", "co_clustering", "certainty",
    "label_switching", "predictive",
)  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", ["twelve", "named", "patchy", "single"])
def test_texts_have_room(request, case, name):
    figure = getattr(bg.Plots(request.getfixturevalue(case)), name)()
    assert overlaps(figure) == []
    assert cut_off(figure) == []


@pytest.mark.parametrize("case", ["twelve", "named"])
def test_texts_of_traces_have_room(request, case):
    figure = bg.plot_traces(request.getfixturevalue(case)).viz["figure"].item()
    assert overlaps(figure) == []
    assert cut_off(figure) == []


def test_texts_of_ranks_have_room(tree):
    figure = bg.plot_ranks(tree, ["bill_depth_mm"]).viz["figure"].item()
    assert overlaps(figure) == []
    assert cut_off(figure) == []


def test_one_feature_of_many_has_room(twelve):
    for figure in (bg.plot_clusters(twelve, ["x0"]), bg.plot_density(twelve, ["x0"])):
        assert overlaps(figure) == []
        assert cut_off(figure) == []
