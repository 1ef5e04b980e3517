"""Figures look as they did: shapes and colors, without any text.

Fonts and layout differ a little between versions of Matplotlib, so texts and legends are taken
away, axes get fixed places, and pictures are small. ``BAYESGMM_NEW_BASELINES=1`` in the
environment writes them anew; look at them before you keep them.
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

import bayesgmm as bg

BASELINE = Path(__file__).parent / "baseline"
TOLERANCE = 8.0  # root mean square of differences of shades, of 255

FIGURES = {
    "clusters": lambda tree: bg.plot_clusters(tree, max_draws=5),
    "density": bg.plot_density,
    "weights": bg.plot_weights,
    "co_clustering": lambda tree: bg.plot_co_clustering(tree, max_rows=90),
}


@pytest.fixture(scope="module")
def four():
    """Four components whose mode alone decides what is seen: draws differ little."""
    made = bg.simulate(120, 4, 2, overlap=0.02, random_seed=8)
    engine = bg.Laplace(draws=100)
    return bg.fit(made.x, bg.MixtureSpec(4), engine=engine, random_seed=1, progress=False)


def bare(figure):
    """Return a figure without texts, its axes side by side."""
    figure.set_layout_engine("none")
    for legend in figure.legends:
        legend.set_visible(False)
    for text in figure.findobj(Text):
        text.set_visible(False)
    for place, axes in enumerate(figure.axes):
        axes.set_axis_off()
        axes.set_position([0.02 + place * 0.9, 0.02, 0.85, 0.96])
    figure.set_size_inches(3.0, 2.4)
    return figure


@pytest.mark.parametrize("name", FIGURES)
def test_looks_as_it_did(four, tmp_path, name):
    with mpl.rc_context(mpl.rcParamsDefault):
        figure = bare(FIGURES[name](four))
        figure.savefig(tmp_path / f"{name}.png", dpi=80)
    expected = BASELINE / f"{name}.png"
    if os.environ.get("BAYESGMM_NEW_BASELINES"):
        expected.write_bytes((tmp_path / f"{name}.png").read_bytes())
    assert compare_images(str(expected), str(tmp_path / f"{name}.png"), TOLERANCE) is None


def test_another_figure_is_noticed(four, tmp_path):
    (tmp_path / "other.png").write_bytes((BASELINE / "weights.png").read_bytes())
    axes = (figure := bare(bg.plot_weights(four))).axes[0]
    for patch in axes.patches[:1]:
        patch.set_facecolor(np.array([1.0, 0.0, 0.0]))
        patch.set_alpha(1.0)
    for line in axes.lines[:3]:
        line.set_visible(False)
    figure.savefig(tmp_path / "weights.png", dpi=80)
    assert compare_images(str(tmp_path / "other.png"), str(tmp_path / "weights.png"), TOLERANCE)
