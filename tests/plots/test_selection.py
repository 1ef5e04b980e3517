"""Curves of criteria: the best fit in its ring, fits that failed in sight."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.errors import SchemaError, SpecificationError
from tests.plots.layout import expect_room


@pytest.fixture(scope="module")
def table():
    X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    structures = [bg.Full(), bg.Tied(), bg.Spherical()]
    return bg.select(X, range(1, 6), structures, random_seed=1, progress=False)


@pytest.fixture(scope="module")
def failed(table):
    """The same with three cells without a fit and one that did not converge."""
    broken = table.copy(deep=True)
    for cell in ((0, 3), (0, 4), (2, 4)):
        broken["failure"] = broken["failure"].astype(object)
        broken["failure"][cell] = "a component collapsed on one row"
        for name in ("BIC", "AIC", "ICL", "NEC"):
            broken[name][cell] = np.nan
    broken["converged"][1, 2] = False
    return broken


def curves(axes):
    return [line for line in axes.lines if line.get_linestyle() != "None"]


@pytest.mark.parametrize("criterion", ["BIC", "AIC", "ICL"])
def test_curves_are_differences_from_the_best(table, criterion):
    axes = bg.plot_selection(table, criterion).axes[0]
    values = table[criterion].values
    for line, row in zip(curves(axes), values, strict=True):
        np.testing.assert_allclose(line.get_ydata(), row - values.min())
    assert axes.get_ylabel() == (
        f"{criterion} minus the smallest, {values.min():.1f}\n(logarithmic above 10)"
    )


def test_nec_is_drawn_as_it_is(table):
    axes = bg.plot_selection(table, "NEC").axes[0]
    for line, row in zip(curves(axes), table["NEC"].values, strict=True):
        np.testing.assert_allclose(line.get_ydata(), row)


def test_the_best_fit_is_named_and_wears_a_ring(table):
    figure = bg.plot_selection(table)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == [f"best: {table.attrs['best']}"]
    (ring,) = [line for line in figure.axes[0].lines if line.get_markersize() == 14]
    assert ring.get_ydata()[0] == 0


def symbols(axes, column):
    """Sizes of the symbols in the column of a number, in the order of the structures."""
    marks = [line for line in axes.lines if line.get_marker() in "os^" and line.get_xdata().size]
    marks = [line for line in marks if line.get_markersize() < 14]
    return [line.get_markersize() for line in marks if column in line.get_xdata()]


def test_a_structure_beneath_another_has_the_larger_symbol(table):
    full, tied, spherical = symbols(bg.plot_selection(table).axes[0], 1)
    assert full > tied == spherical
    assert len(set(symbols(bg.plot_selection(table).axes[0], 2))) == 1


def test_lines_on_each_other_are_as_wide_as_can_be_seen(table):
    same = table.copy(deep=True)
    same["BIC"][:] = table["BIC"].values[0]
    axes = bg.plot_selection(same).axes[0]
    widths = [line.get_linewidth() for line in curves(axes)]
    assert np.all(np.diff(widths) < -2)
    sizes = symbols(axes, 3)
    assert np.all(np.diff(sizes) < -2)


def test_structures_are_named_beside_their_lines(table):
    texts = [text.get_text() for text in bg.plot_selection(table).axes[0].texts]
    assert texts == ["Full", "Tied", "Spherical"]


def test_failures_are_crosses_in_the_column_of_their_number(failed):
    figure = bg.plot_selection(failed)
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert sorted(list(line.get_xdata()) for line in crosses) == [[4, 5], [5]]
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[1:] == ["not converged (1)", "no fit (3)"]


@pytest.mark.parametrize("criterion", ["BIC", "NEC"])
def test_texts_have_room(table, failed, criterion):
    for each in (table, failed):
        figure = bg.plot_selection(each, criterion)
        expect_room(figure)


def test_one_number_of_one_structure_is_a_point(table):
    figure = bg.plot_selection(table.isel(covariances=[0], n_components=[1]))
    assert figure.axes[0].get_xlabel() == "number of components"


def test_other_tables_and_criteria_are_refused(table, tree):
    with pytest.raises(SpecificationError, match="criterion"):
        bg.plot_selection(table, "WAIC")
    with pytest.raises(SchemaError, match=r"bayesgmm\.select"):
        bg.plot_selection(tree)


def test_structures_that_are_one_model_share_a_line():
    """Of one feature there are two models: widths are shared, or they are not."""
    rows = np.random.default_rng(0).normal(size=60) + np.repeat([0.0, 6.0], 30)
    table = bg.select(rows, [1, 2], random_seed=1, progress=False)
    figure = bg.plot_selection(table)
    names = ["Full = Diagonal = Spherical", "Tied = TiedDiagonal = TiedSpherical"]
    assert sorted(text.get_text() for text in figure.axes[0].texts) == names
    assert table.attrs["best"] == f"{names[1]}, 2 components"
    (entry,) = figure.legends[0].get_texts()
    assert entry.get_text() == f"best: {table.attrs['best']}"
    assert table.sizes["covariances"] == 6
