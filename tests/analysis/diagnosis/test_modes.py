"""Chains in different modes are grouped, and chains in one mode are not."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.convergence import Quantity
from bayesgmm.analysis.diagnosis.mass import Share
from bayesgmm.analysis.diagnosis.modes import (
    Mode,
    chain_distance,
    find_modes,
    findings_about_modes,
)
from bayesgmm.analysis.diagnosis.quantities import Allocation
from bayesgmm.tree.fit import Fit

NOTHING = [Quantity("some", np.random.default_rng(0).normal(size=(4, 100)), True)]
"""Values that tell no chain from another."""


@pytest.fixture(scope="module")
def tree():
    return bg.example_fit()


def test_chains_in_one_mode_are_as_near_as_halves_of_one(tree):
    distances = chain_distance(Allocation.of(Fit(tree)))
    assert distances.shape == (4, 4)
    assert distances.max() < 0.02
    assert find_modes(Fit(tree), NOTHING, distances) == [Mode((0, 1, 2, 3), Share(1.0, 1.0, 1.0))]


def test_chains_that_look_apart_but_climb_to_one_peak_are_in_one_mode(tree):
    far = np.full((4, 4), 0.001)
    far[3, :3] = far[:3, 3] = 0.5
    assert find_modes(Fit(tree), NOTHING, far) == [Mode((0, 1, 2, 3), Share(1.0, 1.0, 1.0))]


def test_values_without_overlap_hold_chains_apart(tree, monkeypatch):
    monkeypatch.setattr("bayesgmm.analysis.diagnosis.modes._MOST_WORK", 100)
    values = np.random.default_rng(0).normal(size=(4, 100))
    values[1] += 10.0
    modes = find_modes(Fit(tree), [Quantity("some", values, True)], np.zeros((4, 4)))
    assert [mode.chains for mode in modes] == [(0, 2, 3), (1,)]
    (finding,) = findings_about_modes(Fit(tree), modes)
    assert "The posterior mass of each is not known" in finding.problem
    assert "Do not average" in finding.remedy


def test_a_mode_without_mass_is_to_be_left_out(tree):
    modes = [Mode((0, 1, 2), Share(0.9999, 0.9997, 1.0)), Mode((3,), Share(1e-4, 0.0, 3e-4))]
    (finding,) = findings_about_modes(Fit(tree), modes)
    assert "more than 99.9% and less than 0.1%" in finding.problem
    assert "isel(chain=[0, 1, 2])" in finding.remedy
