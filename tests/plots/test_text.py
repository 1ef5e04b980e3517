"""Names in figures: short enough, and apart."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.plots.text import component_labels, short_names, shortened, spread_out, wrapped


def test_long_names_lose_their_end():
    assert shortened("flipper", 7) == "flipper"
    assert shortened("flipper length", 8) == "flipper…"


def test_lines_break_at_spaces_and_after_underscores():
    assert wrapped("length of the bill", 12) == "length of\nthe bill"
    assert wrapped("flipper_length_mm", 10) == "flipper_\nlength_mm"


@pytest.mark.parametrize("name", ["x" * 100, "a_b " * 30, "one two", r"$\alpha$"])
@pytest.mark.parametrize("width", [5, 20])
def test_no_line_is_longer_than_asked(name, width):
    lines = wrapped(name, width).split("\n")
    assert len(lines) <= 3
    assert max(map(len, lines)) <= width


def test_components_have_their_own_names_or_numbers():
    assert component_labels([3, 4]) == ["component 3", "component 4"]
    assert component_labels(["Gentoo", "Adelie"]) == ["Gentoo", "Adelie"]


def test_names_that_differ_still_do_when_they_are_short():
    islands = [f"penguins of the island of {name}" for name in ("Biscoe", "Dream")]
    assert short_names(islands, 16) == ["penguin…f Biscoe", "penguin…of Dream"]
    exchangeable_groups = ["a" * 10 + middle + "b" * 20 for middle in "xy"]
    short = short_names([*exchangeable_groups, "c"], 12)
    assert len(set(short)) == 3
    assert max(map(len, short)) <= 12


def test_labels_move_apart_no_more_than_they_must():
    np.testing.assert_allclose(spread_out([3.0, 0.0, 10.0], 1.0), [3.0, 0.0, 10.0])
    moved = spread_out([1.0, 1.0, 5.0], 1.0)
    np.testing.assert_allclose(moved, [0.5, 1.5, 5.0])
    assert spread_out([], 1.0).size == 0
