"""The options of the two ways of merging."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.numerics.rows import as_rows
from bayesgmm.parameters import MixtureParameters


def spaced(k: int, distance: float) -> MixtureParameters:
    means = distance * np.arange(k, dtype=float)[None, :, None]
    return MixtureParameters(np.full((1, k), 1 / k), means, np.ones((1, k, 1)))


@pytest.mark.parametrize("ratio", [0, 0.0, -0.1, 1.01, np.nan, "1", True, None])
def test_ratio_must_be_above_0_and_at_most_1(ratio):
    with pytest.raises(bg.SpecificationError, match=r"RidgelineMerging: ratio .* at most 1, not"):
        bg.RidgelineMerging(ratio=ratio)


@pytest.mark.parametrize("n_clusters", [0, -1, 2.0, True, "two"])
def test_n_clusters_must_be_a_whole_number(n_clusters):
    with pytest.raises(bg.SpecificationError, match="EntropyMerging: n_clusters must be a whole"):
        bg.EntropyMerging(n_clusters=n_clusters)


@pytest.mark.parametrize("value", [bg.RidgelineMerging(0.5), bg.EntropyMerging(3)])
def test_methods_are_values(value):
    assert value == eval(repr(value), vars(bg))
    with pytest.raises(AttributeError):
        value.ratio = 0.1


def test_more_clusters_than_components_are_refused():
    with pytest.raises(bg.SpecificationError, match="at most the number of components, 3, not 4"):
        bg.EntropyMerging(n_clusters=4).groups(as_rows(np.zeros((5, 1))), spaced(3, 1.0))


def test_two_components_have_no_elbow():
    with pytest.raises(bg.SpecificationError, match="no elbow; give n_clusters"):
        bg.EntropyMerging().groups(as_rows(np.zeros((5, 1))), spaced(2, 1.0))
    for number in (1, 2):
        groups = bg.EntropyMerging(number).groups(as_rows(np.zeros((5, 1))), spaced(2, 1.0))
        assert np.unique(groups).size == number


def test_the_ratio_is_where_two_hills_become_one():
    """At a distance of 3 the density at the middle is 0.6418 times that at either top."""
    for ratio, expected in ((0.641, 1), (0.643, 2)):
        groups = bg.RidgelineMerging(ratio).groups(as_rows(np.zeros((5, 1))), spaced(2, 3.0))
        assert np.unique(groups).size == expected


def test_entropy_merges_where_rows_waver_and_follows_the_draws():
    """The middle one is nearer to the last in the first draw, to the first one in the second."""
    means = np.array([[0.0, 6.0, 9.0], [0.0, 3.0, 9.0]])[..., None]
    draws = MixtureParameters(np.full((2, 3), 1 / 3), means, np.ones((2, 3, 1)))
    rows = np.linspace(-2, 11, 200)[:, None]
    groups = bg.EntropyMerging(n_clusters=2).groups(as_rows(rows), draws)
    assert (groups[:, :, None] == groups[:, None, :])[:, 1].tolist() == [
        [False, True, True],
        [True, True, False],
    ]
