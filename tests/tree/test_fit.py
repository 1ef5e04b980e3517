"""What is read of a tree, and a fit with some of its rows or draws."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.tree.fit import Fit


def test_some_rows_are_answered_as_they_are_among_all():
    tree, some = bg.example_fit(), np.array([7, 3, 200])
    few, every = bg.cluster(Fit(tree).with_rows(some)), bg.cluster(tree).isel(obs_id=some)
    np.testing.assert_allclose(few["responsibilities"], every["responsibilities"])
    np.testing.assert_array_equal(few["obs_id"], every["obs_id"])
    assert tree["observed_data"].sizes["obs_id"] == 342


def test_weights_and_labels_go_with_their_rows():
    rows = np.random.default_rng(1).normal(size=(30, 1)) + np.repeat([0.0, 6.0], 15)[:, None]
    labels = ["left" if row < 5 else "right" if row > 25 else None for row in range(30)]
    tree = bg.fit(
        rows, bg.MixtureSpec(2), engine=bg.Laplace(draws=50), labels=labels,
        sample_weight=np.arange(30.0), random_seed=1, progress=False,
    )  # fmt: skip
    some = Fit(tree).with_rows(np.array([29, 0, 12]))
    assert some.tree["constant_data"]["sample_weight"].values.tolist() == [29.0, 0.0, 12.0]
    assert bg.cluster(some)["certainty"].values[:2].tolist() == [1.0, 1.0]


def test_a_thinned_tree_has_the_draws_asked_for_and_all_else():
    tree = bg.example_fit()
    few = Fit(tree).few(40).tree
    assert dict(few["posterior"]["weights"].sizes) == {"chain": 4, "draw": 10, "component": 3}
    draws = few["posterior"]["draw"].values
    np.testing.assert_array_equal(np.diff(draws), 111)
    assert tree["posterior"].sizes["draw"] == 1000
    np.testing.assert_array_equal(few["observed_data"]["x"], tree["observed_data"]["x"])
    np.testing.assert_array_equal(bg.log_density(few), bg.log_density(tree.isel(draw=draws)))
