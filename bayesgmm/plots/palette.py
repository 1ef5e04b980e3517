"""Colours and symbols: one per component, the same in every figure."""

from __future__ import annotations

from dataclasses import dataclass

INK = "#222222"
"""Outlines, axes and what concerns all components."""

PALE = "#d9d9d9"
"""Background: bars of a histogram."""

DASHES = (0, (4, 2))
"""Line style of what is summed over components."""

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8C6D1F")
_MARKERS = "os^Dvp"


@dataclass(frozen=True)
class ComponentStyle:
    """How one component looks."""

    colour: str
    marker: str


def component_style(place: int) -> ComponentStyle:
    """Return the look of the component at this place of its axis.

    The colours can be told apart with every common form of colour blindness (Okabe & Ito, 2008;
    their yellow, too pale on white, is replaced by a brown); when they are used up the symbol
    changes.
    """
    turn, colour = divmod(place, len(_COLOURS))
    return ComponentStyle(_COLOURS[colour], _MARKERS[turn % len(_MARKERS)])
