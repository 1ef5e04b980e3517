"""The posterior behind scikit-learn's verbs: the same answers as the functions on trees."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bayesgmm as bg
from bayesgmm.estimators.spec_from_parameters import compact

ROUGH = pytest.mark.filterwarnings("ignore:An approximation:bayesgmm.errors.ConvergenceWarning")
"""For fits to few rows, which a normal distribution approximates badly, as their warning says."""

QUICK = {"engine": bg.Laplace(draws=100), "solver": bg.EM(n_starts=3), "random_state": 3}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Two clouds of 60 and 40 rows, apart."""
    rng = np.random.default_rng(5)
    rows = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(0, 1, (40, 2)) + [6.0, 4.0]])
    index = [f"bird {number}" for number in range(100)]
    return pd.DataFrame(rows * [1.0, 10.0], columns=["length", "width"], index=index)


@pytest.fixture(scope="module")
def model(table) -> bg.BayesianGaussianMixture:
    return bg.BayesianGaussianMixture(2, **QUICK).fit(table)


def test_the_tree_is_that_of_fit(model, table):
    expected = bg.fit(
        table, bg.MixtureSpec(2), engine=QUICK["engine"], solver=QUICK["solver"],
        random_seed=3, progress=False,
    )  # fmt: skip
    assert model.idata_.identical(expected)
    assert model.n_features_in_ == 2
    assert model.feature_names_in_.tolist() == ["length", "width"]
    assert model.idata_["observed_data"]["obs_id"].values[3] == "bird 3"


def test_answers_are_averages_over_the_posterior(model, table):
    clusters, density = bg.cluster(model.idata_), bg.log_density(model.idata_)
    for answer in (model.predict_proba(table), model.transform(table)):
        assert_allclose(answer, clusters["responsibilities"], rtol=1e-12)
    assert_array_equal(model.predict(table), clusters["label"])
    assert_array_equal(model.fit_predict(table), clusters["label"])
    assert_allclose(model.score_samples(table), density)
    assert model.score(table) == pytest.approx(float(density.mean()))
    weights = np.arange(100.0)
    expected = np.average(density, weights=weights)
    assert model.score(table, sample_weight=weights) == pytest.approx(expected)


def test_parameters_are_posterior_means(model):
    means = bg.summarize(model.idata_).sel(statistic="mean")
    assert_allclose(model.weights_, means["weights"])
    assert_allclose(model.means_, means["means"])
    covariances = model.idata_["posterior"]["covariances"].mean(("chain", "draw"))
    assert_allclose(model.covariances_, covariances)


def test_an_approximation_is_no_converged_sample_and_no_news(model):
    """The fixture was fitted with warnings as errors."""
    assert not model.converged_
    assert str(model.diagnosis_) == str(bg.diagnose(model.idata_))


@pytest.mark.parametrize(
    ("name", "shape"),
    [("full", (2, 3, 3)), ("tied", (3, 3)), ("diag", (2, 3)), ("spherical", (2,)),
     ("tied-diagonal", (3,)), ("tied-spherical", ()), ("inverse-wishart", (2, 3, 3)),
     ("tied-inverse-wishart", (3, 3))],
)  # fmt: skip
def test_covariances_have_the_shape_of_their_structure(name, shape):
    rows = np.random.default_rng(1).normal(size=(60, 3))
    rows[:30] += 6.0
    model = bg.BayesianGaussianMixture(2, covariance_type=name, **QUICK).fit(rows)
    assert model.covariances_.shape == shape
    posterior = model.idata_["posterior"]
    whole = posterior["covariances"].mean(("chain", "draw")).values
    assert_array_equal(model.covariances_, compact(whole, structure(model)))
    if name in ("full", "tied", "diag", "spherical"):
        theirs = GaussianMixture(2, covariance_type=name, random_state=0).fit(rows)
        assert theirs.covariances_.shape == shape


def structure(model):
    from bayesgmm.tree.fit import Fit

    return Fit(model.idata_).spec.covariances


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_criteria_are_those_of_scikit_learn_at_the_mode(name, table):
    """The other package, given the mode as its parameters."""
    model = bg.BayesianGaussianMixture(2, covariance_type=name, **QUICK).fit(table)
    mode = model.idata_["point_estimate"]
    theirs = GaussianMixture(2, covariance_type=name)
    theirs.weights_, theirs.means_ = mode["weights"].values, mode["means"].values
    theirs.covariances_ = compact(mode["covariances"].values, structure(model))
    theirs.precisions_cholesky_ = precisions_cholesky(theirs.covariances_, name)
    assert model.bic(table) == pytest.approx(theirs.bic(table.to_numpy()))
    assert model.aic(table) == pytest.approx(theirs.aic(table.to_numpy()))


