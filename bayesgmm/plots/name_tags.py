"""Names beside ellipses, none on top of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from matplotlib.path import Path

from bayesgmm.plots.palette import INK, component_style
from bayesgmm.plots.text import PLAIN, short_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

_TRIED = 16  # places around an ellipse
_OUTSIDE = 1.07  # of its size
_PADDING = 4.0  # pixels of the frame


def tag_ellipses(
    axes: Axes, outlines: Float[np.ndarray, "k points 2"], names: np.ndarray
) -> list[Text]:
    """Write the name of every component at its ellipse, where it lies on no other name.

    Places outside of all other ellipses come first. A name without a place is left to the legend.
    The figure is laid out for it, so limits and legends have to be there.
    """
    axes.figure.draw_without_rendering()
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    kept: list[Text] = []
    for place, name in enumerate(short_names(names, 14)):
        text = _tag(axes, name, place)
        box = next(
            (box for box in _tried(text, outlines, place) if _is_free(box, frame, taken)), None
        )
        if box is None:
            text.remove()
        else:
            taken.append(box)
            kept.append(text)
    return kept


def _tag(axes: Axes, name: str, place: int) -> Text:
    colour = component_style(place).colour
    frame = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": colour}
    return axes.text(
        0, 0, name, fontsize=8.5, color=INK, ha="center", va="center", zorder=7,
        bbox=frame | {"linewidth": 1.2, "alpha": 0.92}, **PLAIN,
    )  # fmt: skip


def _tried(text: Text, outlines: Float[np.ndarray, "k points 2"], place: int) -> Iterator[Bbox]:
    """Move the text from place to place and yield the box that it takes."""
    for spot in _spots(outlines, place):
        text.set_position(tuple(spot))
        yield text.get_window_extent().padded(_PADDING)


def _spots(outlines: Float[np.ndarray, "k points 2"], place: int) -> Float[np.ndarray, "m 2"]:
    own, centre = outlines[place], outlines[place, :-1].mean(axis=0)
    first = int(np.argmax(own[:, 1]))  # from the top on
    steps = np.linspace(0, len(own) - 1, _TRIED, endpoint=False).astype(int)
    around = own[(first + steps) % (len(own) - 1)]
    spots = np.concatenate([centre + _OUTSIDE * (around - centre), centre[None]])
    return spots[np.argsort(_ellipses_at(spots, outlines, place), kind="stable")]


def _ellipses_at(
    spots: Float[np.ndarray, "m 2"], outlines: Float[np.ndarray, "k points 2"], place: int
) -> Int[np.ndarray, " m"]:
    """Count the other ellipses that each spot lies in."""
    counts = np.zeros(len(spots), dtype=int)
    for other, outline in enumerate(outlines):
        if other != place:
            counts += Path(outline).contains_points(spots)
    return counts


def _is_free(box: Bbox, frame: Bbox, taken: list[Bbox]) -> bool:
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    return inside and not any(box.overlaps(other) for other in taken)
