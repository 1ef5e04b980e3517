"""Words in figures: names as they are, never read as mathematics, and none on top of another."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import isotonic_regression

PLAIN = {"parse_math": False}
"""For every text that holds a name: ``$`` is a dollar."""


def shortened(name: Any, most: int) -> str:
    """Return a name with at most so many characters, its end cut off where it has more."""
    text = " ".join(str(name).split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def wrapped(name: Any, width: int, *, most_lines: int = 3) -> str:
    """Return a name on several lines of at most ``width`` characters.

    Lines break at spaces, or else after underscores and wherever they have to.
    """
    broken = " ".join(str(name).split()).replace("_", "_\u200b")
    parts = []
    for word in broken.split(" "):
        parts += [*word.split("\u200b"), " "]
    lines = [""]
    for part in _no_longer_than(parts, width):
        if len((lines[-1] + part).rstrip()) > width and lines[-1]:
            lines.append("")
        lines[-1] += part if lines[-1] or part != " " else ""
    if len(lines) > most_lines:
        rest = "".join(lines[most_lines - 1 :])
        lines = [*lines[: most_lines - 1], shortened(rest, width)]
    return "\n".join(line.strip() for line in lines)


def component_label(name: Any, *, most: int = 30) -> str:
    """Return what a legend says of a component: its own name, or ``component`` and a number."""
    return shortened(name, most) if isinstance(name, str) else f"component {name}"


def spread_out(positions: Sequence[float], gap: float) -> Float[np.ndarray, " n"]:
    """Move positions as little as possible (in squares) so that all lie ``gap`` apart, in order."""
    values = np.asarray(positions, dtype=float)
    if values.size == 0:
        return values
    order = np.argsort(values, kind="stable")
    steps = gap * np.arange(values.size)
    moved = np.empty_like(values)
    moved[order] = isotonic_regression(values[order] - steps).x + steps
    return moved


def _no_longer_than(parts: Sequence[str], width: int) -> list[str]:
    pieces = []
    for part in parts:
        if len(part) <= width:
            pieces.append(part)
        else:
            pieces += textwrap.wrap(part, width, break_on_hyphens=True)
    return pieces
