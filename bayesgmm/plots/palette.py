"""Colors, symbols and line styles: one of each per component, the same in every figure.

Legends: what is what, in as many columns as have room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from bayesgmm.digits import counted
from bayesgmm.plots.text import component_labels

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

    from bayesgmm.plots.view import ClusterView


INK = "#222222"
"""Outlines, axes and what concerns all components."""

MIDDLE = "#777777"
"""Keys of a legend that stand for any component."""

PALE = "#d9d9d9"
"""Background: bars of a histogram."""

BAND, PALE_BAND = "#8aa9c4", "#b9cfe2"
"""Where a curve lies under most draws, over other things and alone."""

Dash = str | tuple[float, tuple[float, ...]]

_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#5A3E0A",
    "#332288", "#882255", "#0B5D2E", "#F29CB4", "#666666",
)  # fmt: skip
_MARKERS = "os^DvPX<>p*h"
_SIZES = {"*": 1.5, "P": 1.15, "X": 1.15, "p": 1.2, "h": 1.15}
_DASHES: tuple[Dash, ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (1.3, 1.2)),
    (0, (6, 1.5, 1.3, 1.5)),
    (0, (9, 1.5, 1.3, 1.5, 1.3, 1.5)),
)
_HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----")


@dataclass(frozen=True)
class ComponentStyle:
    """How one component looks."""

    color: str
    marker: str
    dash: Dash
    size: float = 1.0
    """Of the symbol, times that of others: stars look small."""


def component_style(place: int) -> ComponentStyle:
    """Return the look of the component at this place of its axis.

    The first seven colors can be told apart with every common form of color blindness (Okabe &
    Ito, 2008; a dark brown takes the place of their yellow, which is too pale on white). The
    other five are darker or paler than those that they resemble. Symbols and line styles differ
    as well, for prints in black and white and for more components than colors.
    """
    turn = place // len(_COLOURS)
    return ComponentStyle(
        _COLOURS[place % len(_COLOURS)],
        _MARKERS[(place + turn) % len(_MARKERS)],
        _DASHES[place % len(_DASHES)],
        _SIZES.get(_MARKERS[(place + turn) % len(_MARKERS)], 1.0),
    )


def group_hatch(place: int) -> str:
    """Return the hatch of an area that belongs to the group at this place."""
    turn = place // len(_COLOURS)
    return _HATCHES[(place + turn) % len(_HATCHES)]


SIZE = 9.5
"""Of the letters, in points."""

_LETTER, _KEY, _LINE = 0.56, 3.6, 1.68  # widths and heights, in sizes of letters


def put_legend(figure: Figure, entries: Sequence[Artist], *, most_columns: int = 4) -> Legend:
    """Put a legend below the axes of a figure, which grows by the lines beyond the first."""
    width = figure.get_figwidth()
    columns = next(
        (n for n in range(min(most_columns, len(entries)), 1, -1) if _width(entries, n) < width), 1
    )
    n_lines = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + (n_lines - 1) * _LINE * SIZE / 72)
    legend = figure.legend(
        handles=entries, loc="outside lower center", ncols=columns, frameon=False, fontsize=SIZE
    )  # fmt: skip
    return as_it_is(legend)


def legend_size(entries: Sequence[Artist]) -> tuple[float, float]:
    """Return about how wide and how high a legend of one column is, in inches."""
    return _width(entries, 1), (len(entries) * _LINE + 1.0) * SIZE / 72


def _width(entries: Sequence[Artist], n_columns: int) -> float:
    """Width in inches of a legend whose columns are as wide as the longest label in each."""
    lengths = [len(entry.get_label()) for entry in entries]
    columns = np.array_split(lengths, n_columns)  # as Matplotlib fills them
    return sum(max(column) * _LETTER + _KEY for column in columns) * SIZE / 72


def as_it_is(legend: Legend) -> Legend:
    """Let no name in a legend be read as mathematics."""
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def cluster_entries(
    view: ClusterView, *, certainty: float, ellipses: bool, density: bool
) -> list[Line2D]:
    """Return an entry for every component and every kind of mark in a picture of clusters."""
    kinds = [line_entry(_mean_label(view, ellipses), linewidth=1.8, color=MIDDLE)]
    if not view.is_point:
        draws = counted(view.n_draws, "posterior draw")
        kinds.append(line_entry(draws, linewidth=0.7, color="#aaaaaa"))
    if density:
        name = "density" if view.is_point else "posterior predictive density"
        kinds.append(line_entry(name, linewidth=1.6, color=INK))
    count = int(view.marked.sum())
    doubt = f"assigned with less than {certainty:.0%} certainty ({count})"
    mark = dot_entry if view.is_crowded else ring_entry
    kinds.append(mark(doubt) if ellipses else tick_entry(doubt))
    if n_lacking := view.n_lacking:
        rows = "row with missing cells is" if n_lacking == 1 else "rows with missing cells are"
        kinds.append(line_entry(f"{n_lacking} {rows} not in all panels", linestyle="none"))
    return [*_components(view), *kinds, *note_entries(view.note)]


def component_entry(place: int, label: str, **look: Any) -> Line2D:
    """Return the entry of a component: its line and its symbol."""
    style = component_style(place)
    shown = {
        "linewidth": 1.8,
        "linestyle": style.dash,
        "marker": style.marker,
        "markersize": 4.5 * style.size,
    } | look
    return Line2D([], [], color=style.color, markeredgewidth=0, label=label, **shown)


def line_entry(label: str, **look: Any) -> Line2D:
    """Return the entry of a kind of line."""
    return Line2D([], [], label=label, **look)


def ring_entry(label: str) -> Line2D:
    """Return the entry of rings around points."""
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=6.8, markerfacecolor="none",
        markeredgecolor=INK, markeredgewidth=0.9, label=label,
    )  # fmt: skip


def dot_entry(label: str) -> Line2D:
    """Return the entry of small dark points on others."""
    return Line2D(
        [], [], linestyle="none", marker="o", markersize=2.5, color=INK, markeredgewidth=0,
        label=label,
    )  # fmt: skip


def tick_entry(label: str, *, color: str = INK) -> Line2D:
    """Return the entry of short lines along an axis."""
    return Line2D([], [], linestyle="none", marker="|", markersize=9, color=color, label=label)


def note_entries(note: str) -> list[Line2D]:
    """Return an entry that is words alone, or none where there are no words."""
    return [line_entry(note, linestyle="none")] if note else []


def _mean_label(view: ClusterView, ellipses: bool) -> str:
    name = "point estimate" if view.is_point else "posterior mean"
    return f"{name} (ellipses hold {view.share:.0%})" if ellipses else name


def _components(view: ClusterView) -> list[Line2D]:
    weights = view.mean["weights"].values
    return [
        component_entry(place, f"{name}, weight {weights[place]:.2f}")
        for place, name in enumerate(component_labels(view.components))
    ]
