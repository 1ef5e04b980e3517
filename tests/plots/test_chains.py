"""ArviZ's traces and ranks, of variables that people ask for."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib import pyplot

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def test_traces_are_of_weights_and_means(tree):
    collection = bg.plot_traces(tree, ["body_mass_g", "bill_depth_mm"])
    names = ["weight", "mean of body_mass_g", "mean of bill_depth_mm"]
    assert list(collection.viz["trace"].data_vars) == names
    assert dict(collection.viz["trace"]["weight"].sizes) == {"chain": 4, "component": 3}


def test_components_and_chains_are_in_the_legend(tree):
    figure = bg.plot_traces(tree, ["bill_depth_mm"]).viz["figure"].item()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [f"component {k}" for k in range(3)] + [f"chain {k}" for k in range(4)]


def test_a_single_component_has_no_weight_to_show(single):
    assert list(bg.plot_traces(single).viz["trace"].data_vars) == ["mean of x0"]


def test_names_with_slashes_can_be_shown(single):
    tree = bg.fit(
        pd.DataFrame({"speed m/s": single["observed_data"]["x"].values[:, 0]}),
        bg.MixtureSpec(1), engine=bg.Laplace(draws=50), random_seed=1, progress=False,
    )  # fmt: skip
    assert list(bg.plot_traces(tree).viz["trace"].data_vars) == ["mean of speed m\u2215s"]


def test_ranks_have_a_panel_for_each_component(tree):
    collection = bg.plot_ranks(tree, "bill_depth_mm")
    assert list(collection.viz["title"].data_vars) == ["weight", "mean of bill_depth_mm"]
    assert len(collection.viz["figure"].item().axes) >= 6


def test_options_reach_arviz(tree):
    assert bg.plot_traces(tree, ["bill_depth_mm"], backend="none").backend == "none"
    assert bg.plot_ranks(tree, backend="none").backend == "none"


def test_what_cannot_be_shown_is_refused(tree, twelve, single):
    with pytest.raises(SpecificationError, match="this fit has one"):
        bg.plot_ranks(twelve)
    with pytest.raises(DataError, match="wing"):
        bg.plot_traces(tree, ["wing"])
