"""Components come in an order that a reader can rely on."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.posterior.relabel.order import order_of, reorder
from bayesgmm.posterior.relabel.permute import undo_relabeling
from bayesgmm.tree.fit import Fit

QUICK = bg.NUTS(draws=20, tune=60, chains=2)


def test_largest_weight_first():
    weights = bg.example_fit()["posterior"]["weights"].mean(("chain", "draw")).values
    assert np.all(np.diff(weights) < 0)


def test_by_a_feature_on_request():
    rows = np.random.default_rng(1).normal(size=(90, 2))
    rows[:60] += [10.0, -4.0]
    spec = bg.MixtureSpec(2)
    tree = bg.fit(rows, spec, engine=QUICK, random_seed=2, progress=False, order_by="x0")
    means = tree["posterior"]["means"].mean(("chain", "draw"))
    assert float(means[0, 0]) < float(means[1, 0])
    assert float(tree["posterior"]["weights"].mean(("chain", "draw"))[0]) < 0.5
    # The point estimate and the chain starts follow.
    assert float(tree["point_estimate"]["means"][0, 0]) < 5
    assert np.all(tree["chain_starts"]["means"].values[:, 0, 0] < 5)


def test_unknown_order_is_refused():
    rows = np.random.default_rng(1).normal(size=(20, 2))
    with pytest.raises(bg.SpecificationError, match="'weights' or one of the features"):
        bg.fit(rows, bg.MixtureSpec(2), order_by="size", progress=False)


def test_reorder_moves_every_group_and_keeps_permutations_true():
    tree = bg.example_fit().isel(draw=slice(0, 20))
    order = np.array([2, 0, 1])
    moved = reorder(tree, order)
    for group in ("posterior", "point_estimate", "chain_starts"):
        np.testing.assert_array_equal(
            moved[group]["means"].isel(component=0), tree[group]["means"].isel(component=2)
        )
    np.testing.assert_array_equal(
        moved["relabeling"]["permutation"], tree["relabeling"]["permutation"][..., order]
    )
    np.testing.assert_array_equal(moved["posterior"]["component"], [0, 1, 2])
    assert order_of(Fit(tree), "weights").tolist() == [0, 1, 2]


def test_components_with_priors_of_their_own_keep_their_places():
    """Unequal Dirichlet concentrations tell components apart, so labels must not move."""
    rows = np.random.default_rng(1).normal(size=(40, 1))
    spec = bg.MixtureSpec(2, weights=bg.Dirichlet((1.0, 5.0)))
    tree = bg.fit(rows, spec, engine=QUICK, random_seed=2, progress=False)
    permutation = tree["relabeling"]["permutation"].values
    assert np.all(permutation == [0, 1])


def test_the_raw_order_is_the_one_before_any_relabeling():
    tree = bg.example_fit().isel(draw=slice(0, 20))
    raw = undo_relabeling(reorder(tree, np.array([2, 0, 1])))
    orders = tree["relabeling"]["permutation"].values
    for chain, draw in np.ndindex(*orders.shape[:2]):
        weights = raw["posterior"]["weights"].values[chain, draw]
        relabeled = tree["posterior"]["weights"].values[chain, draw]
        np.testing.assert_array_equal(weights[orders[chain, draw]], relabeled)
    assert np.all(raw["relabeling"]["permutation"] == np.arange(3))
