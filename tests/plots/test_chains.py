"""ArviZ's traces and ranks, of variables that people ask for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib import pyplot

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError
from tests.plots.conftest import quick_fit
from tests.plots.layout import expect_room


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def traces(tree):
    return bg.plot_traces(tree, ["body_mass_g", "bill_depth_mm"])


@pytest.fixture(scope="module")
def ranks(tree):
    return bg.plot_ranks(tree, "bill_depth_mm")


def test_traces_are_of_weights_and_means(traces):
    names = ["weight", "mean of body_mass_g", "mean of bill_depth_mm"]
    assert list(traces.viz["trace"].data_vars) == names
    assert dict(traces.viz["trace"]["weight"].sizes) == {"chain": 4, "component": 3}


def test_components_and_chains_are_in_the_legend(traces):
    figure = traces.viz["figure"].item()
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


def test_ranks_have_a_panel_for_each_component(ranks):
    assert list(ranks.viz["title"].data_vars) == ["weight", "mean of bill_depth_mm"]
    assert len(ranks.viz["figure"].item().axes) >= 6


def in_two_chains(tree):
    """Return a tree whose draws are halved into two chains."""
    halved = tree.copy()
    for group in ("posterior", "sample_stats"):
        draws = tree[group].to_dataset().isel(chain=0, drop=True)
        half = draws.sizes["draw"] // 2
        parts = [draws.isel(draw=slice(at, at + half)) for at in (0, half)]
        parts = [part.assign_coords(draw=np.arange(half)) for part in parts]
        halved[group] = xr.DataTree(xr.concat(parts, pd.Index([0, 1], name="chain")))
    return halved


def test_ranks_of_a_single_component_are_of_its_means(single):
    collection = bg.plot_ranks(in_two_chains(single))
    assert list(collection.viz["title"].data_vars) == ["mean of x0"]


def test_what_ranks_say_of_chains_that_differ_can_be_read(tree):
    apart = tree.copy(deep=True)
    apart["posterior"]["weights"][0] *= 1.05
    figure = bg.plot_ranks(apart).viz["figure"].item()
    assert figure.axes[0].texts[0].get_text() == "p < 0.01 (\u03b1 = 0.01)"
    for axes in figure.axes[:3]:
        (text,) = axes.texts
        bottom = axes.transData.inverted().transform(text.get_window_extent().corners())[:, 1].min()
        marked = np.concatenate([points.get_offsets() for points in axes.collections])
        assert marked[:, 1].max() < bottom
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[-1].startswith("where a chain differs")


def test_axes_are_named_in_small_letters(tree, traces):
    means = {"mean of body_mass_g", "mean of bill_depth_mm"}
    for collection in (bg.plot_ranks(tree), traces):
        names = {axes.get_xlabel() for axes in collection.viz["figure"].item().axes}
        assert names <= {"fractional rank", "draw", "weight", *means}


def test_numbers_with_many_digits_have_room():
    rows = np.random.default_rng(1).normal(-0.0101, 0.0005, size=(200, 2)) * [1.0, 1e8]
    figure = bg.plot_traces(quick_fit(rows, bg.MixtureSpec(1))).viz["figure"].item()
    expect_room(figure)


def test_options_reach_arviz(tree):
    assert bg.plot_traces(tree, ["bill_depth_mm"], backend="none").backend == "none"
    assert bg.plot_ranks(tree, backend="none").backend == "none"


def test_what_cannot_be_shown_is_refused(tree, twelve, single):
    with pytest.raises(SpecificationError, match="this fit has one"):
        bg.plot_ranks(twelve)
    with pytest.raises(DataError, match="wing"):
        bg.plot_traces(tree, ["wing"])
