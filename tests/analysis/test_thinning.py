"""A few draws for all: as many from each chain, in a tree that answers as before."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.analysis.thinning import thinned_tree


def test_a_thinned_tree_has_the_draws_asked_for_and_all_else():
    tree = bg.example_fit()
    few = thinned_tree(tree, 40)
    assert dict(few["posterior"]["weights"].sizes) == {"chain": 4, "draw": 10, "component": 3}
    draws = few["posterior"]["draw"].values
    np.testing.assert_array_equal(np.diff(draws), 111)
    assert tree["posterior"].sizes["draw"] == 1000
    np.testing.assert_array_equal(few["observed_data"]["x"], tree["observed_data"]["x"])
    np.testing.assert_array_equal(bg.log_density(few), bg.log_density(tree.isel(draw=draws)))
