"""Pictures of tables with more features than they have room for choose the most telling ones."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot

import bayesgmm as bg
from bayesgmm.errors import SpecificationError
from tests.plots.conftest import quick_fit
from tests.plots.layout import expect_room

APART = {1, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 16}
"""Features in which the components lie apart, and by how much: the later, the more."""


@pytest.fixture(scope="module")
def wide():
    """Two components of seventeen features, which differ in twelve of them."""
    far = np.array([1.0 + place if place in APART else 0.0 for place in range(17)])
    rows = np.random.default_rng(1).normal(size=(120, 17))
    rows[60:] += far
    return quick_fit(rows, bg.MixtureSpec(2, covariances=bg.Diagonal()))


@pytest.fixture(scope="module")
def wide_single():
    rows = np.random.default_rng(1).normal(size=(60, 10)) * np.geomspace(1e-4, 1e5, 10)
    return quick_fit(rows, bg.MixtureSpec(1, covariances=bg.Diagonal()))


@pytest.fixture(scope="module")
def first_eight(wide_single):
    return bg.plot_clusters(wide_single, max_draws=2)


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_clusters_are_drawn_in_the_features_that_tell_them_apart(wide):
    figure = bg.plot_clusters(wide, max_draws=2)
    chosen = [f"x{place}" for place in sorted(APART)[-8:]]
    assert [axes.get_xlabel() for axes in figure.axes[-8:]] == chosen
    assert words(figure)[-1] == "8 of 17 features, in which the components differ most"


@pytest.mark.parametrize("draw", [bg.plot_density, bg.plot_predictive])
def test_one_panel_for_each_of_the_telling_features(wide, draw):
    figure = draw(wide)
    assert [axes.get_xlabel() for axes in figure.axes] == [f"x{place}" for place in sorted(APART)]
    assert words(figure)[-1] == "12 of 17 features, in which the components differ most"
    expect_room(figure)


def test_forests_and_traces_leave_out_the_least_telling(wide):
    figure = bg.plot_components(wide)
    assert len(figure.axes) == 32
    assert words(figure)[-1] == "16 of 17 features, in which the components differ most"
    traces = bg.plot_traces(wide, backend="none").viz["trace"]
    telling = {f"mean of x{place}" for place in APART}
    assert len(traces.data_vars) == 15
    assert telling < set(traces.data_vars)
    pyplot.close("all")


def test_numbers_of_panels_side_by_side_do_not_touch(first_eight):
    expect_room(first_eight)


def test_features_of_a_single_component_are_the_first(first_eight):
    names = [axes.get_xlabel() for axes in first_eight.axes[-8:]]
    assert names == [f"x{place}" for place in range(8)]
    assert words(first_eight)[-1] == "the first 8 of 10 features"


@pytest.mark.parametrize(
    "draw",
    [bg.plot_clusters, bg.plot_density, bg.plot_predictive, bg.plot_components, bg.plot_traces],
)
def test_longer_lists_than_there_is_room_for_are_refused(wide, draw):
    with pytest.raises(SpecificationError, match="17 features are too many"):
        draw(wide, [f"x{place}" for place in range(17)])
