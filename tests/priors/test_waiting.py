"""Hyperparameters that wait for data are named; others are filled."""

from __future__ import annotations

import pytest

import bayesgmm as bg
from bayesgmm.analysis.calibration.calibrate import without_data
from tests.cases import STRUCTURES, UNSCALED_PRIORS, example_spec

MEANS = bg.NormalMeans(0.0, 1.0)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_numbers_wait_for_nothing(structure):
    spec = example_spec(structure, "gamma")
    assert without_data(spec, 2) == (spec, [])


@pytest.mark.parametrize("prior", UNSCALED_PRIORS)
def test_scales_that_wait(prior):
    structure = bg.Full(scales=UNSCALED_PRIORS[prior])
    spec = bg.MixtureSpec(2, means=MEANS, covariances=structure, resolution=0.1)
    (name,) = without_data(spec, 2)[1]
    assert name.endswith(f"of {type(UNSCALED_PRIORS[prior]).__name__}")


def test_means_that_wait():
    spec = bg.MixtureSpec(2, covariances=bg.Full(bg.HalfT(1.0)))
    waiting = ["loc of NormalMeans", "scale of NormalMeans"]
    assert without_data(spec, 2)[1] == waiting


def test_degrees_of_freedom_need_no_data():
    structure = bg.InverseWishart(scale_matrix=1.0)
    spec = bg.MixtureSpec(2, means=MEANS, covariances=structure)
    filled, waiting = without_data(spec, 2)
    assert waiting == []
    assert filled.covariances.degrees_of_freedom == 4.0
