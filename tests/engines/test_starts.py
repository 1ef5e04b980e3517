"""Chains start around the mode, each elsewhere, and none of them at the edge of the space."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.starts import dispersed
from bayesgmm.engines.target import Target
from bayesgmm.parameters import MixtureParameters
from tests.cases import STRUCTURES, example_rows, example_spec, random_parameters


def target_for(structure, n_features=2):
    rows = example_rows(200, n_features)
    data = Dataset(rows, default_names(n_features), np.arange(200))
    return Target(example_spec(structure, "gamma"), data)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_spread_is_that_of_a_posterior_with_so_many_rows(structure):
    target = target_for(structure)
    centre = random_parameters(target.spec, 2)
    seeds = np.random.SeedSequence(0).spawn(400)
    starts = target.layout.unpack(dispersed(target, centre, seeds))
    rows = 1 + 200 * centre.weights
    expected = centre.scales / np.sqrt(rows)[:, None]
    np.testing.assert_allclose(starts.means.std(axis=0), expected, rtol=0.2)
    np.testing.assert_allclose(starts.means.mean(axis=0), centre.means, atol=0.1)


def test_every_seed_has_its_own_start_and_keeps_it():
    target = target_for("full")
    centre = random_parameters(target.spec, 2)
    seeds = np.random.SeedSequence(0).spawn(2)
    first, again = (dispersed(target, centre, seeds) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first[0] != first[1])


def test_a_singular_mode_is_moved_inside():
    """Correlations at the edge cannot be packed; the start nearby can, and has a finite density."""
    target = target_for("full")
    inside = random_parameters(target.spec, 2)
    # A correlation of one before the shrinkage, 0.01, is taken off.
    singular = np.broadcast_to(0.99 + 0.01 * np.eye(2), (3, 2, 2))
    edge = MixtureParameters(inside.weights, inside.means, inside.scales, singular)
    value, gradient = target(target.position_of(edge))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
