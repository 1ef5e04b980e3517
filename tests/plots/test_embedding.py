"""Figures inside pages: whole images, the same every time, small."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bayesgmm.plots.embedding import embedded


def figure(n_points: int) -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    axes.plot(*np.random.default_rng(1).normal(size=(2, n_points)), "o", markersize=1)
    return figure


def content(address: str, kind: str) -> bytes:
    head, _, text = address.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(text, validate=True)


def test_few_marks_stay_lines():
    image = embedded(figure(20))
    assert b"</svg>" in content(image.address, "image/svg+xml")
    assert (image.width, image.height) == (384, 288)


def test_many_marks_become_pixels():
    image = embedded(figure(20_000))
    with Image.open(io.BytesIO(content(image.address, "image/png"))) as pixels:
        assert pixels.size == (1500, 1125)
        assert pixels.mode == "P"
    assert len(image.address) < 400_000


@pytest.mark.parametrize("n_points", [20, 20_000])
def test_the_same_figure_gives_the_same_image(n_points):
    assert embedded(figure(n_points)) == embedded(figure(n_points))
