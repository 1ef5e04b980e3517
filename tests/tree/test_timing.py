"""When a fit was made: known, kept in files, and no part of what is compared."""

from __future__ import annotations

from datetime import UTC, datetime

import bayesgmm as bg
from bayesgmm.tree.timing import Timing, read_timing, with_timing
from tests.tree.killed_writers import tree_with

THEN = Timing("2026-11-21T18:30:00+00:00", 2.5)


def test_fit_says_when_and_how_long():
    timing = read_timing(bg.example_fit())
    age = datetime.now(UTC) - timing.date
    assert 0 <= age.total_seconds() < 24 * 3600
    assert 0 < timing.seconds < 3600


def test_trees_of_different_times_are_identical():
    tree = bg.example_fit()
    timed = with_timing(tree, THEN)
    assert timed.identical(tree)
    assert read_timing(tree) != THEN


def test_files_selections_and_copies_keep_it(tmp_path):
    tree = with_timing(tree_with(1), THEN)
    again = bg.load(bg.save(tree, tmp_path / "fit.nc"))
    assert again.identical(tree)
    for one in (again, tree.isel(draw=slice(10)), tree.copy(deep=True)):
        assert read_timing(one) == THEN


def test_trees_without_it_are_fine(tmp_path):
    tree = tree_with(1)
    assert tree.encoding == {}
    assert read_timing(bg.load(bg.save(tree, tmp_path / "fit.nc"))) is None
