"""How all axes look.

A posterior on one line: its mean, the half in the middle, and an interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bayesgmm.plots.palette import INK, MIDDLE, component_style, line_entry
from bayesgmm.plots.text import PLAIN, short_names, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SHEET = {"dpi": 110, "layout": "constrained"}
"""Options of every figure."""

SMALL = 8.5
"""Size of the numbers along axes, in points."""


_DIGIT, _GAP, _BEYOND = 0.66, 5.0, 3.0  # in sizes of letters, and in points


class RoomyLocator(MaxNLocator):
    """At most so many round numbers across that their labels have room.

    Labels neither run into each other nor, beyond the ends of the axis, into those of panels
    beside it.
    """

    def __init__(self, most: int) -> None:
        super().__init__(most, steps=[1, 2, 5, 10])
        self.most = most

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
        """Return the numbers for an axis with these ends."""
        ticks = np.empty(0)
        for count in range(self.most, 0, -1):
            self.set_params(nbins=count)
            ticks, fit = self._with_room(super().tick_values(vmin, vmax), vmin, vmax)
            if fit:
                break
        return ticks

    def _with_room(self, ticks: np.ndarray, vmin: float, vmax: float) -> tuple[np.ndarray, bool]:
        """Leave out what reaches beyond the ends, and say whether the others have room."""
        least, most = sorted((vmin, vmax))
        axes = self.axis.axes
        points = axes.bbox.width * 72 / axes.get_figure().dpi / (most - least)
        inside = ticks[(ticks >= least) & (ticks <= most)]
        labels = self.axis.get_major_formatter().format_ticks(inside)
        widths = np.array([_DIGIT * SMALL * len(label) for label in labels])
        before, after = self._beyond()
        ends = np.minimum((inside - least) * points + before, (most - inside) * points + after)
        kept = ends >= 0.5 * widths
        inside, widths = inside[kept], widths[kept]
        room = np.diff(inside) * points - 0.5 * (widths[1:] + widths[:-1])
        return inside, bool(np.all(room >= _GAP))

    def _beyond(self) -> tuple[float, float]:
        """How far labels may reach beyond both ends: as they like where no panel is beside it."""
        place = self.axis.axes.get_subplotspec()
        if place is None:
            return np.inf, np.inf
        first, last = place.is_first_col(), place.is_last_col()
        return np.inf if first else _BEYOND, np.inf if last else _BEYOND


def tidy(axes: Axes, *, across: int = 6, up: int = 6) -> None:
    """Leave the lower left axis lines, with about as many round numbers as asked."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(RoomyLocator(across))
    axes.yaxis.set_major_locator(MaxNLocator(up, steps=[1, 2, 5, 10]))
    axes.tick_params(labelsize=SMALL, length=3, color=INK)


def name_across(axes: Axes, name: Any, *, width: int = 60) -> None:
    """Write a name below an axis."""
    axes.set_xlabel(wrapped(name, width), **PLAIN)


def name_up(axes: Axes, name: Any, *, width: int = 45) -> None:
    """Write a name beside an axis."""
    axes.set_ylabel(wrapped(name, width), **PLAIN)


def without_scale(axes: Axes) -> None:
    """Take away a vertical axis whose numbers say nothing."""
    axes.yaxis.set_visible(False)
    axes.spines["left"].set_visible(False)


def one_line_each(
    axes: Axes, names: Sequence[Any] | np.ndarray, *, most: int = 24, gap: float = 0.6
) -> None:
    """Number horizontal lines from the top, and write a name before each."""
    labels = short_names(names, most)
    axes.set_yticks(range(len(labels)), labels, fontsize=SMALL + 0.5, **PLAIN)
    axes.set_ylim(len(labels) - 1 + gap, -gap)
    axes.tick_params(axis="y", length=0)


INNER = (0.25, 0.75)
"""Quantiles between which half of the draws lie."""


def draw_interval(
    axes: Axes, place: int, values: Float[np.ndarray, " sample"], tails: tuple[float, float]
) -> None:
    """Draw the posterior of a component on the horizontal line at its place."""
    style, mean = component_style(place), values.mean()
    (low, high), (inner_low, inner_high) = np.quantile(values, tails), np.quantile(values, INNER)
    axes.plot([low, high], [place, place], color=style.color, linewidth=1.3, zorder=3)
    axes.plot(
        [inner_low, inner_high], [place, place], color=style.color, linewidth=3.6,
        solid_capstyle="butt", zorder=3,
    )  # fmt: skip
    axes.plot(
        [mean], [place], linestyle="none", marker=style.marker, markersize=5.2 * style.size,
        color=style.color, markeredgecolor="white", markeredgewidth=0.5, zorder=4, clip_on=False,
    )  # fmt: skip


def interval_entries(interval: str) -> list[Line2D]:
    """Return the entries of a legend that say what the parts are."""
    return [
        line_entry(
            "posterior mean", linestyle="none", marker="o", markersize=6, color=MIDDLE,
            markeredgecolor="white",
        ),
        line_entry("50% of the draws", color=MIDDLE, linewidth=3.6, solid_capstyle="butt"),
        line_entry(interval, color=MIDDLE, linewidth=1.3),
    ]  # fmt: skip
