"""Marginal densities: against SciPy, and as the projection of the joint density."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import bayesgmm as bg
from bayesgmm.analysis.density.log_density import marginal_density
from bayesgmm.errors import DataError, SpecificationError

FEATURE = "flipper_length_mm"
GRID = np.linspace(120.0, 290.0, 801)


@pytest.fixture(scope="module")
def tree():
    return bg.example_fit()


def test_equals_scipy_draw_by_draw(tree):
    density = marginal_density(tree, FEATURE, GRID, draws=20)
    posterior = tree["posterior"].to_dataset().sel(draw=density["draw"], feature=FEATURE)
    expected = posterior["weights"].values[..., None] * stats.norm.pdf(
        GRID, posterior["means"].values[..., None], posterior["scales"].values[..., None]
    )
    assert density.dims == ("chain", "draw", "component", "point")
    np.testing.assert_allclose(density, expected, rtol=1e-10, atol=1e-300)


def test_integrates_to_the_weights(tree):
    density = marginal_density(tree, FEATURE, GRID, draws=8)
    weights = tree["posterior"]["weights"].sel(draw=density["draw"])
    np.testing.assert_allclose(density.integrate("point"), weights, atol=1e-6)


def test_draws_are_spread_over_all_chains(tree):
    density = marginal_density(tree, FEATURE, [200.0], draws=40)
    assert density.sizes["chain"] == tree["posterior"].sizes["chain"]
    assert density["draw"].values[[0, -1]].tolist() == [0, tree["posterior"].sizes["draw"] - 1]
    assert (
        marginal_density(tree, FEATURE, [200.0], draws=10**9).sizes["draw"]
        == (tree["posterior"].sizes["draw"])
    )


def test_an_unknown_feature_is_refused_with_the_known_ones(tree):
    with pytest.raises(DataError, match=r"no feature 'wing'; the fit has \['bill_length_mm'"):
        marginal_density(tree, "wing", GRID)


@pytest.mark.parametrize("grid", [[], [1.0, np.nan], [[1.0]], ["a"], 3.0])
def test_a_grid_that_is_no_list_of_numbers_is_refused(tree, grid):
    with pytest.raises(DataError, match="list of finite numbers"):
        marginal_density(tree, FEATURE, grid)


@pytest.mark.parametrize("draws", [0, 2.5, True])
def test_draws_must_be_a_positive_whole_number(tree, draws):
    with pytest.raises(SpecificationError, match="max_draws must be a whole number"):
        marginal_density(tree, FEATURE, GRID, draws=draws)
