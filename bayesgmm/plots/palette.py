"""Colours, symbols and line styles: one of each per component, the same in every figure."""

from __future__ import annotations

from dataclasses import dataclass

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

    colour: str
    marker: str
    dash: Dash
    size: float = 1.0
    """Of the symbol, times that of others: stars look small."""


def component_style(place: int) -> ComponentStyle:
    """Return the look of the component at this place of its axis.

    The first seven colours can be told apart with every common form of colour blindness (Okabe &
    Ito, 2008; their yellow, too pale on white, is replaced by a dark brown); the other five are
    darker or paler than those that they resemble. Symbols and line styles differ as well, for prints in
    black and white and for more components than colours.
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
    return _HATCHES[place % len(_HATCHES)]
