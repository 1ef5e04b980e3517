"""Where the label of a contour has room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.patheffects import withStroke

from bayesgmm.plots.palette import INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet

_EDGE = 0.06  # of the axes; labels keep away from its ends


def label_contours(axes: Axes, contours: ContourSet, labels: Sequence[str]) -> None:
    """Write one label on every level, on its largest line and far from the other levels."""
    lines = [_largest(axes, contours, level) for level in range(len(labels))]
    names = dict(zip(contours.levels, labels, strict=True))
    for level, line in enumerate(lines):
        if len(line) < 2:
            continue
        others = [other for place, other in enumerate(lines) if place != level and len(other)]
        x, y = _in_data(axes, _roomiest(line, others))
        texts = axes.clabel(
            contours, [contours.levels[level]], fmt=names, fontsize=9, colors=INK,
            manual=[(x, y)], inline_spacing=3,
        )  # fmt: skip
        for text in texts:
            text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
            text.set_zorder(6)


def _largest(axes: Axes, contours: ContourSet, level: int) -> Float[np.ndarray, "points 2"]:
    """Return the line around the largest box of a level in shares of the axes."""
    pieces = contours.get_paths()[level].to_polygons(closed_only=False)
    pieces = [_in_shares(axes, np.asarray(piece, dtype=float)) for piece in pieces]
    areas = [np.prod(np.ptp(piece, axis=0)) for piece in pieces]
    return pieces[int(np.argmax(areas))] if pieces else np.empty((0, 2))


def _roomiest(
    line: Float[np.ndarray, "points 2"], others: Sequence[Float[np.ndarray, "_ 2"]]
) -> Float[np.ndarray, " 2"]:
    inside = ((line > _EDGE) & (line < 1 - _EDGE)).all(axis=1)
    line = line[inside] if inside.any() else line
    if not others:
        return line[np.argmax(line[:, 1])]
    distances = np.linalg.norm(line[:, None] - np.concatenate(others)[None], axis=-1)
    return line[distances.min(axis=1).argmax()]


def _in_shares(axes: Axes, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return axes.transAxes.inverted().transform(axes.transData.transform(points))


def _in_data(axes: Axes, point: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " 2"]:
    return axes.transData.inverted().transform(axes.transAxes.transform(point))