def precisions_cholesky(covariances, name):
    if name in ("diag", "spherical"):
        return 1 / np.sqrt(covariances)
    return np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2)


def test_criteria_count_rows_as_often_as_their_weights(model, table):
    weights = np.arange(100) % 3
    repeated = table.iloc[np.repeat(np.arange(100), weights)]
    for ask in (model.bic, model.aic):
        assert ask(table, sample_weight=weights) == pytest.approx(ask(repeated))


def test_samples_come_from_the_posterior_predictive(model):
    """A mean of 4000 rows lies within four standard errors; a failure in 8000 fits for each."""
    rows, components = model.sample(4000)
    assert rows.shape == (4000, 2)
    assert components.dtype.kind == "i"
    share = (components == 0).mean()
    assert abs(share - model.weights_[0]) < 4 * np.sqrt(0.25 / 4000)
    chosen = rows[components == 0]
    errors = chosen.std(axis=0) / np.sqrt(len(chosen))
    assert np.all(abs(chosen.mean(axis=0) - model.means_[0]) < 4 * errors)
    assert_array_equal(rows, model.sample(4000)[0])
    with pytest.raises(bg.SpecificationError, match="whole number"):
        model.sample(0)


def test_pictures_are_of_the_posterior(model):
    assert isinstance(model.plot, bg.Plots)
    assert model.plot.tree is model.idata_


def test_resample_goes_on_without_em(model, table, monkeypatch):
    refined = pickle.loads(pickle.dumps(model))
    monkeypatch.setattr(bg.EM, "run", None)
    before = refined.get_params()
    assert refined.resample(bg.Gibbs(draws=1000, tune=200, chains=2)) is refined
    assert refined.idata_["posterior"].sizes["chain"] == 2
    assert refined.get_params() == before
    errors = model.idata_["posterior"]["means"].std(("chain", "draw")).values
    assert np.all(abs(refined.means_ - model.means_) < errors)
    assert_array_equal(refined.predict(table), model.predict(table))
    expected = bg.resample(model.idata_, engine=bg.Laplace(), random_seed=3, progress=False)
    assert refined.resample("laplace").idata_.identical(expected)


def test_weights_and_labels_go_to_the_fit(table):
    weights = np.arange(100) % 3
    weighted = bg.BayesianGaussianMixture(2, **QUICK).fit(table, sample_weight=weights)
    repeated = bg.BayesianGaussianMixture(2, **QUICK)
    repeated.fit(table.iloc[np.repeat(np.arange(100), weights)])
    assert_allclose(weighted.means_, repeated.means_, rtol=1e-5)
    labels = [None] * 98 + ["small", "large"]
    asked = bg.BayesianGaussianMixture(2, **QUICK)
    found = asked.fit_predict(table, labels=labels)
    assert asked.idata_["posterior"]["component"].values.tolist() == ["large", "small"]
    assert found[98] == 1  # as the label says, and not where the row lies
    assert asked.predict(table)[98] == 0
    assert set(asked.sample(50)[1]) <= {0, 1}


def test_cells_may_be_missing(model, table):
    gaps = table.copy()
    gaps.iloc[::5, 1] = np.nan
    known = bg.BayesianGaussianMixture(2, **QUICK).fit(gaps)
    assert_allclose(known.predict_proba(gaps), bg.cluster(known.idata_)["responsibilities"])
    assert (known.predict(gaps) == model.predict(table)).mean() > 0.95
    assert np.isfinite(known.score(gaps))
    assert np.isfinite(known.bic(gaps))


def test_priors_reach_the_model(table):
    priors = {"weights": bg.Dirichlet(7.0), "scales": bg.HalfNormal(3.0)}
    model = bg.BayesianGaussianMixture(2, covariance_type="diag", priors=priors, **QUICK)
    from bayesgmm.tree.fit import Fit

    spec = Fit(model.fit(table).idata_).spec
    assert spec.weights == bg.Dirichlet(7.0)
    assert isinstance(spec.covariances, bg.Diagonal)
    assert isinstance(spec.covariances.scales, bg.HalfNormal)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"covariance_type": "round"}, "no covariance structure 'round'"),
        ({"covariance_type": 3}, "covariance_type must be"),
        ({"priors": {"widths": bg.HalfNormal()}}, r"widths.*not parts.*'scales'"),
        ({"priors": 0.5}, "priors must be a MixtureSpec"),
        ({"priors": bg.MixtureSpec(3)}, "n_components=3, but n_components is 2"),
        (
            {"priors": bg.MixtureSpec(2), "covariance_type": "diag"},
            "structure Full, but covariance_type is 'diag'",
        ),
        ({"engine": "magic"}, "no engine 'magic'"),
        ({"engine": bg.EM()}, "engine must be an engine"),
        ({"solver": "em"}, "solver must be an EM"),
    ],
)
def test_senseless_parameters_are_refused_in_words(table, options, message):
    with pytest.raises(bg.SpecificationError, match=message):
        bg.BayesianGaussianMixture(2, **{**QUICK, **options}).fit(table)


