"""Conditional and marginal mixtures of fits, estimates and parameters."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.stats import multivariate_normal, norm

import bayesgmm as bg
from bayesgmm.analysis.density.log_density import marginal_density
from bayesgmm.schema import record, validate
from bayesgmm.tree.fit import read_parameters

FLIPPER, MASS = "flipper_length_mm", "body_mass_g"
BILLS = ["bill_length_mm", "bill_depth_mm"]
ROW = [40.0, 18.0, 190.0, 3700.0]


@pytest.fixture(scope="module")
def at_210(tree) -> xr.DataTree:
    return bg.condition(tree, {FLIPPER: 210.0})


def test_every_draw_is_conditioned_as_by_hand(tree, at_210):
    before, after = (
        each["posterior"].to_dataset().isel(chain=2, draw=77) for each in (tree, at_210)
    )
    others = [0, 1, 3]
    covariances = before["covariances"].values
    across = covariances[:, 2][:, others]
    slopes = across / before["scales"].values[:, 2, None] ** 2
    gaps = 210.0 - before["means"].values[:, 2]
    means = before["means"].values[:, others] + slopes * gaps[:, None]
    weights = before["weights"] * norm.pdf(gaps, scale=before["scales"].values[:, 2])
    np.testing.assert_allclose(after["weights"], weights / weights.sum(), rtol=1e-10)
    np.testing.assert_allclose(after["means"], means, rtol=1e-12)
    rest = covariances[:, others][:, :, others] - slopes[:, :, None] * across[:, None]
    np.testing.assert_allclose(after["covariances"], rest, rtol=1e-9)
    assert after["feature"].values.tolist() == [*BILLS, MASS]


def test_marginal_times_conditional_is_the_joint_density(tree, at_210):
    """Under each draw; shown at the point estimate, which the trees carry along."""
    flippers = bg.marginalize(tree, FLIPPER)
    row = np.array([40.0, 18.0, 210.0, 3700.0])
    parts = [
        (each["point_estimate"], values)
        for each, values in ((tree, row), (flippers, row[2:3]), (at_210, row[[0, 1, 3]]))
    ]
    joint, marginal, conditional = (
        sum(
            float(w) * multivariate_normal.pdf(x, m, c)
            for w, m, c in zip(
                group["weights"], group["means"].values, group["covariances"].values, strict=True
            )
        )
        for group, x in parts
    )
    assert marginal * conditional == pytest.approx(joint, rel=1e-10)


def test_questions_about_new_rows_are_answered(tree, at_210):
    rows = [[40.0, 18.0, 3700.0], [48.0, 15.0, 5000.0]]
    assert bg.log_density(at_210, rows).sizes == {"obs_id": 2}
    np.testing.assert_allclose(bg.cluster(at_210, rows)["responsibilities"].sum("component"), 1.0)
    assert bg.summarize(at_210)["means"].sizes["feature"] == 3
    density = marginal_density(at_210, MASS, np.linspace(1000.0, 8000.0, 400), draws=20)
    total = density.integrate("point").sum("component").mean().item()
    assert total == pytest.approx(1.0, abs=1e-6)
    assert bg.generate(at_210, 20, random_seed=1)["x"].sizes == {"obs_id": 20, "feature": 3}


def test_rows_are_generated_conditionally(at_210):
    """Each of three means within 4.5 standard errors."""
    rows = bg.generate(at_210, 20_000, random_seed=3)["x"].values
    posterior = at_210["posterior"]
    mean = (posterior["weights"] * posterior["means"]).sum("component").mean(("chain", "draw"))
    assert np.all(np.abs(rows.mean(axis=0) - mean) < 4.5 * rows.std(axis=0) / np.sqrt(20_000))


def test_components_keep_their_numbers_and_draws_theirs(tree):
    some = tree.isel(draw=slice(100, 130, 10), chain=[1, 3])
    found = bg.condition(some, {FLIPPER: 190.0})["posterior"]
    assert found["draw"].values.tolist() == [100, 110, 120]
    assert found["chain"].values.tolist() == [1, 3]
    assert found["component"].values.tolist() == [0, 1, 2]


def test_one_step_after_another(tree):
    twice = bg.condition(bg.condition(tree, {FLIPPER: 210.0}), {MASS: 4500.0})
    once = bg.condition(tree, {MASS: 4500.0, FLIPPER: 210.0})
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(twice["posterior"][name], once["posterior"][name], rtol=1e-7)
    assert record(twice)["derived"] == [{"given": {FLIPPER: 210.0}}, {"given": {MASS: 4500.0}}]
    either = bg.marginalize(bg.condition(tree, {FLIPPER: 210.0}), BILLS)
    other = bg.condition(bg.marginalize(tree, [*BILLS, FLIPPER]), {FLIPPER: 210.0})
    np.testing.assert_allclose(
        either["posterior"]["means"], other["posterior"]["means"], rtol=1e-11
    )


def test_a_marginal_keeps_its_rows(tree):
    bills = bg.marginalize(tree, BILLS[::-1])
    assert bills["posterior"]["feature_bis"].values.tolist() == BILLS[::-1]
    assert np.array_equal(
        bills["observed_data"]["x"], tree["observed_data"]["x"].sel(feature=BILLS[::-1])
    )
    assert bg.log_density(bills).sizes == bg.cluster(bills)["label"].sizes == {"obs_id": 342}
    assert bg.partition(bills, max_draws=50)["label"].sizes == {"obs_id": 342}
    again = bg.posterior_predictive(bills, n_draws=3, random_seed=1)
    assert again["posterior_predictive"]["x"].shape == (4, 3, 342, 2)


def test_what_belongs_to_a_fit_is_not_kept(tree, at_210):
    for made in (at_210, bg.marginalize(tree, BILLS)):
        validate(made)
        assert "log_likelihood" not in made.children
        assert "diagnosis" not in made.children
        assert "spec" not in record(made)
        for question in (
            bg.diagnose,
            bg.relabel,
            bg.labeling_report,
            lambda made: bg.compare({"one": made, "other": made}),
        ):
            with pytest.raises(bg.SchemaError, match="conditional or marginal mixture"):
                question(made)


@pytest.mark.parametrize(
    "question",
    [
        bg.cluster, bg.log_density, bg.partition, bg.co_clustering, bg.merge_components,
        bg.posterior_predictive, bg.plot_clusters,
    ],
)  # fmt: skip
def test_there_are_no_rows_of_a_conditional_mixture(at_210, question):
    with pytest.raises(bg.DataError, match="has no rows of its own"):
        question(at_210)


def test_trees_can_be_saved(at_210, tmp_path):
    path = bg.save(at_210, tmp_path / "conditional.nc")
    assert bg.load(path).identical(at_210)


def test_neither_changes_the_fit(tree):
    before = tree.copy(deep=True)
    bg.condition(tree, {FLIPPER: 200.0})
    bg.marginalize(tree, BILLS)
    assert tree.identical(before)


def test_structures_without_correlations():
    rows = np.random.default_rng(0).normal(size=(60, 2)) * [1.0, 10.0]
    spec = bg.MixtureSpec(2, covariances=bg.Diagonal())
    fitted = bg.fit(rows, spec, engine=bg.Laplace(draws=20), random_seed=1, progress=False)
    found = bg.condition(fitted, {"x0": 0.5})
    assert "correlations" not in found["posterior"]
    assert np.array_equal(found["posterior"]["means"], fitted["posterior"]["means"][..., 1:])
    assert bg.generate(found, 5, random_seed=1)["x"].shape == (5, 1)


def test_parameters_keep_their_batch_axes(tree):
    many = read_parameters(tree["posterior"])
    found = bg.condition(many, {"x2": 210.0})
    assert found.batch_shape == (4, 1000)
    np.testing.assert_allclose(
        found.means, bg.condition(tree, {FLIPPER: 210.0})["posterior"]["means"], rtol=1e-12
    )
    assert bg.marginalize(many, np.array(["x3", "x0"])).means.shape == (4, 1000, 3, 2)


def test_a_point_estimate_gives_a_tree_with_names():
    X = bg.datasets.load("faithful")
    point = bg.estimate(X, bg.MixtureSpec(2), random_seed=1)
    found = bg.condition(point, {"eruptions": 3.0})["posterior"]["means"].values[0, 0]
    slope = point.covariances[:, 0, 1] / point.covariances[:, 0, 0]
    np.testing.assert_allclose(
        found[:, 0], point.means[:, 1] + slope * (3.0 - point.means[:, 0]), rtol=1e-12
    )


def test_a_prior_gives_a_prior():
    X = bg.datasets.load("faithful")
    prior = bg.prior_predictive(X, bg.MixtureSpec(2), n_draws=9, random_seed=1)
    found = bg.condition(prior, {X.columns[0]: 3.0})
    assert list(found.children) == ["prior"]
    assert found["prior"]["means"].sizes == {"chain": 1, "draw": 9, "component": 2, "feature": 1}
    assert bg.quantile(found, 0.5).sizes == {"feature": 1}


def test_far_from_zero_no_digits_are_lost():
    """At an offset of 2^27, which is about 1e8 and can be taken away without rounding."""
    offset = 2.0**27
    rng = np.random.default_rng(1)
    means = np.round(rng.normal(size=(2, 3)), 3)
    near = bg.MixtureParameters.from_covariances(
        np.array([0.4, 0.6]), (means + offset) - offset, np.stack([np.eye(3) + 0.4, 2 * np.eye(3)])
    )
    far = bg.MixtureParameters(near.weights, near.means + offset, near.scales, near.correlations)
    expected = bg.condition(near, {"x1": 0.5})
    found = bg.condition(far, {"x1": 0.5 + offset})
    np.testing.assert_allclose(found.weights, expected.weights, rtol=1e-12)
    np.testing.assert_allclose(found.means - offset, expected.means, atol=2e-8)


def test_a_value_that_no_row_has_is_told(tree):
    """Flippers of two meters; the longest of the table is 231 mm."""
    with pytest.warns(bg.BayesGMMWarning, match="standard deviations from the nearest component"):
        bg.condition(tree, {FLIPPER: 2000.0})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bg.condition(tree, {FLIPPER: 231.0})


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (dict.fromkeys([*BILLS, FLIPPER, MASS], 1.0), bg.DataError, "given names all features"),
        ({"wing": 1.0}, bg.DataError, r"given: unknown features \['wing'\]; there are \['bill"),
        ({FLIPPER: np.nan}, bg.DataError, "'flipper_length_mm' must be a finite number, not nan"),
        ({FLIPPER: np.inf}, bg.DataError, "finite number"),
        ({FLIPPER: "long"}, bg.DataError, "finite number, not 'long'"),
        ({FLIPPER: True}, bg.DataError, "finite number"),
        ({FLIPPER: 1e200}, bg.DataError, "too far from every component"),
        ({}, bg.SpecificationError, "given must be a name"),
        (210.0, bg.SpecificationError, "given must say a number for each feature"),
        ([FLIPPER], bg.SpecificationError, "given must say a number"),
    ],
)
def test_what_cannot_be_given(tree, given, error, message):
    with pytest.raises(error, match=message):
        bg.condition(tree, given)


@pytest.mark.parametrize(
    ("features", "error", "message"),
    [
        (["wing"], bg.DataError, r"features: unknown features \['wing'\]"),
        ([FLIPPER, FLIPPER], bg.DataError, "used more than once: \\['flipper"),
        ([], bg.SpecificationError, "features must be a name or a list of names"),
        ([2.5], bg.SpecificationError, "features must be a name or a list of names"),
    ],
)
def test_what_has_no_marginal(tree, features, error, message):
    with pytest.raises(error, match=message):
        bg.marginalize(tree, features)


@pytest.mark.parametrize("source", [[1.0], None, "fit.nc"])
def test_other_sources_are_refused(source):
    with pytest.raises(bg.SpecificationError, match="Expected a tree"):
        bg.condition(source, {"x0": 1.0})
    with pytest.raises(bg.SpecificationError, match="Expected a tree"):
        bg.marginalize(source, "x0")


def test_columns_with_numbers_for_names_are_called_by_these():
    rows = np.random.default_rng(0).normal(size=(30, 2))
    tree = bg.fit(
        pd.DataFrame(rows, columns=[0, 1]), bg.MixtureSpec(1), engine=bg.Laplace(draws=5),
        random_seed=1, progress=False,
    )  # fmt: skip
    one, other = bg.condition(tree, {0: 0.5}), bg.condition(tree, {"0": 0.5})
    assert one.identical(other)
