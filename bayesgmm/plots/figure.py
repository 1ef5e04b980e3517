"""The figure class of all plots, and figures as embedded images."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image


class Drawing(Figure):
    """A Matplotlib figure that notebooks show exactly once, when a cell returns it.

    It is not registered with pyplot, so it is neither shown twice nor kept in memory.
    Keep it with ``drawing.savefig("picture.png")``.
    """

    def _repr_png_(self) -> bytes:
        """Return the PNG that IPython displays."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


_LONGEST_DRAWING = 120_000  # bytes of SVG; a longer one becomes pixels, which are shorter then
_MOST_MARKS = 20_000  # drawn as pixels within an SVG, which is certainly longer then
_PIXELS_WIDE = 1500
_PIXELS_PER_INCH = 96  # of a page, as CSS has it
_COLOURS = 255  # as many as one byte names


@dataclass(frozen=True)
class EmbeddedImage:
    """An image and its address in a page.

    Attributes
    ----------
    address : str
        A ``data:`` URI that holds the image itself.
    width, height : int
        In pixels of a page.
    """

    address: str
    width: int
    height: int


def embedded(figure: Any) -> EmbeddedImage:
    """Return a figure, or a collection of plots of ArviZ, as an image.

    Few marks are kept as lines (SVG), sharp at any size; many as pixels (PNG), with no more colors
    than a byte can name. The same figure always gives the same bytes.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> from bayesgmm.plots.figure import embedded
    >>> figure = bg.plot_clusters(bg.example_fit(), ["bill_length_mm", "bill_depth_mm"])
    >>> embedded(figure).address[:10]
    'data:image'
    """
    figure = _figure(figure)
    width, height = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    if _n_pixel_marks(figure) <= _MOST_MARKS:
        drawing = _written(figure, "svg", metadata={"Date": None, "Creator": None})
        if len(drawing) <= _LONGEST_DRAWING:
            return EmbeddedImage(_address("image/svg+xml", drawing), width, height)
    pixels = _written(figure, "png", dpi=_PIXELS_WIDE / figure.get_size_inches()[0])
    return EmbeddedImage(_address("image/png", _few_colors(pixels)), width, height)


def _n_pixel_marks(figure: Figure) -> int:
    """Count the marks that are pixels even in vector files."""
    return sum(
        len(marks.get_offsets())
        for axes in figure.axes
        for marks in axes.collections
        if marks.get_rasterized()
    )


def _figure(drawn: Any) -> Figure:
    """Return the figure that a collection of plots was drawn in."""
    return drawn.viz["figure"].item() if hasattr(drawn, "viz") else drawn


def _written(figure: Figure, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "bayesgmm"}):
        figure.savefig(buffer, format=kind, facecolor="white", **options)
    return buffer.getvalue()


def _few_colors(pixels: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(pixels)) as image:
        reduced = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
    reduced.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _address(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