def test_a_whole_spec_is_taken(table):
    spec = bg.MixtureSpec(2, covariances=bg.Tied())
    model = bg.BayesianGaussianMixture(2, priors=spec, **QUICK).fit(table)
    assert model.covariances_.shape == (2, 2)


def test_an_unfitted_estimator_says_so_to_both_packages(table):
    model = bg.BayesianGaussianMixture()
    asks = [
        lambda: model.predict(table), lambda: model.sample(), lambda: model.bic(table),
        lambda: model.resample(), lambda: model.weights_, lambda: model.plot,
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(bg.NotFittedError, match="fit"):
            ask()
        with pytest.raises(sklearn.exceptions.NotFittedError):
            ask()
    assert not hasattr(model, "converged_")


def test_a_verdict_that_fails_is_a_warning(table):
    model = bg.BayesianGaussianMixture(2, engine=bg.Gibbs(20, 5, 1), random_state=0)
    with pytest.warns(bg.ConvergenceWarning, match=r"Not converged.*chain"):
        model.fit(table)
    assert not model.converged_


@ROUGH
def test_randomness_of_every_kind_repeats(table):
    for make in (lambda: 4, lambda: np.random.RandomState(4), lambda: np.random.default_rng(4)):
        options = {**QUICK, "random_state": make()}
        again = {**QUICK, "random_state": make()}
        one = bg.BayesianGaussianMixture(2, **options).fit(table)
        other = bg.BayesianGaussianMixture(2, **again).fit(table)
        assert one.idata_.identical(other.idata_)


def test_clones_and_pickles(model, table):
    copy = clone(model)
    assert not hasattr(copy, "idata_")
    assert copy.get_params() == model.get_params()
    kept = pickle.loads(pickle.dumps(model))
    assert kept.idata_.identical(model.idata_)
    assert_array_equal(kept.predict_proba(table), model.predict_proba(table))


@ROUGH
def test_pipelines_grids_and_cross_validation(table):
    pipeline = make_pipeline(StandardScaler(), bg.BayesianGaussianMixture(**QUICK))
    grid = {"bayesiangaussianmixture__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(table.sample(frac=1, random_state=0))
    assert search.best_params_ == {"bayesiangaussianmixture__n_components": 2}
    assert search.best_estimator_.predict(table).shape == (100,)
    scores = cross_val_score(bg.BayesianGaussianMixture(2, **QUICK), table[::2], cv=2)
    assert np.isfinite(scores).all()


def test_tables_that_come_out(model, table):
    import polars as pl

    names = ["bayesiangaussianmixture0", "bayesiangaussianmixture1"]
    assert model.get_feature_names_out().tolist() == names
    shown = pickle.loads(pickle.dumps(model))
    frame = shown.set_output(transform="pandas").transform(table)
    assert frame.columns.tolist() == names
    assert frame.index.equals(table.index)
    assert isinstance(shown.set_output(transform="polars").transform(table), pl.DataFrame)
    assert shown.transform(pl.from_pandas(table)).columns == names


def test_polars_tables_are_read_with_their_names(model, table):
    import polars as pl

    other = bg.BayesianGaussianMixture(2, **QUICK).fit(pl.from_pandas(table))
    assert other.feature_names_in_.tolist() == ["length", "width"]
    assert_array_equal(other.means_, model.means_)


@ROUGH
def test_weights_are_routed(table):
    weights = np.arange(100) % 3
    expected = bg.BayesianGaussianMixture(2, **QUICK)
    expected.fit(StandardScaler().fit_transform(table), sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        asking = bg.BayesianGaussianMixture(2, **QUICK).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, asking).fit(table, sample_weight=weights)
        asking = clone(asking).set_score_request(sample_weight=True)
        search = GridSearchCV(asking, {"n_components": [1, 2]}, cv=2)
        search.fit(table.sample(frac=1, random_state=0), sample_weight=weights + 1)
    assert_allclose(pipeline[-1].means_, expected.means_)
    assert search.best_params_ == {"n_components": 2}
