"""New rows have the moments that the posterior says."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit()


def predictive_moments(tree: xr.DataTree) -> tuple[np.ndarray, np.ndarray]:
    """Mean and covariance of the predictive distribution, by the law of total covariance."""
    posterior = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
    weights = posterior["weights"].transpose("sample", "component").values
    means = posterior["means"].transpose("sample", "component", "feature").values
    covariances = posterior["covariances"].transpose("sample", "component", ...).values
    if covariances.shape[-1] != means.shape[-1]:
        raise AssertionError("features come last")
    mean = np.einsum("sk,skd->d", weights, means) / len(weights)
    centred = means - mean
    spread = covariances + centred[..., :, None] * centred[..., None, :]
    return mean, np.einsum("sk,skij->ij", weights, spread) / len(weights)


def test_moments_are_those_of_the_predictive_distribution(tree):
    """Each of 14 moments within 4.5 standard errors: error rate below 1e-4 in all."""
    n_rows = 20_000
    rows = bg.generate(tree, n_rows, random_seed=9)["x"].values
    mean, covariance = predictive_moments(tree)
    errors = np.sqrt(np.diag(covariance) / n_rows)
    assert np.all(np.abs(rows.mean(axis=0) - mean) < 4.5 * errors)
    centred = rows - mean
    products = centred[:, :, None] * centred[:, None, :]
    errors = products.std(axis=0) / np.sqrt(n_rows)
    assert np.all(np.abs(products.mean(axis=0) - covariance) < 4.5 * errors)


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
