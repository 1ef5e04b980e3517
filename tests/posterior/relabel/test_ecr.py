"""Relabeling undoes any permutation of the labels, and nothing else."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.numerics.statistics import component_log_densities
from bayesgmm.posterior.relabel.by_rows import ECR
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations
from bayesgmm.tree.fit import Fit, read_parameters


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 150))


def shuffled(tree: xr.DataTree, seed: int) -> tuple[xr.DataTree, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = tree["posterior"]["weights"].shape
    orders = rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)
    return apply_permutations(tree, Permutations(orders, np.ones(shape[:-1]), "shuffled")), orders


def test_random_permutations_come_back_exactly(tree):
    switched, orders = shuffled(tree, seed=4)
    assert not switched["posterior"].equals(tree["posterior"])
    restored = apply_permutations(switched, ECR().permutations(Fit(switched)))
    xr.testing.assert_equal(restored["posterior"].to_dataset(), tree["posterior"].to_dataset())
    found = restored["relabeling"]["permutation"].values
    np.testing.assert_array_equal(found, np.argsort(orders, axis=-1))


def test_every_variable_moves_with_its_component(tree):
    switched, orders = shuffled(tree, seed=5)
    chain, draw = 2, 17
    for name, variable in tree["posterior"].data_vars.items():
        before = variable.values[chain, draw]
        after = switched["posterior"][name].values[chain, draw]
        np.testing.assert_array_equal(after, before[orders[chain, draw]])


def test_log_density_does_not_see_labels(tree):
    switched, _ = shuffled(tree, seed=6)
    xr.testing.assert_allclose(bg.log_density(switched), bg.log_density(tree), rtol=1e-12)


def test_assignment_is_the_best_of_all_permutations(tree):
    """Compared with trying all k! of them on the number of rows allocated as the pivot does."""
    switched, _ = shuffled(tree, seed=7)
    X, pivot = Fit(switched).data.values, read_parameters(switched["point_estimate"])
    draws = read_parameters(switched["posterior"])
    pivot_labels = component_log_densities(X, pivot).argmax(axis=1)
    found = ECR().permutations(Fit(switched))
    for index in [(0, 0), (1, 70), (3, 149)]:
        labels = component_log_densities(X, draws.draw(index)).argmax(axis=1)
        best = max(
            np.mean(np.argsort(order)[labels] == pivot_labels) for order in permutations(range(3))
        )
        assert found.agreement[index] == pytest.approx(best)


def test_chains_that_disagree_on_labels_pass_after_relabeling(tree):
    """A chain with two labels swapped throughout: R-hat is huge before and fine after."""
    import arviz_stats

    orders = np.broadcast_to(np.arange(3), tree["posterior"]["weights"].shape).copy()
    orders[0] = [1, 0, 2]
    switched = apply_permutations(tree, Permutations(orders, np.ones(orders.shape[:2]), "swap"))
    before = arviz_stats.rhat(switched["posterior"].to_dataset()[["means"]])["means"].max()
    restored = apply_permutations(switched, ECR().permutations(Fit(switched)))
    after = arviz_stats.rhat(restored["posterior"].to_dataset()[["means"]])["means"].max()
    assert float(before) > 1.5
    assert float(after) < 1.05
