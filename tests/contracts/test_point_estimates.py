"""Everything public that takes a fit takes a point estimate, or says why it cannot."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

import bayesgmm as bg
from bayesgmm.schema import validate
from bayesgmm.tree.fit import Fit

NAMES = ["width", "height"]


def example_table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal(4, 1.5, (30, 2))])
    return pd.DataFrame(rows, columns=NAMES, index=[f"row {i}" for i in range(70)])


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return example_table()


@pytest.fixture(scope="module")
def point(table) -> bg.PointEstimate:
    return bg.estimate(table, bg.MixtureSpec(2), random_seed=1)


def log_joint(point: bg.PointEstimate, rows: np.ndarray) -> np.ndarray:
    """Return log pi_k + log N(x_i | mu_k, Sigma_k) by SciPy, shape (n, k)."""
    parts = zip(point.weights, point.means, point.covariances, strict=True)
    return np.stack(
        [np.log(weight) + multivariate_normal.logpdf(rows, *normal) for weight, *normal in parts], 1
    )


ANSWERED: dict[str, dict[str, Any]] = {
    "agreement": {"truth": [0] * 40 + [1] * 30, "max_draws": 20},
    "cdf": {"X": [[1.0, 2.0]], "n_rows": 500},
    "cluster": {},
    "co_clustering": {"max_draws": 20},
    "condition": {"given": {"width": 1.0}},
    "generate": {"n_rows": 5},
    "highest_density_region": {"n_rows": 500},
    "impute": {"n_imputations": 2},
    "undo_relabeling": {},
    "log_density": {},
    "marginalize": {"features": "height"},
    "merge_components": {},
    "overlap": {},
    "partition": {"max_draws": 20, "n_runs": 2},
    "plot_certainty": {},
    "plot_clusters": {},
    "plot_co_clustering": {"max_draws": 20},
    "plot_density": {"features": ["width"]},
    "plot_predictive": {"features": ["width"], "max_draws": 20},
    "posterior_predictive": {"n_draws": 3},
    "quantile": {"q": 0.5, "feature": "width"},
    "resample": {"engine": bg.Laplace(draws=50), "progress": False},
    "regress": {"X": pd.DataFrame({"width": [1.0]})},
    "relabel": {},
    "save": {},
    "summarize": {},
}
"""What takes an estimate, with the options that it is called with here."""

REFUSED: dict[str, dict[str, Any]] = {
    "compare": {},
    "credible_ball": {"partition": [0] * 70},
    "diagnose": {},
    "evidence": {},
    "labeling_report": {},
    "plot_components": {},
    "plot_label_switching": {},
    "plot_number_of_components": {},
    "plot_ranks": {},
    "plot_traces": {},
    "plot_weights": {},
    "representative_partitions": {"n_partitions": 2},
    "write_report": {},
}
"""What asks about draws."""


def test_the_lists_are_complete():
    """A new public function of a fit must say whether it takes an estimate."""
    functions = {name: getattr(bg, name) for name in bg.__all__}
    first = {
        name: next(iter(inspect.signature(function).parameters), "")
        for name, function in functions.items()
        if inspect.isfunction(function)
    }
    asking = {name for name, word in first.items() if word in ("mixture", "tree", "trees")}
    assert asking == ANSWERED.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", ANSWERED)
def test_an_estimate_is_answered(name, point, tmp_path):
    place = {"path": tmp_path / "point.nc"} if name == "save" else {}
    answer = getattr(bg, name)(point, **ANSWERED[name], **place)
    for kind in (xr.Dataset, xr.DataArray):
        if isinstance(answer, kind) and "feature" in answer.coords:
            assert set(np.atleast_1d(answer["feature"].values)) <= set(NAMES)


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("as_what", ["estimate", "tree"])
def test_what_needs_draws_is_refused_in_words(name, as_what, point, tmp_path):
    asked = point if as_what == "estimate" else Fit.of(point).tree
    asked = {"a": asked, "b": asked} if name == "compare" else asked
    place = {"path": tmp_path / "point.html"} if name == "write_report" else {}
    with pytest.raises(bg.SchemaError, match=f"{name} asks about posterior draws.*resample"):
        getattr(bg, name)(asked, **REFUSED[name], **place)


def test_log_densities_are_those_of_scipy(point, table):
    joint = log_joint(point, table.to_numpy())
    found = bg.log_density(point)
    assert_allclose(found, logsumexp(joint, axis=1), rtol=1e-10)
    assert_array_equal(found["obs_id"], table.index)
    assert_allclose(found.sum(), point.log_likelihood, rtol=1e-10)
    assert_allclose(bg.log_density(point, table[["height", "width"]]), found, rtol=1e-12)


def test_clusters_are_responsibilities_by_bayes_theorem(point, table):
    joint = log_joint(point, table.to_numpy())
    expected = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    found = bg.cluster(point)
    assert_allclose(found["responsibilities"], expected, atol=1e-10)
    assert_array_equal(found["label"], expected.argmax(axis=1))
    assert_array_equal(found["core"], ~found["unsure"])
    assert found[["lower", "upper"]].isnull().all().to_array().all()
    assert found.attrs["interval"].startswith("none")
    together = (expected @ expected.T)[0, 1]
    assert_allclose(bg.co_clustering(point)[0, 1], together, rtol=1e-10)


def test_a_summary_says_that_nothing_is_said_of_uncertainty(point):
    found = bg.summarize(point)
    for name, values in (("weights", point.weights), ("means", point.means)):
        assert_array_equal(found[name].sel(statistic="mean"), values)
        assert found[name].sel(statistic=["sd", "lower", "upper"]).isnull().all()
    assert found.attrs["interval"].startswith("none")
    assert found["feature"].values.tolist() == NAMES


def test_a_missing_cell_is_a_mixture_of_regressions(point):
    """Mean and variance by the laws of total expectation and variance."""
    done = bg.impute(point, pd.DataFrame({"width": [1.5], "height": [np.nan]}), 3)
    means, covariances = point.means, point.covariances
    sds = np.sqrt(covariances[:, 0, 0])
    shares = point.weights * norm.pdf(1.5, means[:, 0], sds)
    shares /= shares.sum()
    slopes = covariances[:, 0, 1] / covariances[:, 0, 0]
    centers = means[:, 1] + slopes * (1.5 - means[:, 0])
    spreads = covariances[:, 1, 1] - slopes * covariances[:, 0, 1]
    mean = shares @ centers
    sd = np.sqrt(shares @ (spreads + centers**2) - mean**2)
    assert_allclose(done.cells["mean"], mean, rtol=1e-9)
    assert_allclose(done.cells["sd"], sd, rtol=1e-9)
    assert done.cells.attrs["interval"] == "89% equal-tailed interval, conditional on the estimate"


def test_columns_keep_their_names(point):
    assert point.feature_names == tuple(NAMES)
    assert "deviation of width, height\n" in repr(point)
    at = bg.condition(point, {"width": 1.0})
    assert bg.quantile(at, 0.5)["feature"].values.tolist() == ["height"]
    assert bg.generate(point, 3, random_seed=1)["feature"].values.tolist() == NAMES
    figure = bg.plot_clusters(point)
    assert figure.axes[0].get_xlabel() == "width"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "point estimate (ellipses hold 89%)" in texts
    assert not any("posterior" in text for text in texts)


def test_it_is_kept_as_a_tree_that_answers_the_same(point, tmp_path):
    tree = bg.load(bg.save(point, tmp_path / "point.nc"))
    validate(tree)
    assert Fit(tree).is_point
    assert tree["posterior"]["means"].shape == (1, 1, 2, 2)
    assert_array_equal(tree["posterior"]["means"][0, 0], point.means)
    for ask in (bg.cluster, bg.log_density, bg.summarize):
        assert ask(tree).identical(ask(point))
    assert str(tree["point_estimate"].attrs["status"]) == point.status.value


def test_what_is_drawn_under_an_estimate_is_drawn_as_often_as_asked(point):
    """Of 400 allocations, a share within five standard errors of the responsibility."""
    replicated = bg.posterior_predictive(point, n_draws=4, random_seed=1)
    assert replicated["posterior_predictive"]["x"].shape == (1, 4, 70, 2)
    found = bg.agreement(point, [0] * 40 + [1] * 30, max_draws=400)
    assert found["adjusted_rand"].shape == (1, 400)
    drawn = bg.co_clustering(point, method="allocations", max_draws=400)
    exact = bg.co_clustering(point)
    error = np.sqrt(exact * (1 - exact) / 400)
    assert bool((abs(drawn - exact) < 5 * error + 0.01).all())


def test_refining_is_fitting_without_the_search(table):
    """From the mode that a fit finds with the same seed, chains start alike."""
    spec, engine = bg.MixtureSpec(2), bg.Laplace(draws=30)
    drawn = bg.resample(
        bg.estimate(table, spec, random_seed=1), engine=engine, random_seed=1, progress=False
    )
    fitted = bg.fit(table, spec, engine=engine, random_seed=1, progress=False)
    assert_allclose(drawn["posterior"]["means"], fitted["posterior"]["means"], atol=1e-3)
    assert drawn["posterior"]["feature"].values.tolist() == NAMES


def test_components_can_be_put_in_another_order(point):
    by = bg.relabel(point, order_by={"width": -1.0})
    means = by["posterior"]["means"].sel(feature="width")[0, 0]
    assert_allclose(means, np.sort(point.means[:, 0])[::-1])


def test_rows_weights_and_labels_are_remembered(table):
    weights = np.r_[np.full(40, 2.0), np.ones(30)]
    labels = ["a"] * 3 + [None] * 64 + ["b"] * 3
    point = bg.estimate(
        table, bg.MixtureSpec(2), random_seed=1, sample_weight=weights, labels=labels
    )
    found = bg.cluster(point)
    assert found["component"].values.tolist() == ["a", "b"]
    assert found["label"].values[[0, -1]].tolist() == ["a", "b"]
    assert_array_equal(Fit.of(point).tree["constant_data"]["sample_weight"], weights)


def test_estimates_that_are_none_are_refused(point):
    rows = [[0.0], [0.0], [0.0], [1.0], [2.0]]
    with pytest.warns(bg.ConvergenceWarning):
        collapsed = bg.estimate(rows, bg.MixtureSpec(2), solver=bg.EM("likelihood"), random_seed=1)
    with pytest.raises(bg.SchemaError, match="EM did not converge to a valid estimate"):
        bg.cluster(collapsed)
    alone = bg.PointEstimate(point.parameters, 0.0, 0.0, point.trace, point.status, point.starts)
    assert alone.feature_names == ("x0", "x1")
    with pytest.raises(bg.SchemaError, match="does not know its rows"):
        bg.cluster(alone)


@pytest.mark.parametrize("structure", [bg.Tied(), bg.Spherical(), bg.InverseWishart()])
def test_other_structures_and_maximum_likelihood(structure, table):
    solver = bg.EM("likelihood", n_starts=4)
    spec = bg.MixtureSpec(2, covariances=structure)
    point = bg.estimate(table + 1e6, spec, solver=solver, random_seed=1)
    assert_allclose(bg.log_density(point).sum(), point.log_likelihood, rtol=1e-9)


def test_the_command_line_asks_saved_estimates(point, tmp_path):
    from typer.testing import CliRunner

    from bayesgmm.cli.app import app

    bg.save(point, tmp_path / "point.nc")
    out = tmp_path / "clusters.csv"
    result = CliRunner().invoke(app, ["cluster", str(tmp_path / "point.nc"), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert_array_equal(pd.read_csv(Path(out))["label"], bg.cluster(point)["label"])
    result = CliRunner().invoke(app, ["diagnose", str(tmp_path / "point.nc")])
    assert result.exit_code != 0
    assert "no chains" in " ".join(result.output.split())
