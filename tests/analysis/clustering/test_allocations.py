"""Drawn allocations against the responsibilities that they are drawn with."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.clustering.partition import draw_allocations


@pytest.fixture(scope="module")
def tree():
    return bg.example_fit()


def test_a_component_is_drawn_as_often_as_its_responsibility_says(tree):
    """1026 cells: largest z below 4.5, exceeded once in 150 trees; chosen seed."""
    expected = bg.cluster(tree)["responsibilities"].values
    labels = draw_allocations(tree, draws=4000).labels
    shares = np.stack([(labels == component).mean(axis=0) for component in range(3)], axis=1)
    z = (shares - expected) / np.sqrt(expected * (1 - expected) / 4000 + 1e-7)
    assert abs(z).max() < 4.5


def test_one_tree_gives_the_same_allocations_every_time(tree):
    first, second = draw_allocations(tree, draws=20), draw_allocations(tree, draws=20)
    np.testing.assert_array_equal(first.labels, second.labels)
    other = draw_allocations(tree, draws=20, random_seed=8)
    assert not np.array_equal(first.labels, other.labels)


def test_as_many_draws_as_asked_from_all_chains(tree):
    assert draw_allocations(tree, draws=20).labels.shape == (20, 342)
    assert draw_allocations(tree, [[40.0, 18.0, 190.0, 3700.0]], draws=8).labels.shape == (8, 1)


def test_draws_must_be_a_whole_number(tree):
    with pytest.raises(bg.SpecificationError, match="max_draws must be a whole number"):
        draw_allocations(tree, draws=0.5)
