"""Missing cells: as many as asked, by the mechanism asked, and never a whole row."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.analysis.generation.simulate import missing_at_random

ROWS = np.random.default_rng(0).standard_normal((20_000, 4)) @ np.triu(np.ones((4, 4)))


@pytest.mark.parametrize("mechanism", ["MCAR", "MAR"])
@pytest.mark.parametrize("share", [0.01, 0.2, 0.6, 0.74])
def test_the_share_is_as_asked_and_rows_keep_a_cell(mechanism, share):
    """Within 4.5 standard errors. Cells of a row are positively related at most through its
    number that is left, so the error is that of rows: error rate below 1e-4."""
    missing = missing_at_random(ROWS, share, mechanism, np.random.default_rng(1))
    of_rows = missing.mean(axis=1)
    assert abs(of_rows.mean() - share) < 4.5 * of_rows.std() / np.sqrt(len(ROWS))
    assert not missing.all(axis=1).any()


def test_completely_at_random_depends_on_nothing():
    """Means of the rows with and without a cell, over their standard error: 16 below 4.5."""
    missing = missing_at_random(ROWS, 0.3, "MCAR", np.random.default_rng(2))
    for column in missing.T:
        difference = ROWS[column].mean(axis=0) - ROWS[~column].mean(axis=0)
        error = ROWS.std(axis=0) * np.sqrt(1 / column.sum() + 1 / (~column).sum())
        assert np.all(np.abs(difference) < 4.5 * error)


def test_at_random_depends_on_what_is_observed_and_on_that_alone():
    """Rows with a large first value lose more; within narrow bands of it, the other values of
    rows that lose a cell and of those that do not are alike (3 features, 10 bands, below 4.5
    standard errors each: error rate below 5e-4)."""
    missing = missing_at_random(ROWS, 0.3, "MAR", np.random.default_rng(3))
    assert not missing[:, 0].any()
    ranks = ROWS[:, 0].argsort().argsort() / len(ROWS)
    low, high = missing[ranks < 0.1, 1:].mean(), missing[ranks > 0.9, 1:].mean()
    odds = np.log(high / (1 - high)) - np.log(low / (1 - low))
    assert abs(odds - 4.0 * 0.9) < 0.4
    residuals = ROWS[:, 1:] - ROWS[:, :1]  # what the first feature does not explain
    for band in range(10):
        inside = (ranks >= band / 10) & (ranks < (band + 1) / 10)
        for place in range(3):
            gone, values = missing[inside, place + 1], residuals[inside, place]
            error = values.std() * np.sqrt(1 / gone.sum() + 1 / (~gone).sum())
            assert abs(values[gone].mean() - values[~gone].mean()) < 4.5 * error


def test_nothing_is_missing_where_nothing_was_asked():
    assert not missing_at_random(ROWS[:, :1], 0.0, "MCAR", np.random.default_rng(0)).any()
