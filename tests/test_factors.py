"""Answers about factor analyzers: from draws that come back, without matrices of every draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.quantities import _total_covariance
from bayesgmm.parameters import FactoredCorrelations
from bayesgmm.report.material import Material
from bayesgmm.report.sections.fitted import fitted as reported_model
from bayesgmm.report.sections.prior import prior as reported_prior
from bayesgmm.tree.fit import Fit
from tests.estimation.test_factor_steps import clustered_rows

GIBBS = bg.Gibbs(draws=40, tune=40, chains=2)
SPEC = bg.MixtureSpec(2, covariances=bg.Factors(2))
PARAMETERS = ("weights", "means", "scales", "loadings", "uniquenesses")


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return clustered_rows(80, 18, k=2)[0]


@pytest.fixture(scope="module")
def fitted(table) -> xr.DataTree:
    with pytest.warns(bg.ConvergenceWarning):
        return bg.fit(table, SPEC, engine=GIBBS, random_seed=1, progress=False)


@pytest.mark.parametrize("spec", [SPEC, None])
def test_draws_come_back(fitted, table, spec):
    with pytest.warns(bg.ConvergenceWarning):
        back = bg.from_draws(fitted["posterior"].to_dataset(), table, spec, random_seed=1)
    for name in PARAMETERS:
        assert_array_equal(back["posterior"][name].values, fitted["posterior"][name].values)
    assert_allclose(bg.log_density(back).values, bg.log_density(fitted).values, rtol=1e-12)
    if spec is not None:
        ours, theirs = (tree["sample_stats"]["lp"].values for tree in (back, fitted))
        assert_allclose(ours, theirs, rtol=1e-9)


def test_draws_of_matrices_are_not_those_of_factors(fitted, table):
    posterior = fitted["posterior"].to_dataset()
    plain = posterior.drop_vars(["loadings", "uniquenesses"])
    covariances = Fit(fitted).draws.covariances
    plain["covariances"] = (("chain", "draw", "component", "feature", "feature_bis"), covariances)
    with pytest.raises(bg.SpecificationError, match="'loadings'"):
        bg.from_draws(plain, table, SPEC)
    with pytest.raises(bg.SpecificationError, match="1 factor"):
        bg.from_draws(posterior, table, replace(SPEC, covariances=bg.Factors(1)))


def test_contradictions_are_noticed(fitted, table):
    posterior = fitted["posterior"].to_dataset()
    with pytest.raises(bg.BayesGMMError, match="contradict"):
        bg.from_draws(posterior.assign(loadings=2 * posterior["loadings"]), table)


def test_covariances_of_the_mixture_are_those_of_its_matrices(fitted):
    draws = Fit(fitted).draws
    dense = replace(draws, correlations=np.asarray(draws.correlations))
    assert_allclose(_total_covariance(draws), _total_covariance(dense), rtol=1e-10, atol=1e-12)


def test_parts_are_those_of_a_mixture_with_matrices(fitted):
    names = list(fitted["posterior"]["feature"].values)
    others = bg.marginalize(fitted, names[1:])
    assert "loadings" in others["posterior"]
    full = Fit(fitted).draws.covariances
    assert_allclose(Fit(others).draws.covariances, full[..., 1:, 1:], rtol=1e-10)
    given = bg.condition(fitted, {names[0]: 0.4})
    slopes = full[..., 1:, :1] / full[..., :1, :1]
    expected = full[..., 1:, 1:] - slopes @ full[..., :1, 1:]
    assert_allclose(Fit(given).draws.covariances, expected, rtol=1e-8, atol=1e-10)


def test_few_answers_make_the_matrices_of_all_draws(fitted, table, monkeypatch):
    def refuse(self, *_, **__):
        assert self.uniquenesses.ndim < 3 or self.uniquenesses.shape[-1] < 10
        return made(self)

    made = FactoredCorrelations.__array__
    monkeypatch.setattr(FactoredCorrelations, "__array__", refuse)
    bg.diagnose(bg.undo_relabeling(fitted))
    for answer in (bg.cluster, bg.log_density, bg.summarize):
        answer(fitted)
    bg.cdf(fitted, [0.0, 1.0], feature="x3")
    bg.quantile(fitted, [0.1, 0.9], feature="x3")
    bg.highest_density_region(fitted, feature="x3")
    bg.posterior_predictive(fitted, n_draws=20)
    bg.plot_density(fitted, ["x0", "x1"])
    bg.prior_predictive(table, SPEC, n_draws=20)


def test_regression_on_many_features(table):
    found = bg.estimate(table, SPEC, random_seed=1)
    names = [f"x{number}" for number in range(18)]
    X = pd.DataFrame(table[:3], columns=names).drop(columns="x0")
    predicted, one = bg.regress(found, X, target="x0"), found.parameters
    for row, mean in zip(table[:3, 1:], predicted["mean"].values.ravel(), strict=True):
        logs, means = [], []
        for weight, own, matrix in zip(one.weights, one.means, one.covariances, strict=True):
            slopes = np.linalg.solve(matrix[1:, 1:], matrix[1:, 0])
            logs.append(np.log(weight) + multivariate_normal(own[1:], matrix[1:, 1:]).logpdf(row))
            means.append(own[0] + slopes @ (row - own[1:]))
        assert mean == pytest.approx(softmax(logs) @ np.array(means), rel=1e-8)


def test_calibration_takes_factors():
    spec = bg.MixtureSpec(
        2, means=bg.NormalMeans(0.0, 3.0), covariances=bg.Factors(1, scales=bg.HalfT(1.0, 3.0)),
        resolution=0.01,
    )  # fmt: skip
    engine = bg.Gibbs(draws=60, tune=30, chains=1)
    found = bg.calibrate(
        spec, engine, n_rows=30, n_features=3, n_replications=3, n_draws=20, random_seed=1,
        progress=False,
    )  # fmt: skip
    assert found is not None


@pytest.mark.slow
def test_a_report_names_factors_that_were_not_compared(fitted, table, tmp_path):
    compared = bg.select(
        table, [1, 2], [bg.Factors(1), bg.Diagonal()], random_seed=1, progress=False
    )
    page = bg.write_report(fitted, tmp_path / "page.html", selection=compared, progress=False)
    assert "Factors(2)" in page.read_text()


def test_the_model_and_its_prior_are_told(fitted):
    material = Material.of(Fit(fitted), None)
    model, beliefs = reported_model(material).markup(), reported_prior(material).markup()
    assert "caused by 2 unobserved factors; the rest of each feature is independent" in model
    assert "square roots of the uniquenesses follow a half-t distribution" in beliefs


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_factors": 0}, "n_factors"), ({"n_factors": 1.5}, "n_factors"),
        ({"n_factors": "2"}, "n_factors"), ({"equal_uniquenesses": "yes"}, "equal_uniquenesses"),
        ({"shared": 1}, "shared"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense(options, words):
    with pytest.raises(bg.SpecificationError, match=words):
        bg.Factors(**options)


@pytest.mark.parametrize("q", [18, 30])
def test_more_factors_than_features_are_refused(table, q):
    with pytest.raises(bg.SpecificationError, match="fewer factors than features"):
        bg.estimate(table, bg.MixtureSpec(2, covariances=bg.Factors(q)))


def test_one_feature_has_no_factors(table):
    spec = bg.MixtureSpec(2, covariances=bg.Factors(3))
    plain = bg.MixtureSpec(2, covariances=bg.Diagonal())
    ours, theirs = (bg.estimate(table[:, :1], one, random_seed=1) for one in (spec, plain))
    assert ours.objective == pytest.approx(theirs.objective)
