"""Weights, means and standard deviations: the intervals of ``summarize``, line by line."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.errors import SpecificationError


def lines_at(axes, place):
    return [line for line in axes.lines if np.all(np.asarray(line.get_ydata()) == place)]


def test_weights_have_their_interval_and_mean(tree):
    (axes,) = bg.plot_weights(tree).axes
    summary = bg.summarize(tree)["weights"]
    for place in range(3):
        interval, half, mean = lines_at(axes, place)
        own = summary.isel(component=place)
        np.testing.assert_allclose(interval.get_xdata(), own.sel(statistic=["lower", "upper"]))
        np.testing.assert_allclose(mean.get_xdata(), own.sel(statistic="mean"))
        assert interval.get_xdata()[0] < half.get_xdata()[0] < half.get_xdata()[1]


def test_weights_are_written_beside_their_lines(tree):
    (axes,) = bg.plot_weights(tree).axes
    means = bg.summarize(tree)["weights"].sel(statistic="mean").values
    assert [text.get_text()[:4] for text in axes.texts] == [f"{mean:.2f}" for mean in means]


def test_the_symbol_of_a_single_component_is_whole(single):
    figure = bg.plot_weights(single)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    mean = lines_at(axes, 0)[-1]
    assert mean.get_window_extent().padded(mean.get_markersize()).x1 < axes.bbox.x1
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert (shown[0], shown[-1]) == ("0.0", "1.0")


def test_a_forest_has_a_panel_for_each_mean_and_standard_deviation(tree):
    figure = bg.plot_components(tree, ["bill_depth_mm", "body_mass_g"])
    assert [axes.get_title() for axes in figure.axes] == ["bill_depth_mm", "", "body_mass_g", ""]
    summary = bg.summarize(tree).sel(feature="body_mass_g")
    for axes, variable in zip(figure.axes[2:], ("means", "scales"), strict=True):
        for place in range(3):
            interval = lines_at(axes, place)[0].get_xdata()
            own = summary[variable].isel(component=place)
            np.testing.assert_allclose(interval, own.sel(statistic=["lower", "upper"]))


def test_features_have_scales_of_their_own(tree):
    figure = bg.plot_components(tree)
    assert len({axes.get_xlim() for axes in figure.axes}) == 8


def test_components_stand_in_order_from_the_top(named):
    (axes,) = bg.plot_weights(named).axes
    labels = axes.get_yticklabels()
    assert labels[0].get_text().startswith("Adelie")
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert not any(label.get_parse_math() for label in labels)


def test_probability_is_checked(tree):
    with pytest.raises(SpecificationError, match="ci_prob"):
        bg.plot_weights(tree, ci_prob=0)
    with pytest.raises(SpecificationError, match="ci_prob"):
        bg.plot_components(tree, ci_prob=2.0)
