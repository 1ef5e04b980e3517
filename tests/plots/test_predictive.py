"""Replicated tables against the rows."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import StepPatch

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError


def steps(axes):
    """Lower end, upper end, median and rows, bin by bin."""
    band, middle, seen = [each for each in axes.patches if isinstance(each, StepPatch)]
    upper, edges, lower = band.get_data()
    return lower, upper, middle.get_data().values, seen.get_data().values, edges


def test_rows_of_the_model_mostly_lie_in_the_band(tree):
    inside = []
    for axes in bg.plot_predictive(tree).axes:
        lower, upper, middle, seen, _ = steps(axes)
        assert np.all((lower <= middle) & (middle <= upper))
        inside += list((seen >= lower) & (seen <= upper))
    # Each bar is inside with probability 0.89 at least; of some 90, dependent ones, 70 are.
    assert np.mean(inside) > 0.8


def test_rows_that_the_model_cannot_make_lie_outside():
    rows = np.random.default_rng(1).exponential(size=(500, 1))
    engine = bg.Laplace(draws=100)
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    lower, upper, _, seen, _ = steps(bg.plot_predictive(tree).axes[0])
    assert np.mean((seen < lower) | (seen > upper)) > 0.3


def test_the_histogram_counts_rows_by_their_weight(patchy):
    *_, seen, edges = steps(bg.plot_predictive(patchy, "x1").axes[0])
    cells, weights = patchy["observed_data"]["x"].values[:, 1], np.arange(200) % 4
    kept = ~np.isnan(cells)
    expected, _ = np.histogram(cells[kept], edges, weights=weights[kept], density=True)
    np.testing.assert_allclose(seen, expected)


@pytest.mark.parametrize("kind", ["histogram", "ecdf"])
def test_the_legend_names_all_three_parts(tree, kind):
    figure = bg.plot_predictive(tree, "bill_depth_mm", kind=kind)
    _, band, median = [text.get_text() for text in figure.legends[0].get_texts()]
    assert band.startswith("100 replicated tables")
    assert median == "median of replicated tables"


def test_a_distribution_function_rises_to_one(tree):
    (axes,) = bg.plot_predictive(tree, "bill_depth_mm", kind="ecdf").axes
    _, seen = axes.lines
    assert np.all(np.diff(seen.get_ydata()) >= 0)
    assert seen.get_ydata()[-1] == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_figure(tree):
    one, other = (bg.plot_predictive(tree, "bill_depth_mm", random_seed=4) for _ in range(2))
    for first, second in zip(steps(one.axes[0]), steps(other.axes[0]), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("options", "words"), [({"kind": "kde"}, "kind"), ({"max_draws": 0}, "max_draws")]
)
def test_options_are_checked(tree, options, words):
    with pytest.raises(SpecificationError, match=words):
        bg.plot_predictive(tree, **options)


def test_a_mixture_without_rows_is_refused(tree):
    with pytest.raises(DataError, match="no rows of its own"):
        bg.plot_predictive(bg.condition(tree, {"body_mass_g": 4000.0}))
