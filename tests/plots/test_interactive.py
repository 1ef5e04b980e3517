"""The picture of clusters by Plotly: the same rows, and words for each."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.errors import MissingDependencyError, SpecificationError

PAIR = ["bill_length_mm", "body_mass_g"]


@pytest.fixture(scope="module")
def figure(tree):
    return bg.plot_clusters(tree, PAIR, backend="plotly")


def said(figure):
    return [trace for trace in figure.data if trace.text is not None]


def test_every_row_is_drawn_and_says_what_it_is(tree, figure):
    clusters, rows = bg.cluster(tree), tree["observed_data"]["x"].sel(feature=PAIR).values
    for place, trace in enumerate(said(figure)):
        own = clusters["label"].values == place
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], -1), rows[own])
    own = clusters["label"].values == 0
    name, share = clusters["obs_id"].values[own][0], clusters["certainty"].values[own][0]
    assert said(figure)[0].text[0].startswith(f"row {name}<br>component 0: {share:.1%}<br>")


def test_components_have_ellipses_with_spread_and_uncertain_rows_rings(tree, figure):
    ellipses = [trace for trace in figure.data if trace.mode == "lines" and trace.x[0] is not None]
    assert len(ellipses) == 6
    assert sum(np.isnan(trace.x).sum() == 40 for trace in ellipses) == 3
    rings = [trace for trace in figure.data if trace.marker.symbol == "circle-open"]
    assert len(rings[0].x) == int(bg.cluster(tree)["unsure"].sum())


def test_the_legend_names_components_once(figure):
    names = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert names[0].startswith("component 0, weight 0.4")
    assert names[-1].startswith("less than 90% certainty (1")
    assert len(names) == 5


@pytest.mark.parametrize("n_features", [1, 3])
def test_other_numbers_of_features_have_densities(tree, n_features):
    features = list(tree["posterior"]["feature"].values[:n_features])
    figure = bg.plot_clusters(tree, features, backend="plotly", max_draws=4)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert len(bars) == n_features
    for bar in bars:
        assert np.sum(np.asarray(bar.y) * np.asarray(bar.width)) == pytest.approx(1.0)


def test_names_are_no_markup_and_no_mathematics(named):
    figure = bg.plot_clusters(named, backend="plotly", max_draws=4)
    titles = [
        figure.layout[name].title.text for name in figure.layout if name[:5] in ("xaxis", "yaxis")
    ]
    assert any("&#36;" in (title or "") for title in titles)
    assert not any("$" in (title or "") for title in titles)


def test_without_plotly_the_words_say_what_to_install(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'bayesgmm\[plotly\]'"):
        bg.plot_clusters(tree, PAIR, backend="plotly")


def test_other_backends_are_refused(tree):
    with pytest.raises(SpecificationError, match="backend"):
        bg.plot_clusters(tree, PAIR, backend="gnuplot")
