"""The picture of clusters: what is in it, for one, two and more features."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.plots.palette import component_style
from tests.plots.conftest import quick_fit

PAIR = ["bill_length_mm", "body_mass_g"]


@pytest.fixture(scope="module")
def pair(tree):
    return bg.plot_clusters(tree, PAIR)


def scatters(axes):
    return [artist for artist in axes.collections if isinstance(artist, PathCollection)]


def test_two_features_make_one_panel_with_their_names(pair):
    (axes,) = pair.axes
    assert [axes.get_xlabel(), axes.get_ylabel()] == PAIR


def test_every_row_is_drawn_in_the_color_of_its_label(tree, pair):
    clusters = bg.cluster(tree)
    rows = tree["observed_data"]["x"].sel(feature=PAIR)
    *by_component, _ = scatters(pair.axes[0])
    assert len(by_component) == 3
    for place, name in enumerate(clusters["component"].values):
        points = by_component[place]
        np.testing.assert_array_equal(points.get_offsets(), rows[clusters["label"].values == name])
        expected = tuple(
            int(component_style(place).color[at : at + 2], 16) / 255 for at in (1, 3, 5)
        )
        np.testing.assert_allclose(points.get_facecolor()[0, :3], expected)


def test_uncertain_rows_wear_a_ring(tree, pair):
    certainty = bg.cluster(tree)["certainty"].values
    rows = tree["observed_data"]["x"].sel(feature=PAIR).values[certainty < 0.9]
    rings = scatters(pair.axes[0])[-1]
    np.testing.assert_array_equal(rings.get_offsets(), rows)
    assert len(rings.get_facecolor()) == 0


def test_every_component_has_its_mean_ellipse_and_its_spread(pair):
    spreads = [a for a in pair.axes[0].collections if isinstance(a, LineCollection)]
    assert [len(spread.get_segments()) for spread in spreads] == [40, 40, 40]
    assert len(pair.axes[0].lines) == 3


def test_the_legend_says_what_is_what(tree, pair):
    texts = [text.get_text() for text in pair.legends[0].get_texts()]
    count = int((bg.cluster(tree)["certainty"] < 0.9).sum())
    assert texts[0].startswith("component 0, weight 0.4")
    assert texts[-1] == f"assigned with less than 90% certainty ({count})"
    assert any("posterior draws" in text for text in texts)


def test_no_label_lies_on_another_and_the_legend_on_no_panel(tree):
    figure = bg.plot_clusters(tree)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    for axes in figure.axes:
        ticks = [t.label1 for t in axes.xaxis.get_major_ticks() if t.label1.get_visible()]
        boxes = [label.get_window_extent() for label in ticks if label.get_text()]
        assert not any(a.overlaps(b) for a, b in pairwise(boxes))


def test_more_features_make_a_lower_triangle(tree):
    figure = bg.plot_clusters(tree, max_draws=4)
    names = list(tree["posterior"]["feature"].values)
    assert len(figure.axes) == 10
    assert [axes.get_xlabel() for axes in figure.axes[-4:]] == names
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == names[1:]


def test_one_feature_makes_a_histogram_with_densities(tree):
    figure = bg.plot_clusters(tree, ["body_mass_g"])
    (axes,) = figure.axes
    assert axes.get_xlabel() == "body_mass_g"
    bars = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
    assert bars == pytest.approx(1.0)


def test_one_feature_has_a_named_density_and_dark_ticks_for_doubtful_rows(tree):
    figure = bg.plot_clusters(tree, ["body_mass_g"])
    (axes,) = figure.axes
    assert axes.get_ylabel() == "density"
    assert axes.yaxis.get_visible()
    assert scatters(axes) == []
    doubtful = bg.cluster(tree)["certainty"].values < 0.9
    expected = tree["observed_data"]["x"].sel(feature="body_mass_g").values[doubtful]
    np.testing.assert_array_equal(axes.lines[-1].get_xdata(), expected)
    mark = figure.legends[0].get_lines()[-1]
    assert mark.get_marker() == "|"


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_names_of_features_are_not_read_as_mathematics(tree, n_features):
    names = list(tree["posterior"]["feature"].values[:n_features])
    odd = [rf"$\foo{place}$" for place in range(n_features)]
    renamed = dict(zip(names, odd, strict=True))
    table = tree["observed_data"]["x"].sel(feature=names).to_pandas().rename(columns=renamed)
    figure = bg.plot_clusters(quick_fit(table, bg.MixtureSpec(1)), max_draws=2)
    figure.draw_without_rendering()
    assert figure.axes[-1].get_xlabel() == odd[n_features - 1 if n_features != 2 else 0]


def test_notebooks_can_show_it_and_pyplot_does_not_know_it(tree):
    pyplot = sys.modules.get("matplotlib.pyplot")
    before = pyplot.get_fignums() if pyplot else []
    assert bg.plot_clusters(tree, PAIR)._repr_png_().startswith(b"\x89PNG")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == before


def test_ellipses_wear_the_names_of_their_components(pair, twelve):
    assert [text.get_text() for text in pair.axes[0].texts] == ["0", "1", "2"]
    names = [text.get_text() for text in bg.plot_clusters(twelve).axes[0].texts]
    assert names == [str(place) for place in range(12)]


def test_many_uncertain_rows_are_points_that_hide_nothing(tree):
    figure = bg.plot_clusters(tree, PAIR, certainty=0.99999)
    marks = scatters(figure.axes[0])[-1]
    assert len(marks.get_offsets()) > 100
    if len(marks.get_offsets()) > 300:
        assert len(marks.get_facecolor()) == 1


def test_rows_are_as_large_as_they_count(patchy):
    *by_component, _ = scatters(bg.plot_clusters(patchy).axes[0])
    sizes = np.concatenate([each.get_sizes() for each in by_component])
    counts = np.unique(sizes.round(6)).size
    assert counts == 4


def test_rows_that_lack_a_cell_are_counted(patchy):
    texts = [text.get_text() for text in bg.plot_clusters(patchy).legends[0].get_texts()]
    lacking = int(np.isnan(patchy["observed_data"]["x"].values).any(axis=1).sum())
    assert texts[-1] == f"{lacking} rows with missing cells are not in all panels"


def test_uncertain_rows_without_a_place_are_not_counted_as_marked(patchy):
    figure = bg.plot_clusters(patchy, certainty=0.999)
    rings = scatters(figure.axes[0])[-1].get_offsets()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert not np.isnan(np.asarray(rings)).any()
    assert len(rings) < int((bg.cluster(patchy)["certainty"] < 0.999).sum())
    assert f"assigned with less than 100% certainty ({len(rings)})" in texts


def test_three_features_of_many_components_have_their_legend_below(tree):
    made = bg.simulate(300, 8, 3, overlap=0.01, random_seed=1)
    fitted = quick_fit(made.x, bg.MixtureSpec(8), solver=bg.EM(n_starts=2))
    figure = bg.plot_clusters(fitted, max_draws=4)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)


def test_unknown_features_are_refused(tree):
    with pytest.raises(DataError, match=r"different features of the fit.*not \['wing'\]"):
        bg.plot_clusters(tree, ["wing"])
    with pytest.raises(DataError, match="different features"):
        bg.plot_clusters(tree, [PAIR[0], PAIR[0]])


@pytest.mark.parametrize(
    "options", [{"certainty": 1.5}, {"ci_prob": 0.0}, {"max_draws": 0}, {"max_draws": 2.5}]
)
def test_options_out_of_their_range_are_refused(tree, options):
    (name,) = options
    with pytest.raises(SpecificationError, match=name):
        bg.plot_clusters(tree, PAIR, **options)


def test_more_components_than_colors_differ_by_symbol():
    styles = [component_style(place) for place in range(20)]
    assert len(set(styles)) == 20
