"""Text in plots: literal names without TeX, shortened, and without overlap."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
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


def short_names(names: Iterable[Any], most: int) -> list[str]:
    """Shorten several names so that those that differ still do.

    If names would be equal without their ends, their middles are cut out instead; if
    that is not enough, they are numbered.
    """
    whole = [" ".join(str(name).split()) for name in names]
    short = [shortened(name, most) for name in whole]
    for cut in (_without_middle, _with_number):
        for place in _repeated(short):
            short[place] = cut(whole[place], place, most)
    return short


def component_labels(names: Iterable[Any], *, most: int = 30) -> list[str]:
    """Return the legend labels of components: their names, or ``component`` and a number."""
    names = list(names)
    if any(isinstance(name, str) for name in names):
        return short_names(names, most)
    return [f"component {name}" for name in names]


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


def _repeated(names: Sequence[str]) -> list[int]:
    return [place for place, name in enumerate(names) if names.count(name) > 1]


def _without_middle(name: str, place: int, most: int) -> str:
    tail = most // 2
    return f"{name[: most - tail - 1].rstrip()}…{name[-tail:].lstrip()}"


def _with_number(name: str, place: int, most: int) -> str:
    number = f" {place}"
    return shortened(name, most - len(number)) + number
