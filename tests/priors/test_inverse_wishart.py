"""The inverse-Wishart structures: what they take, what they refuse, and what None becomes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.errors import SpecificationError
from tests.cases import columns_of

KINDS = [bg.InverseWishart, bg.TiedInverseWishart]
MATRIX = [[4.0, 1.2], [1.2, 2.0]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_a_diagonal_and_a_matrix_mean_the_same_scale(kind):
    forms = [kind(5, 2.0), kind(5, (2.0, 2.0)), kind(5, 2.0 * np.eye(2))]
    for structure in forms:
        np.testing.assert_array_equal(structure.matrix(2), 2 * np.eye(2))


def test_a_matrix_becomes_tuples_and_keeps_its_numbers_through_json():
    spec = bg.MixtureSpec(2, covariances=bg.InverseWishart(4.5, np.array(MATRIX)))
    assert spec.covariances.scale_matrix == tuple(map(tuple, MATRIX))
    assert hash(spec) == hash(bg.MixtureSpec(2, covariances=bg.InverseWishart(4.5, MATRIX)))
    assert json.loads(spec.to_json())["covariances"]["scale_matrix"] == MATRIX
    assert bg.MixtureSpec.from_json(spec.to_json()) == spec


def test_the_spec_tells_the_prior_in_words():
    text = str(bg.MixtureSpec(2, covariances=bg.InverseWishart(4.5, MATRIX)))
    line = (
        "covariances  ~ InverseWishart(degrees_of_freedom 4.5, scale matrix ((4, 1.2), (1.2, 2)))"
    )
    assert f"{line}, one for each component" in text
    assert "shared by all components" in str(bg.MixtureSpec(2, covariances=bg.TiedInverseWishart()))
    assert "scales" not in text


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_the_defaults_have_a_mean_at_half_the_spread(n_features):
    spread = np.arange(1.0, n_features + 1)
    structure = bg.InverseWishart().resolved(columns_of(spread))
    assert structure.degrees_of_freedom == n_features + 2
    # The mean of the distribution is Psi / (nu - d - 1).
    np.testing.assert_allclose(structure.matrix(n_features), np.diag((0.5 * spread) ** 2))


@pytest.mark.parametrize("freedom", [2.1, 5.0, 40.0])
def test_the_harmonic_mean_of_a_variance_does_not_depend_on_the_degrees_of_freedom(freedom):
    """1 / E[1 / sigma_j^2] = Psi_jj / (nu - d + 1), as sigma_j^2 is inverse-gamma."""
    spread = np.array([1.0, 3.0, 10.0])
    structure = bg.InverseWishart(freedom).resolved(columns_of(spread))
    harmonic = np.diagonal(structure.matrix(3)) / (freedom - 3 + 1)
    np.testing.assert_allclose(harmonic, spread**2 / 12)


def test_what_is_given_is_not_resolved():
    structure = bg.InverseWishart(7.0, MATRIX)
    assert structure.resolved(columns_of(np.array([1.0, 2.0]))) == structure


@pytest.mark.parametrize("kind", KINDS)
def test_the_standardized_matrix_is_that_of_the_scaled_features(kind):
    factor = np.array([10.0, 0.1])
    scaled = kind(5.0, MATRIX).standardized(factor)
    np.testing.assert_allclose(scaled.matrix(2), np.array(MATRIX) / np.outer(factor, factor))
    np.testing.assert_allclose(
        kind(5.0, 2.0).standardized(factor).matrix(2), np.diag(2.0 / factor**2)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "scale",
    [0.0, -1.0, np.nan, "wide", True, (1.0, -2.0), [[1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]],
     [[1.0, 0.5], [0.2, 1.0]], [[1.0, 1.0], [1.0, 1.0]], [[1.0, np.inf], [np.inf, 1.0]],
     [[1.0], [2.0, 3.0]], np.ones((2, 2, 2)), [[0.0, 0.0], [0.0, 1.0]]],
    ids=str,
)  # fmt: skip
def test_what_is_no_scale_matrix_is_refused(kind, scale):
    with pytest.raises(SpecificationError, match=f"{kind.__name__}: scale_matrix must be a "):
        kind(scale_matrix=scale)


@pytest.mark.parametrize("freedom", [0, -1.0, "many", (3.0, 4.0), np.inf, True])
def test_degrees_of_freedom_are_one_positive_number(freedom):
    with pytest.raises(SpecificationError, match="degrees_of_freedom must be a positive number"):
        bg.InverseWishart(freedom)


def test_degrees_of_freedom_must_be_enough_for_the_features():
    rows = np.random.default_rng(0).normal(size=(20, 3))
    spec = bg.MixtureSpec(2, covariances=bg.InverseWishart(degrees_of_freedom=2))
    with pytest.raises(SpecificationError, match="degrees_of_freedom is 2 but must be above 2"):
        bg.estimate(rows, spec)


@pytest.mark.parametrize(
    ("scale", "message"),
    [(MATRIX, "a matrix of 2 rows but 3 are needed"), ((1.0, 2.0), "2 entries but 3 are needed")],
)
def test_the_scale_must_be_for_as_many_features(scale, message):
    rows = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(SpecificationError, match=message):
        bg.estimate(rows, bg.MixtureSpec(2, covariances=bg.InverseWishart(scale_matrix=scale)))


def test_a_matrix_in_very_different_units_is_still_positive_definite():
    units = np.array([1e-6, 1e6])
    scale = np.array(MATRIX) * np.outer(units, units)
    np.testing.assert_allclose(bg.InverseWishart(5, scale).matrix(2), scale)
