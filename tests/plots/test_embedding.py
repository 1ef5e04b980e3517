"""Figures inside pages: whole images, the same every time, small."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from bayesgmm.plots.figure import embedded


def figure(n_points: int) -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    axes.plot(*np.random.default_rng(1).normal(size=(2, n_points)), "o", markersize=1)
    return figure


def content(address: str, kind: str) -> bytes:
    head, _, text = address.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(text, validate=True)


FEW, MANY = 20, 5_000  # points in a figure


def test_few_marks_stay_lines():
    image = embedded(figure(FEW))
    assert b"</svg>" in content(image.address, "image/svg+xml")
    assert (image.width, image.height) == (384, 288)
    assert embedded(figure(FEW)) == image


def test_many_marks_become_pixels():
    image = embedded(figure(MANY))
    with Image.open(io.BytesIO(content(image.address, "image/png"))) as pixels:
        assert pixels.size == (1500, 1125)
        assert pixels.mode == "P"
    assert len(image.address) < 400_000
    assert embedded(figure(MANY)) == image


def test_marks_that_are_pixels_in_vector_files_are_drawn_once(monkeypatch):
    """With very many of them the image is certainly pixels."""
    drawn, kinds, save = Figure(figsize=(4, 3)), [], Figure.savefig
    drawn.add_subplot().scatter(*np.zeros((2, 30_000)), rasterized=True)

    def noted(figure: Figure, buffer: io.BytesIO, **options: Any) -> None:
        kinds.append(options["format"])
        save(figure, buffer, **options)

    monkeypatch.setattr(Figure, "savefig", noted)
    content(embedded(drawn).address, "image/png")
    assert kinds == ["png"]
