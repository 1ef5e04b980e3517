"""Hyperparameters that wait for data are named; others are filled."""

from __future__ import annotations

import pytest

import bayesgmm as bg
from bayesgmm.priors.waiting import without_data
from tests.cases import STRUCTURES, UNSCALED_PRIORS, example_spec

MEANS = bg.NormalMeans(0.0, 1.0)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_numbers_wait_for_nothing(structure):
    spec = example_spec(structure, "gamma")
    assert without_data(spec, 2) == (spec, [])


@pytest.mark.parametrize("prior", UNSCALED_PRIORS)
def test_scales_that_wait(prior):
    spec = bg.MixtureSpec(2, means=MEANS, covariances=bg.Full(scales=UNSCALED_PRIORS[prior]))
    (name,) = without_data(spec, 2)[1]
    assert name.endswith(f"of {type(UNSCALED_PRIORS[prior]).__name__}")


def test_means_that_wait():
    spec = bg.MixtureSpec(2, covariances=bg.InverseWishart(scale=1.0))
    assert without_data(spec, 2)[1] == ["loc of NormalMeans", "scale of NormalMeans"]


def test_degrees_of_freedom_need_no_data():
    spec = bg.MixtureSpec(2, means=MEANS, covariances=bg.InverseWishart(scale=1.0))
    filled, waiting = without_data(spec, 2)
    assert waiting == []
    assert filled.covariances.degrees_of_freedom == 4.0
