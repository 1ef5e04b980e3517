"""Draws with one number of clusters, out of a fit with an unknown number of components."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.fitting import draw_posterior


def fitted(*, keep_rows):
    return draw_posterior(
        bg.datasets.load("galaxies") / 1000, bg.MixtureSpec(bg.Geometric()),
        engine=bg.Gibbs(draws=50, tune=50), random_seed=1, sample_weight=None, labels=None,
        solver=None, keep_rows=keep_rows, progress=False,
    )  # fmt: skip


@pytest.mark.parametrize("n_clusters", [None, 4])
def test_draws_of_a_fit_without_rows_are_those_of_the_same_fit_with_rows(n_clusters):
    X = bg.datasets.load("galaxies") / 1000
    expected = bg.relabel(fitted(keep_rows=True), n_clusters=n_clusters)
    found = bg.relabel(fitted(keep_rows=False), n_clusters=n_clusters, X=X)
    np.testing.assert_array_equal(found["posterior"]["means"], expected["posterior"]["means"])
    assert bg.table(bg.summarize(found)).equals(bg.table(bg.summarize(expected)))
