"""Distribution functions and quantiles: closed forms, inverses, simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

import bayesgmm as bg

FLIPPER = "flipper_length_mm"


def test_cdf_at_the_point_estimate_is_scipys(tree):
    points, group = np.linspace(160.0, 250.0, 10), tree["point_estimate"].sel(feature=FLIPPER)
    parts = zip(group["weights"].values, group["means"].values, group["scales"].values, strict=True)
    expected = sum(w * norm.cdf(points, m, s) for w, m, s in parts)
    found = bg.cdf(tree, points, feature=FLIPPER, uncertainty="point")
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_draws_average_to_the_predictive_distribution(tree):
    found = bg.cdf(tree, [190.0, 210.0], feature=FLIPPER, per_draw=True)
    assert found.dims == ("chain", "draw", "obs_id")
    group = tree["posterior"].sel(feature=FLIPPER, chain=1, draw=5)
    by_hand = norm.cdf(190.0, group["means"], group["scales"]) @ group["weights"].values
    assert found.sel(chain=1, draw=5)[0].item() == pytest.approx(by_hand, rel=1e-12)
    np.testing.assert_allclose(
        found.mean(("chain", "draw")), bg.cdf(tree, [190.0, 210.0], feature=FLIPPER), rtol=1e-12
    )


def test_quantiles_invert_the_cdf(tree):
    points = [180.0, 200.0, 230.0]
    levels = bg.cdf(tree, points, feature=FLIPPER)
    np.testing.assert_allclose(
        bg.quantile(tree, levels.values, feature=FLIPPER), points, rtol=1e-11
    )
    by_draw = bg.quantile(tree.isel(draw=slice(20)), [0.1, 0.9], per_draw=True)
    assert by_draw.dims == ("chain", "draw", "quantile", "feature")
    one = bg.marginalize(tree.isel(draw=[3], chain=[2]), FLIPPER)
    ends = by_draw.sel(draw=3, chain=2, feature=FLIPPER)
    np.testing.assert_allclose(bg.cdf(one, ends.values), [0.1, 0.9], rtol=1e-10)


def test_shapes_of_quantiles(tree):
    assert bg.quantile(tree, [0.1, 0.5, 0.9]).sizes == {"quantile": 3, "feature": 4}
    assert bg.quantile(tree, 0.5).dims == ("feature",)
    assert bg.quantile(tree, 0.5, feature=FLIPPER).dims == ()
    assert bg.quantile(tree, 0.5, feature=FLIPPER).item() == pytest.approx(
        bg.quantile(tree, 0.5).sel(feature=FLIPPER).item(), rel=1e-12
    )


def test_cdf_of_several_features_is_simulated():
    """Within 4.5 of the standard errors that are promised, of SciPy's for both components."""
    covariances = np.array([[[1.0, 0.6], [0.6, 2.0]], [[0.5, -0.1], [-0.1, 0.4]]])
    weights, means = np.array([0.3, 0.7]), np.array([[0.0, 0.0], [2.0, -1.0]])
    mixture = bg.MixtureParameters.from_covariances(weights, means, covariances)
    X = np.array([[0.5, 0.0], [2.0, -0.5], [9.0, 9.0]])
    expected = sum(
        weight * multivariate_normal.cdf(X, mean, covariance)
        for weight, mean, covariance in zip(weights, means, covariances, strict=True)
    )
    found = bg.cdf(mixture, X, n_rows=40_000, random_seed=1)
    assert np.all(np.abs(found - expected) < 4.5 * 0.5 / np.sqrt(40_000))
    assert found.identical(bg.cdf(mixture, X, n_rows=40_000, random_seed=1))


def test_features_are_named_where_there_is_one(tree):
    one = bg.marginalize(tree, FLIPPER)
    assert bg.cdf(one, [200.0]).identical(bg.cdf(tree, [200.0], feature=FLIPPER))
    assert bg.quantile(one, 0.3).dims == ("feature",)


@pytest.mark.parametrize("q", [0.0, 1.0, 1, [], [0.5, np.nan], [[0.5]], "median", -0.1, None])
def test_quantiles_of_senseless_probabilities(tree, q):
    with pytest.raises(bg.SpecificationError, match="q must be one or more numbers"):
        bg.quantile(tree, q)


def test_what_cannot_be_asked(tree):
    with pytest.raises(bg.DataError, match=r"feature: unknown features \['wing'\]"):
        bg.cdf(tree, [1.0], feature="wing")
    with pytest.raises(bg.DataError, match="unknown features"):
        bg.quantile(tree, 0.5, feature="wing")
    with pytest.raises(bg.SpecificationError, match="per_draw is for one feature"):
        bg.cdf(tree, [[40.0, 18.0, 190.0, 3700.0]], per_draw=True)
    with pytest.raises(bg.DataError, match="infinite"):
        bg.cdf(tree, [np.inf], feature=FLIPPER)
    with pytest.raises(bg.DataError, match="4 features"):
        bg.cdf(tree, [1.0])
    with pytest.raises(bg.SpecificationError, match="n_rows"):
        bg.cdf(tree, [1.0], feature=FLIPPER, n_rows=0)
    with pytest.raises(bg.SpecificationError, match="Expected a tree"):
        bg.quantile([1.0], 0.5)


def test_rows_with_missing_cells_are_refused_in_words(tree):
    whole = tree["observed_data"]["x"].values[:4].copy()
    whole[2, 1] = np.nan
    with pytest.raises(bg.DataError, match="complete rows; 1 of 4 has missing cells: row 2"):
        bg.cdf(tree, whole)
    with pytest.raises(bg.DataError, match="A region needs complete rows"):
        bg.highest_density_region(tree, whole)
