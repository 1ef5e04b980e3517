"""How all axes look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import MaxNLocator

from bayesgmm.plots.palette import INK
from bayesgmm.plots.text import PLAIN, short_names, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHEET = {"dpi": 110, "layout": "constrained"}
"""Options of every figure."""

SMALL = 8.5
"""Size of the numbers along axes, in points."""


def tidy(axes: Axes, *, across: int = 6, up: int = 6) -> None:
    """Leave the lower left axis lines, with about as many round numbers as asked."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(across, steps=[1, 2, 5, 10]))
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


def one_line_each(axes: Axes, names: Sequence[Any], *, most: int = 24, gap: float = 0.6) -> None:
    """Number horizontal lines from the top, and write a name before each."""
    labels = short_names(names, most)
    axes.set_yticks(range(len(labels)), labels, fontsize=SMALL + 0.5, **PLAIN)
    axes.set_ylim(len(labels) - 1 + gap, -gap)
    axes.tick_params(axis="y", length=0)
