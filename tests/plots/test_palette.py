"""Components can be told apart: by colour, symbol and line style, also in black and white."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

from bayesgmm.plots.palette import component_style


def test_twelve_components_have_twelve_colours_and_twelve_symbols():
    styles = [component_style(place) for place in range(12)]
    assert len({style.colour for style in styles}) == 12
    assert len({style.marker for style in styles}) == 12


def test_eighty_components_differ():
    assert len({component_style(place) for place in range(80)}) == 80


def test_neighbours_differ_in_every_way():
    for place in range(30):
        one, other = component_style(place), component_style(place + 1)
        assert one.colour != other.colour
        assert one.marker != other.marker
        assert one.dash != other.dash


# Viénot, Brettel & Mollon (1999): what dichromats see, as matrices on linear RGB.
PROTANOPE = np.array([[0.1124, 0.8876, 0.0], [0.1124, 0.8876, 0.0], [0.0040, -0.0040, 1.0]])
DEUTERANOPE = np.array([[0.2928, 0.7072, 0.0], [0.2928, 0.7072, 0.0], [-0.0223, 0.0223, 1.0]])


def test_the_first_seven_colours_differ_for_colour_blind_eyes():
    colours = np.array([to_rgb(component_style(place).colour) for place in range(7)]) ** 2.2
    for seen in (colours @ PROTANOPE.T, colours @ DEUTERANOPE.T):
        on_screen = np.clip(seen, 0, 1) ** (1 / 2.2)
        gaps = [np.linalg.norm(a - b) for a, b in combinations(on_screen, 2)]
        assert min(gaps) > 0.1
