"""The predictive density: curves, bands and contours where they should be."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.plots.density import DensityView

PAIR = ["flipper_length_mm", "bill_depth_mm"]


def test_one_feature_has_a_density_in_its_band_over_a_histogram(tree):
    (axes,) = bg.plot_density(tree, "body_mass_g").axes
    assert axes.get_xlabel() == "body_mass_g"
    bars = sum(bar.get_height() * bar.get_width() for bar in axes.patches)
    assert bars == pytest.approx(1.0)
    lower, upper, mean = axes.lines[:3]
    grid = mean.get_xdata()
    assert np.all(lower.get_ydata() <= mean.get_ydata() + 1e-12)
    assert np.all(mean.get_ydata() <= upper.get_ydata() * 1.1 + 1e-12)
    assert np.trapezoid(mean.get_ydata(), grid) == pytest.approx(1.0, abs=0.01)


def test_the_curve_is_the_posterior_predictive_density(tree):
    (axes,) = bg.plot_density(tree, "body_mass_g", max_draws=4000).axes
    grid, height = axes.lines[2].get_data()
    expected = np.exp(bg.log_density(bg.marginalize(tree, ["body_mass_g"]), grid[:, None]))
    np.testing.assert_allclose(height, expected, rtol=1e-6)


def test_regions_hold_their_share_of_the_predictive_distribution(tree):
    axes = bg.plot_density(tree, PAIR, hdi_probs=(0.5, 0.9)).axes[0]
    (contours,) = [each for each in axes.collections if hasattr(each, "levels")]
    rows = bg.generate(tree, 4000, random_seed=3)["x"].sel(feature=PAIR).values
    held = [
        sum(Path(piece).contains_points(rows) for piece in path.to_polygons()).mean()
        for path in contours.get_paths()
    ]
    # Standard errors of simulation: 0.008 for thresholds and as much here; four of both.
    np.testing.assert_allclose(held, [0.9, 0.5], atol=0.045)


def test_every_region_is_labeled_once(tree):
    axes = bg.plot_density(tree, PAIR, hdi_probs=(0.25, 0.5, 0.75, 0.9)).axes[0]
    labels = sorted(text.get_text() for text in axes.texts)
    assert labels == ["25%", "50%", "75%", "90%"]


def test_more_features_have_a_panel_each(tree):
    figure = bg.plot_density(tree)
    names = [axes.get_xlabel() for axes in figure.axes]
    assert names == list(tree["posterior"]["feature"].values)


def test_rows_without_both_cells_are_counted(patchy):
    texts = [text.get_text() for text in bg.plot_density(patchy).legends[0].get_texts()]
    rows = patchy["observed_data"]["x"].values[np.arange(200) % 4 > 0]
    whole = (~np.isnan(rows).any(axis=1)).sum()
    assert texts[1] == f"rows ({whole}; {150 - whole} more with missing cells)"


def test_a_mixture_without_rows_has_a_density(tree):
    given = bg.condition(tree, {"body_mass_g": 4000.0})
    (axes,) = bg.plot_density(given, ["bill_length_mm"]).axes
    assert not axes.patches


def test_narrow_components_get_points_of_the_grid(patchy):
    view = DensityView.of(patchy, None, most=12, n_draws=50)
    x, y, heights = view.surface("x0", "x1")
    assert heights.shape == (y.size, x.size)
    assert np.all(np.diff(x) > 0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ci_prob": 1.0}, "ci_prob"),
        ({"max_draws": 0}, "max_draws"),
        ({"hdi_probs": ()}, "one to four"),
        ({"hdi_probs": (0.5, 2.0)}, "hdi_probs"),
        ({"hdi_probs": (0.5, 0.5)}, "differ"),
    ],
)
def test_options_out_of_their_range_are_refused(tree, options, words):
    with pytest.raises(SpecificationError, match=words):
        bg.plot_density(tree, PAIR, **options)


def test_unknown_features_are_refused(tree):
    with pytest.raises(DataError, match="wing"):
        bg.plot_density(tree, ["wing"])
