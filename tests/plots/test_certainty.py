"""Rows by their certainty, those that are unsure by name."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection

import bayesgmm as bg
from bayesgmm.errors import DataError, SpecificationError


@pytest.fixture(scope="module")
def clusters(tree):
    return bg.cluster(tree)


@pytest.fixture(scope="module")
def figure(tree):
    return bg.plot_certainty(tree)


def test_all_rows_are_drawn_in_the_order_of_their_certainty(clusters, figure):
    points = [each for each in figure.axes[0].collections if isinstance(each, PathCollection)]
    drawn = np.concatenate([each.get_offsets() for each in points])
    np.testing.assert_allclose(
        drawn[np.argsort(drawn[:, 0]), 1], np.sort(clusters["certainty"].values), atol=1e-12
    )


def test_intervals_are_those_of_the_rows(clusters, figure):
    (intervals,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    first = intervals.get_segments()[0]
    row = clusters.isel(obs_id=int(clusters["certainty"].argmin("obs_id")))
    own = row.sel(component=row["label"].item())
    np.testing.assert_allclose(first[:, 1], [own["lower"], own["upper"]])


def test_unsure_rows_are_listed_by_name_with_both_components(clusters, figure):
    unsure = clusters.isel(obs_id=clusters["unsure"].values).sortby("certainty")
    names = [label.get_text() for label in figure.axes[1].get_yticklabels()]
    assert names == [str(name) for name in unsure["obs_id"].values]
    assert figure.axes[1].texts[0].get_text() in ("0 or 2", "2 or 0")


def test_no_list_where_no_row_or_too_many_are_unsure(tree):
    assert len(bg.plot_certainty(tree, certainty=0.5).axes) == 1
    assert len(bg.plot_certainty(tree, certainty=0.999).axes) == 1


def test_long_tables_show_some_intervals_and_say_how_many(twelve):
    figure = bg.plot_certainty(twelve)
    (intervals,) = [each for each in figure.axes[0].collections if isinstance(each, LineCollection)]
    count = len(intervals.get_segments())
    assert count <= 274
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert f"89% equal-tailed interval, of {count} rows" in texts


def test_unsure_rows_have_the_same_key_in_every_picture(figure, twelve):
    for each in (figure, bg.plot_certainty(twelve, certainty=0.99)):
        key = each.legends[0].get_lines()[-1]
        assert each.legends[0].get_texts()[-1].get_text().startswith("less than 9")
        assert key.is_dashed()
        assert key.get_marker() == "None"


def test_rows_without_a_cell_are_left_out_and_one_row_is_one(tree, clusters):
    values = tree["observed_data"]["x"].copy()
    values[[3, 271]] = np.nan
    blank = tree.copy()
    blank["observed_data"] = tree["observed_data"].assign(x=values)
    others = np.sort(np.delete(clusters["certainty"].values, [3, 271]))
    figure = bg.plot_certainty(blank, certainty=float(others[:2].mean()))
    assert figure.axes[0].get_xlabel().startswith("340 rows")
    assert figure.axes[1].get_title() == "1 unsure row"
    assert figure.legends[0].get_texts()[-1].get_text().endswith("(1 row)")


def test_what_cannot_be_asked_is_refused(tree):
    with pytest.raises(SpecificationError, match="certainty"):
        bg.plot_certainty(tree, certainty=90)
    with pytest.raises(DataError, match="no rows of its own"):
        bg.plot_certainty(bg.condition(tree, {"body_mass_g": 4000.0}))
