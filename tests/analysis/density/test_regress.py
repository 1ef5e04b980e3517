"""Regression: closed forms, conditional mixtures, and coverage of rows that were held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import norm

import bayesgmm as bg
from bayesgmm.tree.fit import read_parameters

FLIPPER, MASS = "flipper_length_mm", "body_mass_g"
BILLS = ["bill_length_mm", "bill_depth_mm"]


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit()


def test_one_component_is_linear_regression():
    """With its exact interval, at a point estimate by maximum likelihood."""
    X = bg.datasets.load("faithful")
    likelihood = bg.EM(objective="likelihood")
    point = bg.estimate(X, bg.MixtureSpec(1), solver=likelihood, random_seed=1)
    x, y = X.to_numpy().T
    slope, intercept = np.polyfit(x, y, 1)
    sd = np.std(y - intercept - slope * x)
    found = bg.regress(point, x, target="waiting", ci_prob=0.9)
    expected = intercept + slope * x
    np.testing.assert_allclose(found["mean"][:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(found["sd"], sd, rtol=1e-9)
    np.testing.assert_allclose(found["mean_sd"], 0.0, atol=1e-12)
    np.testing.assert_allclose(found["lower"][:, 0], norm.ppf(0.05, expected, sd), rtol=1e-9)
    np.testing.assert_allclose(found["upper"][:, 0], norm.ppf(0.95, expected, sd), rtol=1e-9)


def test_is_what_conditional_mixtures_say(tree):
    found = bg.regress(tree, pd.DataFrame({FLIPPER: [190.0, 210.0]}), max_draws=4000, random_seed=1)
    assert found["target"].values.tolist() == [*BILLS, MASS]
    for row, value in enumerate([190.0, 210.0]):
        one = bg.condition(tree, {FLIPPER: value})
        ends = bg.quantile(one, [0.055, 0.945])
        np.testing.assert_allclose(found["lower"][row], ends[0], rtol=1e-9)
        np.testing.assert_allclose(found["upper"][row], ends[1], rtol=1e-9)
        by_draw = (one["posterior"]["weights"] * one["posterior"]["means"]).sum("component")
        np.testing.assert_allclose(found["mean"][row], by_draw.mean(("chain", "draw")), rtol=1e-10)
        np.testing.assert_allclose(found["mean_sd"][row], by_draw.std(("chain", "draw")), rtol=1e-7)


def test_predictive_draws_agree_with_moments_and_interval(tree):
    """Each of 12 means within 4.5 standard errors, each of 12 tails within 4.5 binomial ones."""
    X = tree["observed_data"]["x"].sel(feature=[FLIPPER, *BILLS])[::60]
    n = 10_000
    found = bg.regress(tree, X, target=MASS, max_draws=n, random_seed=2)
    assert found["predictive"].dims == ("sample", "obs_id", "target")
    drawn = found["predictive"]
    assert np.all(np.abs(drawn.mean("sample") - found["mean"]) < 4.5 * found["sd"] / np.sqrt(n))
    error = np.sqrt(0.055 * 0.945 / n)
    assert np.all(np.abs((drawn < found["lower"]).mean("sample") - 0.055) < 4.5 * error)
    assert np.all(np.abs((drawn > found["upper"]).mean("sample") - 0.055) < 4.5 * error)
    assert np.array_equal(found["obs_id"], X["obs_id"])
    again = bg.regress(tree, X, target=MASS, max_draws=n, random_seed=2)
    assert again.identical(found)


def test_columns_go_by_name_and_the_rest_is_integrated_out(tree):
    frame = pd.DataFrame({BILLS[1]: [17.0, 15.0], FLIPPER: [195.0, 215.0]}, index=["a", "b"])
    found = bg.regress(tree, frame, target=MASS)
    turned = bg.regress(tree, frame[[FLIPPER, BILLS[1]]], target=[MASS])
    assert found.identical(turned)
    assert found["obs_id"].values.tolist() == ["a", "b"]
    alone = bg.regress(bg.marginalize(tree, [BILLS[1], FLIPPER, MASS]), frame, target=MASS)
    np.testing.assert_allclose(found["upper"], alone["upper"], rtol=1e-9)
    together = bg.regress(tree, frame, target=[MASS, BILLS[0]])
    np.testing.assert_allclose(together["mean"].sel(target=MASS), found["mean"][:, 0], rtol=1e-10)


def test_columns_without_names_are_all_but_the_targets(tree):
    rows = [[40.0, 18.0, 190.0], [48.0, 15.0, 215.0]]
    found = bg.regress(tree, rows, target=MASS)
    named = bg.regress(tree, pd.DataFrame(rows, columns=[*BILLS, FLIPPER]))
    np.testing.assert_allclose(found["mean"], named["mean"], rtol=1e-12)
    parameters = tree["point_estimate"]
    point = bg.regress(tree, rows, target=MASS, uncertainty="point")
    given = bg.regress(read_parameters(parameters), pd.DataFrame(rows), target="x3")
    np.testing.assert_allclose(given["lower"], point["lower"], rtol=1e-9)


def test_far_from_zero_no_digits_are_lost():
    """At an offset of 2^27, which is about 1e8 and can be taken away without rounding."""
    offset, rng = 2.0**27, np.random.default_rng(1)
    means = (rng.normal(size=(3, 2, 2)) + offset) - offset
    covariances = np.broadcast_to(np.array([[1.0, 0.7], [0.7, 2.0]]), (3, 2, 2, 2))
    near = bg.MixtureParameters.from_covariances(np.full((3, 2), 0.5), means, covariances)
    far = bg.MixtureParameters(near.weights, means + offset, near.scales, near.correlations)
    x = np.linspace(-2, 2, 9)
    expected = bg.regress(near, (x + offset) - offset, target="x1")
    found = bg.regress(far, x + offset, target="x1")
    for name in ("mean", "lower", "upper"):
        np.testing.assert_allclose(found[name] - offset, expected[name], atol=3e-8)
    for name in ("sd", "mean_sd"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-7)


def test_one_row_of_many_draws_of_a_prior():
    X = bg.datasets.load("faithful")
    prior = bg.prior_predictive(X, bg.MixtureSpec(2), n_draws=30, random_seed=1)
    found = bg.regress(prior, X.iloc[:1, :1])
    assert found["lower"].item() < found["mean"].item() < found["upper"].item()


def held_out(X: pd.DataFrame, target: str, n_components: int, probability: float) -> float:
    """The share of rows whose target the interval holds, of five folds, each left out of a fit."""
    folds = np.random.default_rng(8).permutation(len(X)) % 5
    held = np.empty(len(X), dtype=bool)
    for fold in range(5):
        engine = bg.Gibbs(draws=250, tune=250, chains=2)
        tree = bg.fit(
            X[folds != fold], bg.MixtureSpec(n_components), engine=engine, random_seed=fold,
            progress=False,
        )  # fmt: skip
        rest = X[folds == fold]
        found = bg.regress(tree, rest.drop(columns=target), ci_prob=probability)
        y = rest[target].to_numpy()
        held[folds == fold] = (found["lower"][:, 0] <= y) & (y <= found["upper"][:, 0])
    return float(held.mean())


def penguins() -> pd.DataFrame:
    return bg.datasets.load("penguins")[[*BILLS, FLIPPER, MASS]].dropna()


def wholesale() -> pd.DataFrame:
    X = bg.datasets.load("wholesale_customers")
    return np.log(X[["fresh", "milk", "grocery", "frozen", "detergents_paper", "delicassen"]])


COVERAGE = {
    "mass of penguins": (penguins, MASS, 3),
    "flippers of penguins": (penguins, FLIPPER, 3),
    "waiting for a geyser": (lambda: bg.datasets.load("faithful"), "waiting", 2),
    "fresh goods": (wholesale, "fresh", 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("probability", [0.5, 0.9])
@pytest.mark.parametrize("name", COVERAGE)
def test_intervals_hold_rows_that_were_held_out(name, probability):
    """Within 3 binomial standard errors: eight shares, error rate below 3 % if all is exact."""
    table, target, n_components = COVERAGE[name]
    X = table()
    share = held_out(X, target, n_components, probability)
    assert abs(share - probability) < 3 * np.sqrt(probability * (1 - probability) / len(X))


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        (pd.DataFrame({"wing": [1.0]}), {}, bg.DataError, r"X: unknown features \['wing'\]"),
        (pd.DataFrame({MASS: [1.0]}), {"target": MASS}, bg.DataError, "both given and targets"),
        (pd.DataFrame({MASS: [np.inf]}), {}, bg.DataError, "infinite"),
        (pd.DataFrame({MASS: [1e90]}), {"target": "wing"}, bg.DataError, "target: unknown feat"),
        (
            pd.DataFrame([[1.0] * 4], columns=[*BILLS, FLIPPER, MASS]), {},
            bg.DataError, "No target is left",
        ),
        ([[1.0]], {"target": [*BILLS, FLIPPER, MASS]}, bg.DataError, "No given feature is left"),
        ([[1.0, 2.0]], {"target": MASS}, bg.DataError, "3 features"),
        ([[1.0]], {}, bg.SpecificationError, "target must be said"),
        ([[1.0] * 3], {"target": []}, bg.SpecificationError, "target must be a name or a list"),
        ([[1.0] * 3], {"target": MASS, "max_draws": 0}, bg.SpecificationError, "max_draws"),
        ([[1.0] * 3], {"target": MASS, "ci_prob": 1}, bg.SpecificationError, "ci_prob"),
        ([[1.0] * 3], {"target": MASS, "uncertainty": "all"}, bg.SpecificationError, "uncertainty"),
        ([[1.0] * 3], {"target": [MASS, MASS]}, bg.DataError, "more than once"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked(tree, X, options, error, message):
    with pytest.raises(error, match=message):
        bg.regress(tree, X, **options)


def test_rows_too_far_away_are_named():
    tiny = bg.MixtureParameters(np.ones(1), np.zeros((1, 2)), np.full((1, 2), 1e-90))
    with pytest.raises(bg.DataError, match="1 row of X lies too far from every component: row 1"):
        bg.regress(tiny, [0.0, 1e90], target="x1")
