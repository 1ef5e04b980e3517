"""The similarity matrix: sorted by the partition, with the groups that are known."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError
from tests.plots.layout import cut_off


@pytest.fixture(scope="module")
def species():
    return bg.datasets.load("penguins").dropna(subset=["body_mass_g"])["species"]


@pytest.fixture(scope="module")
def figure(tree, species):
    return bg.plot_co_clustering(tree, species)


def test_all_pairs_are_drawn_with_their_probability(tree, figure):
    drawn = figure.axes[0].images[0].get_array()
    expected = bg.co_clustering(tree, max_draws=400).values
    assert drawn.shape == (342, 342)
    np.testing.assert_allclose(np.sort(drawn, axis=None), np.sort(expected, axis=None))
    np.testing.assert_allclose(np.diagonal(drawn), 1.0)


def test_rows_of_a_cluster_are_neighbors(figure):
    drawn = figure.axes[0].images[0].get_array()
    sizes = [153, 123, 66]
    for start, size in zip(np.cumsum([0, *sizes]), sizes, strict=False):
        block = drawn[start : start + size, start : start + size]
        assert block.mean() > 0.9
    assert drawn[:153, 153:276].mean() < 0.01


def test_clusters_are_named_with_their_sizes(figure):
    assert [text.get_text() for text in figure.axes[0].texts] == ["0 (153)", "1 (123)", "2 (66)"]


def test_groups_cover_every_row_and_are_named(figure):
    bars = [bar for bar in figure.axes[0].patches if isinstance(bar, Rectangle)]
    beside = [bar for bar in bars if bar.get_x() > 300]
    assert sum(bar.get_height() for bar in beside) == pytest.approx(342)
    assert len({bar.get_hatch() for bar in beside}) == 3
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["Adelie", "Chinstrap", "Gentoo"]


def test_rows_without_a_group_stay_blank(tree, species):
    groups = [None if row < 100 else name for row, name in enumerate(species)]
    bars = bg.plot_co_clustering(tree, groups).axes[0].patches
    assert sum(bar.get_height() for bar in bars if bar.get_x() > 300) == pytest.approx(242)


def test_a_long_table_is_sampled_and_the_figure_says_so(tree):
    axes = bg.plot_co_clustering(tree, max_rows=50, max_draws=100).axes[0]
    assert axes.images[0].get_array().shape == (50, 50)
    assert axes.get_xlabel() == "50 of 342 rows, drawn at random"


def test_groups_that_do_not_fit_are_refused(tree):
    with pytest.raises(DataError, match="each of the 342 rows"):
        bg.plot_co_clustering(tree, ["a", "b"])
    with pytest.raises(DataError, match="a sequence of 342 names"):
        bg.plot_co_clustering(tree, "species")
    with pytest.raises(DataError, match="342 different names; at most 24"):
        bg.plot_co_clustering(tree, range(342))


@pytest.mark.parametrize("option", ["max_rows", "max_draws"])
def test_numbers_are_checked(tree, option):
    with pytest.raises(SpecificationError, match=option):
        bg.plot_co_clustering(tree, **{option: 0})


@pytest.mark.parametrize("dpi", [60, 110, 200])
@pytest.mark.parametrize("with_groups", [False, True])
def test_all_names_are_there_when_it_is_first_drawn(tree, species, dpi, with_groups):
    figure = bg.plot_co_clustering(
        tree, species if with_groups else None, max_rows=40, max_draws=20
    )
    figure.dpi = dpi
    assert cut_off(figure) == []
