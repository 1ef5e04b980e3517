"""Highest-density regions: they hold what they say, and nothing smaller does."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2, norm

import bayesgmm as bg

FLIPPER, MASS = "flipper_length_mm", "body_mass_g"


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit()


def test_intervals_of_a_normal_distribution():
    normal = bg.MixtureParameters(np.ones(1), np.full((1, 1), 5.0), np.full((1, 1), 2.0))
    region = bg.highest_density_region(normal, ci_prob=0.9)
    np.testing.assert_allclose(
        [region["lower"].item(), region["upper"].item()], norm.interval(0.9, 5.0, 2.0), rtol=1e-10
    )
    assert region["log_threshold"].item() == pytest.approx(
        norm.logpdf(norm.ppf(0.05), scale=1.0) - np.log(2.0), rel=1e-10
    )
    assert region.attrs == {"region": "90% highest-density region", "probability_error": 0.0}


@pytest.mark.parametrize("probability", [0.3, 0.5, 0.89, 0.99])
def test_intervals_hold_the_predictive_probability(tree, probability):
    region = bg.highest_density_region(tree, feature=FLIPPER, ci_prob=probability)
    inside = bg.cdf(tree, region["upper"].values, feature=FLIPPER).values
    inside -= bg.cdf(tree, region["lower"].values, feature=FLIPPER).values
    assert inside.sum() == pytest.approx(probability, abs=1e-9)
    ends = np.concatenate([region["lower"], region["upper"]])
    heights = bg.log_density(bg.marginalize(tree, FLIPPER), ends)
    np.testing.assert_allclose(heights, region["log_threshold"], rtol=1e-8)
    tails = bg.quantile(tree, [0.5 - probability / 2, 0.5 + probability / 2], feature=FLIPPER)
    assert (region["upper"] - region["lower"]).sum() <= tails[1] - tails[0]


def test_generated_rows_lie_within_as_often_as_is_said(tree):
    """In one dimension and in four; 4.5 standard errors, those of the threshold included."""
    n, probability = 4000, 0.8
    rows = bg.generate(tree.isel(draw=slice(0, 1000, 10)), n, random_seed=4)["x"]
    for X, feature in ((rows.sel(feature=[MASS]), MASS), (rows, None)):
        region = bg.highest_density_region(
            tree.isel(draw=slice(0, 1000, 10)), X, feature=feature, ci_prob=probability,
            random_seed=5,
        )  # fmt: skip
        error = np.hypot(
            np.sqrt(probability * (1 - probability) / n), region.attrs["probability_error"]
        )
        assert abs(region["within"].mean().item() - probability) < 4.5 * error
        between = np.zeros(n, dtype=bool)
        if feature is not None:
            for low, high in zip(region["lower"].values, region["upper"].values, strict=True):
                between |= (X.values[:, 0] >= low) & (X.values[:, 0] <= high)
            assert np.array_equal(between, region["within"])


def test_threshold_of_a_normal_distribution_in_three_dimensions():
    """Its region is a ball whose radius is known: 4.5 standard errors of its probability."""
    normal = bg.MixtureParameters(np.ones(1), np.zeros((1, 3)), np.array([[1.0, 2.0, 5.0]]))
    region = bg.highest_density_region(normal, ci_prob=0.7, n_rows=20_000, random_seed=1)
    peak = -1.5 * np.log(2 * np.pi) - np.log(10.0)
    held = chi2.cdf(2 * (peak - region["log_threshold"].item()), 3)
    assert region.attrs["probability_error"] == pytest.approx(np.sqrt(0.21 / 20_000))
    assert abs(held - 0.7) < 4.5 * region.attrs["probability_error"]
    assert "lower" not in region


def test_units_do_not_matter(tree):
    X = tree["observed_data"]["x"][::40]
    region = bg.highest_density_region(tree.isel(draw=slice(50)), X, n_rows=500, random_seed=1)
    np.testing.assert_allclose(
        region["log_density"], bg.log_density(tree.isel(draw=slice(50)), X), rtol=1e-9
    )
    assert np.array_equal(region["obs_id"], X["obs_id"])


def test_what_cannot_be_asked(tree):
    with pytest.raises(bg.SpecificationError, match="ci_prob"):
        bg.highest_density_region(tree, ci_prob=1.0)
    with pytest.raises(bg.SpecificationError, match="n_rows"):
        bg.highest_density_region(tree, n_rows=2.5)
    with pytest.raises(bg.DataError, match="unknown features"):
        bg.highest_density_region(tree, feature="wing")
    with pytest.raises(bg.DataError, match="4 features"):
        bg.highest_density_region(tree, [1.0])
    with pytest.raises(bg.SpecificationError, match="Expected a tree"):
        bg.highest_density_region(3.0)
