"""Components can be told apart: by color, symbol and line style, also in black and white."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.colors import to_rgb

from bayesgmm.plots.co_clustering import MOST_GROUPS
from bayesgmm.plots.palette import component_style, group_hatch


def test_twelve_components_have_twelve_colors_and_twelve_symbols():
    styles = [component_style(place) for place in range(12)]
    assert len({style.color for style in styles}) == 12
    assert len({style.marker for style in styles}) == 12


def test_eighty_components_differ():
    assert len({component_style(place) for place in range(80)}) == 80


def test_as_many_groups_as_allowed_differ_by_color_or_hatch():
    looks = {(component_style(k).color, group_hatch(k)) for k in range(MOST_GROUPS)}
    assert len(looks) == MOST_GROUPS


def test_neighbors_differ_in_every_way():
    for place in range(30):
        one, other = component_style(place), component_style(place + 1)
        assert one.color != other.color
        assert one.marker != other.marker
        assert one.dash != other.dash


# Viénot, Brettel & Mollon (1999): what dichromats see, as matrices on linear RGB.
PROTANOPE = np.array([[0.1124, 0.8876, 0.0], [0.1124, 0.8876, 0.0], [0.0040, -0.0040, 1.0]])
DEUTERANOPE = np.array([[0.2928, 0.7072, 0.0], [0.2928, 0.7072, 0.0], [-0.0223, 0.0223, 1.0]])


def test_the_first_seven_colors_differ_for_color_blind_eyes():
    colors = np.array([to_rgb(component_style(place).color) for place in range(7)]) ** 2.2
    for seen in (colors @ PROTANOPE.T, colors @ DEUTERANOPE.T):
        on_screen = np.clip(seen, 0, 1) ** (1 / 2.2)
        gaps = [np.linalg.norm(a - b) for a, b in combinations(on_screen, 2)]
        assert min(gaps) > 0.1
