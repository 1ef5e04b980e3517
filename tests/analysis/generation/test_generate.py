"""New rows have the moments that the posterior says."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg


def all_draws(tree: xr.DataTree) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, means and covariances; the draws of all chains come first."""
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    weights = posterior["weights"].transpose("sample", "component").values
    means = posterior["means"].transpose("sample", "component", "feature").values
    covariances = posterior["covariances"].transpose("sample", "component", ...).values
    if covariances.shape[-1] != means.shape[-1]:
        raise AssertionError("features come last")
    return weights, means, covariances


def total_moments(
    weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance over all draws, by the law of total covariance."""
    mean = np.einsum("sk,skd->d", weights, means) / len(weights)
    centered = means - mean
    spread = covariances + centered[..., :, None] * centered[..., None, :]
    return mean, np.einsum("sk,skij->ij", weights, spread) / len(weights)


def expect_moments(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> None:
    """Every mean and every product of two features within 4.5 standard errors."""
    errors = np.sqrt(np.diag(covariance) / len(rows))
    assert np.all(np.abs(rows.mean(axis=0) - mean) < 4.5 * errors)
    centered = rows - mean
    products = centered[:, :, None] * centered[:, None, :]
    errors = products.std(axis=0) / np.sqrt(len(rows))
    assert np.all(np.abs(products.mean(axis=0) - covariance) < 4.5 * errors)


def test_moments_are_those_of_the_predictive_distribution(tree):
    """Each of 14 moments within 4.5 standard errors: error rate below 1e-4 in all."""
    rows = bg.generate(tree, 20_000, random_seed=9)["x"].values
    expect_moments(rows, *total_moments(*all_draws(tree)))


def test_components_come_with_their_weights(tree):
    new = bg.generate(tree, 20_000, random_seed=10)
    weights = tree["posterior"]["weights"].mean(("chain", "draw")).values
    shares = np.bincount(new["component"], minlength=3) / 20_000
    assert np.all(np.abs(shares - weights) < 4.5 * np.sqrt(weights * (1 - weights) / 20_000))


def test_says_where_each_row_came_from(tree):
    new = bg.generate(tree, 3000, random_seed=1)
    assert set(new["chain"].values) == {0, 1, 2, 3}
    assert set(new["component"].values) == {0, 1, 2}
    draw = tree["posterior"].to_dataset().isel(
        chain=xr.DataArray(new["chain"].values, dims="row"),
        draw=xr.DataArray(new["draw"].values, dims="row"),
        component=xr.DataArray(new["component"].values, dims="row"),
    )  # fmt: skip
    z = (new["x"].values - draw["means"].values) / draw["scales"].values
    assert np.abs(z.mean(axis=0)).max() < 4.5 / np.sqrt(3000)
    assert np.abs(z.std(axis=0) - 1).max() < 4.5 / np.sqrt(6000)


def test_same_seed_same_rows(tree):
    ours, again = (bg.generate(tree, 50, random_seed=3) for _ in range(2))
    xr.testing.assert_identical(ours, again)
    assert not ours["x"].equals(bg.generate(tree, 50, random_seed=4)["x"])


@pytest.mark.parametrize("n_rows", [0, -1, 2.5, True, "10"])
def test_refuses_a_senseless_number(tree, n_rows):
    with pytest.raises(bg.SpecificationError, match="n_rows"):
        bg.generate(tree, n_rows)


def test_the_order_of_rows_carries_nothing(tree):
    """Places against components, draws and features: 7 correlations, none above 4.5 standard
    errors; and as many changes of component from row to row as chance makes. Error rate below
    1e-4."""
    n_rows = 20_000
    new = bg.generate(tree, n_rows, random_seed=5)
    columns = [new["component"], new["chain"], new["draw"], *new["x"].values.T]
    for column in columns:
        correlation = np.corrcoef(np.arange(n_rows), column)[0, 1]
        assert abs(correlation) < 4.5 / np.sqrt(n_rows)
    shares = np.bincount(new["component"]) / n_rows
    expected = 1 - (shares**2).sum()
    changes = np.mean(np.diff(new["component"]) != 0)
    assert abs(changes - expected) < 4.5 * np.sqrt(expected * (1 - expected) / n_rows)


def test_draws_differ_and_a_point_does_not(tree):
    new = bg.generate(tree, 4000, random_seed=1)
    assert np.unique(new["draw"]).size > 900
    one = bg.generate(tree, 4000, uncertainty="point", random_seed=1)
    assert (np.unique(one["draw"]), np.unique(one["chain"])) == ([0], [0])
    assert one["feature"].equals(new["feature"])


def test_rows_of_a_point_have_its_moments(tree):
    """Standardized by the component they came from, rows of each are standard normal: 12 means
    and 12 variances within 4.5 standard errors, error rate below 2e-4."""
    new = bg.generate(tree, 20_000, uncertainty="point", random_seed=6)
    point = tree["point_estimate"]
    for component in range(3):
        rows = new["x"].values[new["component"].values == component]
        root = np.linalg.cholesky(point["covariances"].values[component])
        noise = np.linalg.solve(root, (rows - point["means"].values[component]).T)
        assert np.abs(noise.mean(axis=1)).max() < 4.5 / np.sqrt(len(rows))
        assert np.abs(noise.var(axis=1) - 1).max() < 4.5 * np.sqrt(2 / len(rows))
        products = np.corrcoef(noise)[np.triu_indices(4, 1)]
        assert np.abs(products).max() < 4.5 / np.sqrt(len(rows))


def given(weights=(0.2, 0.8), means=((0.0, 0.0), (50.0, -50.0)), **changes):
    arrays = {"weights": weights, "means": means, "scales": np.ones((2, 2)), **changes}
    return bg.MixtureParameters(
        **{name: np.asarray(array, dtype=float) for name, array in arrays.items()}
    )


def test_estimates_and_parameters_are_sources():
    """A share within 4.5 standard errors; components so far apart that rows tell them."""
    new = bg.generate(given(), 5000, random_seed=2)
    assert new["feature"].values.tolist() == ["x0", "x1"]
    assert np.array_equal(new["component"].values, new["x"].values[:, 0] > 25)
    assert abs(new["component"].values.mean() - 0.8) < 4.5 * np.sqrt(0.16 / 5000)
    rows = new["x"].values[:300]
    again = bg.generate(bg.estimate(rows, bg.MixtureSpec(2), random_seed=1), 100, random_seed=1)
    assert set(np.round(again["x"].values[:, 0] / 50).tolist()) == {0.0, 1.0}


def test_many_mixtures_are_drawn_from_in_turn():
    weights = np.array([[1.0, 0.0], [0.0, 1.0]])
    many = given(
        weights, np.repeat([[[0.0, 0.0], [50.0, 0.0]]], 2, axis=0), scales=np.ones((2, 2, 2))
    )
    new = bg.generate(many, 400, random_seed=1)
    assert np.array_equal(new["draw"].values, new["component"].values)


def test_the_prior_is_a_source():
    """Rows of the prior have the moments of what prior_predictive draws from the same prior:
    medians within 4.5 standard errors of the medians of 2000 rows each."""
    X = bg.datasets.load("penguins")[["bill_length_mm"]].dropna()
    prior = bg.prior_predictive(X, bg.MixtureSpec(2), n_draws=2000, n_rows=1, random_seed=1)
    ours = bg.generate(prior, 2000, random_seed=2)["x"].values.ravel()
    theirs = prior["prior_predictive"]["x"].values.ravel()
    assert bg.generate(prior, 3, random_seed=2)["feature"].values.tolist() == ["bill_length_mm"]
    spread = np.subtract(*np.quantile(theirs, [0.75, 0.25])) / 1.349
    error = np.sqrt(2) * 1.2533 * spread / np.sqrt(2000)
    assert abs(np.median(ours) - np.median(theirs)) < 4.5 * error


def test_some_components_only(tree):
    """Weights divided by their sum in every draw; a share within 4.5 standard errors."""
    new = bg.generate(tree, 20_000, components=[2, 0], random_seed=3)
    assert set(new["component"].values.tolist()) == {0, 2}
    weights = tree["posterior"]["weights"]
    share = float(
        (weights.sel(component=2) / weights.sel(component=[0, 2]).sum("component")).mean()
    )
    found = np.mean(new["component"].values == 2)
    assert abs(found - share) < 4.5 * np.sqrt(share * (1 - share) / 20_000)
    one = bg.generate(tree, 50, components=np.int64(1), random_seed=3)
    assert set(one["component"].values.tolist()) == {1}


@pytest.mark.parametrize("components", [3, [0, 0], [], "first", [0, "1"]])
def test_unknown_components_are_refused(tree, components):
    with pytest.raises(bg.SpecificationError, match=r"components.*\[0, 1, 2\]"):
        bg.generate(tree, 10, components=components)


def test_components_without_weight_are_refused():
    with pytest.raises(bg.SpecificationError, match=r"weights of .* are zero"):
        bg.generate(given((1.0, 0.0)), 10, components=1)


def test_blocks_of_rows_are_seamless(tree, monkeypatch):
    monkeypatch.setattr("bayesgmm.analysis.generation.generate._NUMBERS_AT_ONCE", 1000)
    new = bg.generate(tree, 3001, random_seed=1)
    assert np.isfinite(new["x"].values).all()
    assert abs(new["x"].values[:, 0].mean() - 44) < 2


def test_conditioned_rows_have_the_conditional_moments(tree):
    """Three means and six products of rows given a flipper of 210 mm, each within 4.5 standard
    errors of those that the draws of the fit give by the textbook: error rate below 1e-4 in all."""
    weights, means, covariances = all_draws(tree)
    variances, gaps = covariances[..., 2, 2], 210.0 - means[..., 2]
    heights = weights * np.exp(-(gaps**2) / (2 * variances)) / np.sqrt(variances)
    heights /= heights.sum(axis=1, keepdims=True)
    slopes = np.delete(covariances[..., 2], 2, axis=-1) / variances[..., None]
    centers = np.delete(means, 2, axis=-1) + slopes * gaps[..., None]
    rest = np.delete(np.delete(covariances, 2, axis=-1), 2, axis=-2)
    rest -= variances[..., None, None] * slopes[..., :, None] * slopes[..., None, :]

    conditional = bg.condition(tree, {"flipper_length_mm": 210.0})
    rows = bg.generate(conditional, 20_000, random_seed=12)["x"]
    assert rows["feature"].values.tolist() == ["bill_length_mm", "bill_depth_mm", "body_mass_g"]
    expect_moments(rows.values, *total_moments(heights, centers, rest))


def test_rows_of_a_condition_agree_with_rows_of_the_fit_near_it(tree):
    """The same moments by another way: rows of the fit whose flipper happens to be near 210 mm.

    Three means, each within 4.5 standard errors plus 1 % of a standard deviation, which the width
    of the window may shift them by. Error rate below 1e-4 in all.
    """
    anyone = bg.generate(tree, 200_000, random_seed=13)["x"].values
    near = anyone[np.abs(anyone[:, 2] - 210.0) < 0.5][:, [0, 1, 3]]
    given = bg.condition(tree, {"flipper_length_mm": 210.0})
    rows = bg.generate(given, 40_000, random_seed=14)["x"].values
    errors = np.sqrt(near.var(axis=0) / len(near) + rows.var(axis=0) / len(rows))
    gaps = np.abs(near.mean(axis=0) - rows.mean(axis=0))
    assert len(near) > 2000
    assert np.all(gaps < 4.5 * errors + 0.01 * rows.std(axis=0))
