"""A posterior on one line: its mean, the half in the middle, and an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.lines import Line2D

from bayesgmm.plots.legend import line_entry
from bayesgmm.plots.palette import MIDDLE, component_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INNER = (0.25, 0.75)
"""Quantiles between which half of the draws lie."""


def draw_interval(
    axes: Axes, place: int, values: Float[np.ndarray, " sample"], tails: tuple[float, float]
) -> None:
    """Draw the posterior of a component on the horizontal line at its place."""
    style, mean = component_style(place), values.mean()
    (low, high), (inner_low, inner_high) = np.quantile(values, tails), np.quantile(values, INNER)
    axes.plot([low, high], [place, place], color=style.colour, linewidth=1.3, zorder=3)
    axes.plot(
        [inner_low, inner_high], [place, place], color=style.colour, linewidth=3.6,
        solid_capstyle="butt", zorder=3,
    )  # fmt: skip
    axes.plot(
        [mean], [place], linestyle="none", marker=style.marker, markersize=5.2 * style.size,
        color=style.colour, markeredgecolor="white", markeredgewidth=0.5, zorder=4, clip_on=False,
    )  # fmt: skip


def interval_entries(interval: str) -> list[Line2D]:
    """Return the entries of a legend that say what the parts are."""
    return [
        line_entry(
            "posterior mean", linestyle="none", marker="o", markersize=6, color=MIDDLE,
            markeredgecolor="white",
        ),
        line_entry("half of the draws", color=MIDDLE, linewidth=3.6, solid_capstyle="butt"),
        line_entry(interval, color=MIDDLE, linewidth=1.3),
    ]  # fmt: skip
