"""Every prior, structure and spec is frozen, printable, and survives JSON."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec
from tests.cases import (
    PAIRS,
    SCALE_PRIORS,
    STRUCTURES,
    UNSCALED_PRIORS,
    example_spec,
    unscaled_structure,
)

BELIEFS = [
    bg.Dirichlet(0.5),
    bg.Dirichlet((1.0, 2.0, 3.0)),
    bg.NormalMeans(),
    bg.NormalMeans((0.0, 1.0), 2.0),
    bg.NormalMeans([[0.0, 1.0], [2.0, 3.0]], [{"x0": 2.0}, None]),
    bg.LKJ(3.0),
    *SCALE_PRIORS.values(),
    *UNSCALED_PRIORS.values(),
    *(kind() for kind in STRUCTURES.values()),
    bg.InverseWishart(4.5, (1.0, 2.0)),
    bg.InverseWishart(3, [[2.0, 0.5], [0.5, 1.0]]),
]


@pytest.mark.parametrize("belief", BELIEFS, ids=str)
def test_frozen_and_hashable(belief):
    with pytest.raises(FrozenInstanceError):
        setattr(belief, fields(belief)[0].name, 1.0)
    assert hash(belief) == hash(belief)


@pytest.mark.parametrize("belief", BELIEFS, ids=str)
def test_prints_every_hyperparameter(belief):
    for item in fields(belief):
        assert item.name.replace("_matrix", " matrix") in str(belief) or item.name in (
            "scales",
            "correlations",
        )


@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_json_there_and_back_is_the_identity(structure, prior):
    spec = example_spec(structure, prior)
    assert MixtureSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_json_keeps_what_is_still_scaled_to_the_data(structure, prior):
    spec = MixtureSpec(2, covariances=unscaled_structure(structure, prior))
    assert MixtureSpec.from_json(spec.to_json()) == spec
    assert "scaled to the data" in str(spec)


@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_resolved_priors_follow_the_units_of_the_data(structure, prior):
    """What is scaled to data in other units is the rescaled prior, to the last digits."""
    spec = MixtureSpec(2, covariances=unscaled_structure(structure, prior))
    center, deviation = np.array([1.0, -2.0]), np.array([0.5, 3.0])
    factor = np.array([10.0, 10.0]) if STRUCTURES[structure].isotropic else np.array([10.0, 0.1])
    shift = np.array([7.0, 8.0])
    there = Columns(center, deviation, 0.9 * deviation, 0.01 * deviation)
    here = Columns(
        center * factor + shift, *(width * factor for width in list(vars(there).values())[1:4])
    )
    here, there = spec.resolved(here), spec.resolved(there)
    back = here.standardized(shift, factor)
    for got, wanted in zip(back.covariance_prior(2), there.covariance_prior(2), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
    for got, wanted in zip(back.means.expanded(2, 2), there.means.expanded(2, 2), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)
