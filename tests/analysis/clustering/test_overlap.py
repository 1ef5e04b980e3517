"""Overlap of the components of a fit, a prior, an estimate, or given parameters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.numerics.overlap import misclassification
from bayesgmm.tree.fit import read_parameters


@pytest.fixture(scope="module")
def tree():
    return bg.example_fit()


def test_each_draw_is_asked(tree):
    found = bg.overlap(tree, max_draws=20)
    assert dict(found.sizes) == {"chain": 4, "draw": 5, "component": 3, "component_bis": 3}
    last = read_parameters(tree["posterior"]).draw((3, -1))
    np.testing.assert_array_equal(found["misclassified"][3, -1], misclassification(last))
    assert found["draw"].values[-1] == 999


def test_both_ways_round_and_the_diagonal(tree):
    found = bg.overlap(tree, uncertainty="point")
    assert found["overlap"].dims == ("component", "component_bis")
    wrong, overlap = found["misclassified"].values, found["overlap"].values
    np.testing.assert_array_equal(overlap, overlap.T)
    np.testing.assert_array_equal(overlap - np.eye(3), wrong + wrong.T)
    assert np.all(np.diag(wrong) == 0)


def test_given_parameters():
    mixture = bg.MixtureParameters(np.full(2, 0.5), np.array([[0.0], [3.0]]), np.ones((2, 1)))
    assert float(bg.overlap(mixture)["overlap"][0, 1]) == pytest.approx(2 * norm.cdf(-1.5))


def test_senseless_questions_are_refused(tree):
    with pytest.raises(bg.SpecificationError, match="max_draws"):
        bg.overlap(tree, max_draws=0)
    with pytest.raises(bg.SpecificationError, match="uncertainty"):
        bg.overlap(tree, uncertainty="both")
