"""Mixtures of a fit, a prior, an estimate, or given ones."""

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.analysis.mixtures import on_own_scale, read_mixtures
from bayesgmm.errors import SchemaError, SpecificationError


def test_draws_of_a_fit_and_its_point_estimate_keep_their_names(tree):
    drawn, point = read_mixtures(tree), read_mixtures(tree, "point")
    assert drawn.parameters.batch_shape == (4, 1000)
    assert point.parameters.batch_shape == (1, 1)
    assert drawn.features == point.features == tuple(tree["posterior"]["feature"].values)
    assert np.array_equal(drawn.parameters.means, tree["posterior"]["means"].values)
    assert np.array_equal(point.parameters.means[0, 0], tree["point_estimate"]["means"].values)


def test_parameters_are_one_draw_or_many(tree):
    many = read_mixtures(tree).parameters.draw((0,))
    assert read_mixtures(many).parameters.batch_shape == (1, 1000)
    assert read_mixtures(many.draw((3,))).parameters.batch_shape == (1, 1)
    assert read_mixtures(many).features == ("x0", "x1", "x2", "x3")


def test_a_prior_is_a_source():
    tree = bg.prior_predictive([[1.0], [2.0], [4.0]], bg.MixtureSpec(2), n_draws=7, random_seed=1)
    assert read_mixtures(tree).parameters.batch_shape == (1, 7)


def test_other_sources_are_refused(tree):
    with pytest.raises(SpecificationError, match="MixtureParameters, not 'list'"):
        read_mixtures([1.0])
    with pytest.raises(SpecificationError, match="uncertainty"):
        read_mixtures(tree, "all")
    with pytest.raises(SpecificationError, match="one batch axis"):
        read_mixtures(read_mixtures(tree).parameters)
    without = tree.copy()
    del without["posterior"]
    with pytest.raises(SchemaError, match="posterior"):
        read_mixtures(without)


@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_on_their_own_scale_mixtures_have_mean_zero_and_unit_spread(tree, offset):
    mixtures = read_mixtures(read_mixtures(tree).parameters.draw((0,)))
    parameters = mixtures.parameters
    moved = replace(mixtures, parameters=replace(parameters, means=parameters.means + offset))
    scaling, found = on_own_scale(moved)
    weights = found.weights[..., None] / 1000
    mean = (weights * found.means).sum(axis=(0, 1, 2))
    np.testing.assert_allclose(mean, 0.0, atol=1e-12 if offset == 0 else 1e-8)
    squares = (weights * (found.scales**2 + found.means**2)).sum(axis=(0, 1, 2))
    np.testing.assert_allclose(squares, 1.0, rtol=1e-7)
    np.testing.assert_allclose(scaling.restore(found).means, moved.parameters.means, rtol=1e-13)
