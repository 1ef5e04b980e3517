"""Chains start around the mode, each elsewhere, and none of them at the edge of the space."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.starts import dispersed, preparatory_peak
from bayesgmm.estimation.density import Target
from bayesgmm.parameters import MixtureParameters
from tests.cases import FREE, example_rows, example_spec, random_parameters


def target_for(structure, n_features=2, n_rows=200):
    rows = example_rows(n_rows, n_features)
    data = Dataset(rows, default_names(n_features), np.arange(n_rows))
    return Target(example_spec(structure, "gamma"), data)


@pytest.mark.parametrize("structure", FREE)
def test_starts_are_as_likely_as_draws_of_the_posterior_are(structure):
    """Were it normal, 2 (height - log density) would be chi-squared, with p degrees of freedom.

    The mean of 400 has a standard error of sqrt(2 p / 400); skewness is allowed a tenth of p.
    """
    target = target_for(structure, n_rows=2000)
    center = random_parameters(target.spec, 2)
    seeds = np.random.SeedSequence(0).spawn(400)
    peak = preparatory_peak(target, center)
    falls = [2 * (peak.height - target(start)[0]) for start in dispersed(target, peak, seeds)]
    size = target.layout.size
    assert abs(np.mean(falls) - size) < 0.1 * size + 4 * np.sqrt(2 * size / 400)


def test_a_posterior_that_is_not_normal_pulls_its_starts_in():
    """Three rows for two components: the widths at the mode say little of what lies around."""
    target = target_for("full", n_rows=3)
    center = random_parameters(target.spec, 2)
    peak = preparatory_peak(target, center)
    starts = dispersed(target, peak, np.random.SeedSequence(0).spawn(50))
    deepest = 0.5 * target.layout.size + 4 * np.sqrt(0.5 * target.layout.size)
    assert all(target(start)[0] >= peak.height - deepest for start in starts)


def test_every_seed_has_its_own_start_and_keeps_it():
    target = target_for("full")
    peak = preparatory_peak(target, random_parameters(target.spec, 2))
    seeds = np.random.SeedSequence(0).spawn(2)
    first, again = (dispersed(target, peak, seeds) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first[0] != first[1])


def test_a_singular_mode_is_moved_inside():
    """Correlations at the edge cannot be packed; the start nearby can, and has a finite density."""
    target = target_for("full")
    inside = random_parameters(target.spec, 2)
    singular = np.ones((3, 2, 2))
    edge = MixtureParameters(inside.weights, inside.means, inside.scales, singular)
    value, gradient = target(target.position_of(edge))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
