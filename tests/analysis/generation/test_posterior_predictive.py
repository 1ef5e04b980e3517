"""Replicated tables have the shape of the data and the law of the draws they came from."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg


def test_group_is_what_arviz_takes():
    tree = bg.posterior_predictive(bg.example_fit(), n_draws=25, random_seed=1)
    group = tree["posterior_predictive"]
    assert group["x"].dims == ("chain", "draw", "obs_id", "feature")
    assert group["x"].shape == (4, 25, 342, 4)
    assert set(group["draw"].values) <= set(tree["posterior"]["draw"].values)


def test_the_tree_itself_is_not_modified():
    tree = bg.example_fit()
    bg.posterior_predictive(tree, n_draws=5, random_seed=1)
    assert "posterior_predictive" not in tree.children


def test_table_means_follow_their_draw():
    """Each table's mean is that of its draw's mixture, within 5 standard errors (400 of them)."""
    tree = bg.posterior_predictive(bg.example_fit(), n_draws=25, random_seed=2)
    group = tree["posterior_predictive"].to_dataset()
    draws = tree["posterior"].to_dataset().sel(draw=group["draw"])
    expected = (draws["weights"] * draws["means"]).sum("component")
    errors = group["x"].std("obs_id") / np.sqrt(342)
    assert float((abs(group["x"].mean("obs_id") - expected) / errors).max()) < 5


@pytest.mark.parametrize("draws", [0, 5000, 1.5])
def test_refuses_more_draws_than_there_are(draws):
    with pytest.raises(bg.SpecificationError, match="between 1 and 1000"):
        bg.posterior_predictive(bg.example_fit(), n_draws=draws)
