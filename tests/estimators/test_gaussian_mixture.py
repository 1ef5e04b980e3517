"""The classic estimator: scikit-learn's numbers, and what scikit-learn has no numbers for."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.exceptions import NotFittedError as TheirNotFittedError
from sklearn.mixture import GaussianMixture as Theirs
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import bayesgmm as bg

TYPES = ("full", "tied", "diag", "spherical")
OURS = ("tied-diagonal", "tied-spherical")
METHODS = ("kmeans", "k-means++", "random", "random_from_data")
PARAMETERS = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")


def overlapping(n: int, d: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centers = np.array([[0.0], [2.0], [5.0]]) * np.ones(d)
    kinds = rng.integers(3, size=n)
    return centers[kinds] + rng.normal(size=(n, d)) * np.array([0.5, 1.0, 1.5])[kinds, None]


TABLES = {
    "clusters": overlapping(300, 3),
    "one feature": overlapping(200, 1),
    "noise": np.random.default_rng(1).normal(size=(150, 5)),
    "many rows": overlapping(9_000, 2),
    "units": overlapping(300, 3) * [1.0, 30.0, 0.1] + [5.0, -20.0, 0.0],
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("covariance_type", TYPES)
def test_the_numbers_are_those_of_scikit_learn(covariance_type, table):
    """From some of the starts, so that each type and each table has all of them."""
    X, turn = TABLES[table], TYPES.index(covariance_type) + list(TABLES).index(table)
    for method, k in ((METHODS[turn % 4], 3), (METHODS[(turn + 2) % 4], 3), (METHODS[turn % 4], 1)):
        options = {"covariance_type": covariance_type, "init_params": method, "random_state": 3}
        expect_same(Theirs(k, **options).fit(X), bg.GaussianMixture(k, **options).fit(X), X)


def test_the_numbers_are_the_same_with_options():
    X, precision = TABLES["clusters"], np.linalg.inv(np.cov(TABLES["clusters"].T))
    for options in (
        {"n_init": 4, "init_params": "random"},
        {"tol": 1e-7, "max_iter": 400},
        {"reg_covar": 0.3},
        {"means_init": X[:2]},
        {"weights_init": [0.3, 0.7], "precisions_init": np.stack([precision, 3 * precision])},
        {
            "weights_init": [0.3, 0.7], "means_init": X[:2],
            "precisions_init": np.stack([precision, 3 * precision]),
        },
        {"means_init": X[:2], "max_iter": 0},
    ):  # fmt: skip
        theirs = Theirs(2, random_state=0, **options).fit(X)
        expect_same(theirs, bg.GaussianMixture(2, random_state=0, **options).fit(X), X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_goes_on_as_in_scikit_learn():
    X = TABLES["clusters"]
    options = {"warm_start": True, "max_iter": 3, "tol": 1e-5, "random_state": 0}
    theirs, ours = Theirs(3, **options), bg.GaussianMixture(3, **options)
    for _ in range(4):
        expect_same(theirs.fit(X), ours.fit(X), X)
    assert ours.fit(X[:, :2]).means_.shape == (3, 2)  # another table is another start


def test_another_covariance_type_is_another_start():
    X = TABLES["clusters"][:, :2]
    types = ["full", "tied", "diag", "spherical", "tied-diagonal"]
    for first, then in [*pairwise(types), *pairwise(types[::-1])]:
        mixture = bg.GaussianMixture(2, covariance_type=first, warm_start=True, random_state=0)
        answers = mixture.fit(X).score_samples(X), mixture.bic(X), mixture.sample(3)[0]
        mixture.set_params(covariance_type=then)
        # What was fitted answers as before, until it is fitted anew.
        for same, answer in zip(
            (mixture.score_samples(X), mixture.bic(X), mixture.sample(3)[0]), answers, strict=True
        ):
            assert_array_equal(same, answer)
        fresh = bg.GaussianMixture(2, covariance_type=then, random_state=0).fit(X)
        assert_array_equal(mixture.fit(X).score_samples(X), fresh.score_samples(X))
        assert mixture.covariances_.shape == fresh.covariances_.shape


def expect_same(theirs, ours, X):
    for name in PARAMETERS:
        expected = getattr(theirs, name, None)
        if expected is not None:
            assert_allclose(getattr(ours, name), expected, rtol=1e-8, atol=1e-11, err_msg=name)
    assert (ours.n_iter_, ours.converged_) == (theirs.n_iter_, theirs.converged_)
    assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-7)
    assert_allclose(ours.score_samples(X), theirs.score_samples(X), rtol=1e-8, atol=1e-10)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)
    assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.bic(X) == pytest.approx(theirs.bic(X), rel=1e-10)
    assert ours.aic(X) == pytest.approx(theirs.aic(X), rel=1e-10)
    if hasattr(theirs, "covariances_"):
        for drawn, expected in zip(ours.sample(7), theirs.sample(7), strict=True):
            assert_allclose(drawn, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("covariance_type", [*TYPES, *OURS])
def test_far_from_zero_no_digits_are_lost(covariance_type):
    X = np.round(TABLES["clusters"] * 1024) / 1024  # so that a shift is exact
    near, far = (
        bg.GaussianMixture(3, covariance_type=covariance_type, random_state=0).fit(rows)
        for rows in (X, X + 2.0**27)
    )
    assert_array_equal(near.predict(X), far.predict(X + 2.0**27))
    assert_allclose(near.covariances_, far.covariances_, rtol=1e-4)


@pytest.mark.parametrize("covariance_type", OURS)
def test_our_own_types_reach_the_same_maximum(covariance_type):
    X, structure = TABLES["clusters"], {"tied-diagonal": bg.TiedDiagonal()}
    structure = structure.get(covariance_type, bg.TiedSpherical())
    options = {"covariance_type": covariance_type, "reg_covar": 0.0, "tol": 1e-12}
    mixture = bg.GaussianMixture(3, max_iter=5000, n_init=5, random_state=0, **options).fit(X)
    assert np.all(np.diff(mixture.lower_bounds_) > -1e-12)
    spec = bg.MixtureSpec(3, covariances=structure)
    point = bg.estimate(X, spec, solver=bg.EM("likelihood"), random_seed=0)
    assert mixture.score(X) * len(X) == pytest.approx(point.log_likelihood, abs=1e-5)
    assert mixture.covariances_.shape == ((3,) if covariance_type == "tied-diagonal" else ())
    n_parameters = 2 + 9 + mixture.covariances_.size
    assert mixture.aic(X) == pytest.approx(2 * n_parameters - 2 * len(X) * mixture.score(X))
    drawn, kinds = mixture.sample(5000)
    spread = (drawn - mixture.means_[kinds]).var(axis=0)
    assert_allclose(spread, mixture.covariances_ * np.ones(3), rtol=0.1)  # five standard errors


@pytest.mark.filterwarnings("ignore::bayesgmm.errors.ConvergenceWarning")
@pytest.mark.parametrize("prior", [None, "default"])
@pytest.mark.parametrize("covariance_type", [*TYPES, *OURS])
def test_a_weight_is_a_number_of_rows_in_any_order(covariance_type, prior):
    rng, turn = np.random.default_rng(0), [*TYPES, *OURS].index(covariance_type)
    X, weights = TABLES["clusters"][:60], rng.integers(0, 4, size=60)
    repeated = np.repeat(X, weights, axis=0)
    order, other_order = rng.permutation(60), rng.permutation(len(repeated))
    starts = list(zip(METHODS, (False, True, True, False), strict=True))
    for method, gaps in (starts[turn % 4], starts[(turn + 2) % 4]):
        table = np.where(rng.random(X.shape) < 0.1, np.nan, X) if gaps else X
        repeated = np.repeat(table, weights, axis=0)
        options = {"covariance_type": covariance_type, "init_params": method, "prior": prior}
        weighted, written_out = (
            bg.GaussianMixture(3, random_state=0, reg_covar=1e-2, max_iter=20, **options)
            for _ in range(2)
        )
        weighted.fit(table[order], sample_weight=weights[order])
        written_out.fit(repeated[other_order], sample_weight=np.ones(len(repeated)))
        assert_allclose(weighted.predict_proba(X), written_out.predict_proba(X), atol=1e-9)
        assert weighted.n_iter_ == written_out.n_iter_
        assert weighted.score(table, sample_weight=weights) == pytest.approx(
            written_out.score(repeated), rel=1e-9
        )
        assert weighted.bic(table, sample_weight=weights) == pytest.approx(
            written_out.bic(repeated), rel=1e-9
        )


def test_a_table_of_counts_is_the_same_as_its_distinct_rows():
    X = np.repeat(TABLES["clusters"], 2, axis=0)
    plain = bg.GaussianMixture(3, random_state=0).fit(X)
    counted = bg.GaussianMixture(3, random_state=0).fit(X[::2], sample_weight=np.full(300, 2.0))
    assert_allclose(plain.means_, counted.means_, rtol=1e-12)


def test_fewer_distinct_rows_than_components_are_enough():
    mixture = bg.GaussianMixture(3, random_state=0, init_params="random")
    mixture.fit([[0.0], [1.0], [5.0]], sample_weight=[1, 1, 0])
    assert mixture.means_.shape == (3, 1)


def test_weights_need_not_be_whole_nor_large():
    X, weights = TABLES["clusters"], np.linspace(0.001, 0.003, 300)
    small, large = (
        bg.GaussianMixture(2, random_state=0).fit(X, sample_weight=scale * weights)
        for scale in (1.0, 1024.0)
    )
    assert_allclose(small.means_, large.means_, rtol=1e-9)


def with_gaps(X: np.ndarray, seed: int = 0) -> np.ndarray:
    gaps = np.random.default_rng(seed).random(X.shape) < 0.2
    gaps[gaps.all(axis=1)] = False
    gaps[0] = True  # nothing is known of the first row
    return np.where(gaps, np.nan, X)


def test_rows_without_a_cell_are_named():
    rows = pd.DataFrame(with_gaps(TABLES["clusters"]), index=[f"r{i}" for i in range(300)])
    with pytest.warns(bg.BayesGMMWarning, match="no observed cell: row r0"):
        bg.GaussianMixture(2, random_state=0).fit(rows.set_axis(list("abc"), axis=1))


@pytest.mark.filterwarnings("ignore:.*no observed cell")
@pytest.mark.parametrize("covariance_type", ["full", "diag"])
def test_missing_cells_are_integrated_out(covariance_type):
    X = with_gaps(TABLES["clusters"])
    options = {"covariance_type": covariance_type, "reg_covar": 0.0, "tol": 1e-11}
    mixture = bg.GaussianMixture(3, max_iter=5000, n_init=3, random_state=0, **options).fit(X)
    spec = bg.MixtureSpec(3, covariances=bg.Full() if covariance_type == "full" else bg.Diagonal())
    point = bg.estimate(X[1:], spec, solver=bg.EM("likelihood"), random_seed=0)
    assert mixture.score(X) * len(X) == pytest.approx(point.log_likelihood, abs=1e-4)
    assert_allclose(mixture.predict_proba(X[:1])[0], mixture.weights_, rtol=1e-12)
    assert_allclose(mixture.score_samples(X[:1]), 0.0, atol=1e-14)

    row = np.array([[0.3, np.nan, 1.0]])
    covariances = [np.eye(3) * matrix for matrix in mixture.covariances_]
    if covariance_type == "full":
        covariances = mixture.covariances_
    densities = [
        weight * multivariate_normal.pdf([0.3, 1.0], mean[[0, 2]], matrix[np.ix_([0, 2], [0, 2])])
        for weight, mean, matrix in zip(mixture.weights_, mixture.means_, covariances, strict=True)
    ]
    assert_allclose(mixture.score_samples(row), np.log(np.sum(densities)), rtol=1e-10)
    assert_allclose(mixture.predict_proba(row)[0], densities / np.sum(densities), rtol=1e-9)


PRIORS = {
    "full": bg.InverseWishart(), "tied": bg.TiedInverseWishart(), "diag": bg.Diagonal(),
    "spherical": bg.Spherical(scales=bg.HalfNormal(1.0)), "tied-diagonal": bg.TiedDiagonal(),
    "tied-spherical": bg.TiedSpherical(),
}  # fmt: skip


@pytest.mark.parametrize("covariance_type", PRIORS)
def test_a_prior_leads_to_the_posterior_mode(covariance_type):
    X, spec = with_gaps(TABLES["units"])[1:], bg.MixtureSpec(3, covariances=PRIORS[covariance_type])
    point = bg.estimate(X, spec, random_seed=0)
    for prior in (spec, spec.covariances):
        mixture = bg.GaussianMixture(
            3, covariance_type=covariance_type, prior=prior, max_iter=500, random_state=0,
            weights_init=point.weights, means_init=point.means,
        ).fit(X)  # fmt: skip
        assert mixture.lower_bound_ * len(X) == pytest.approx(point.objective, abs=1e-4)
        order = np.argsort(-mixture.weights_)
        assert_allclose(mixture.weights_[order], point.weights, atol=1e-4)
        assert_allclose(mixture.means_[order], point.means, rtol=1e-3, atol=1e-3)
        assert mixture.score(X) * len(X) == pytest.approx(point.log_likelihood, abs=0.01)
        assert mixture.covariances_.shape == shape_without_prior(covariance_type)


def shape_without_prior(covariance_type):
    mixture = bg.GaussianMixture(3, covariance_type=covariance_type, random_state=0)
    return mixture.fit(TABLES["units"]).covariances_.shape


def test_under_a_prior_a_fit_goes_on_and_starts_where_it_is_told():
    X = TABLES["clusters"]
    mixture = bg.GaussianMixture(3, prior="default", means_init=X[:3], max_iter=0).fit(X)
    assert_array_equal(mixture.means_, X[:3])
    mixture = bg.GaussianMixture(3, prior="default", warm_start=True, max_iter=4, random_state=0)
    with pytest.warns(ConvergenceWarning):
        before = mixture.fit(X).lower_bound_
    mixture.set_params(max_iter=200).fit(X)
    assert mixture.converged_
    assert mixture.lower_bound_ > before


@pytest.mark.parametrize("value", [0.0, 3.0, 1e-170])
def test_a_constant_column_may_have_gaps(value):
    """The other column is fitted as without the gap, and the constant is known for certain."""
    X = np.column_stack([np.full(300, value), TABLES["clusters"][:, 0]])
    whole = bg.GaussianMixture(2, tol=1e-9, max_iter=2000, random_state=0).fit(X)
    X[4, 0] = np.nan
    mixture = bg.GaussianMixture(2, tol=1e-9, max_iter=2000, random_state=0).fit(X)
    order, expected = np.argsort(mixture.means_[:, 1]), np.sort(whole.means_[:, 1])
    # With gaps EM starts elsewhere, and ends where a step gains 1e-9.
    assert_allclose(mixture.means_[order, 1], expected, rtol=0.02)
    assert_allclose(mixture.means_[:, 0], value, rtol=1e-9)


def test_rows_that_coincide_need_a_ridge_or_a_prior():
    X = np.repeat([[0.0, 0.0], [1.0, 1.0]], 10, axis=0) + np.arange(2) * 0
    X[:, 1] += np.tile([0.0, 1.0], 10)
    with pytest.raises(bg.DataError, match="singular covariance matrix"):
        bg.GaussianMixture(2, reg_covar=0.0, random_state=0).fit(X)
    assert bg.GaussianMixture(2, prior="default", random_state=0).fit(X).converged_


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n_components": 0}, "n_components"),
        ({"n_components": 2.0}, "n_components"),
        ({"covariance_type": "round"}, "covariance_type"),
        ({"init_params": "best"}, "init_params"),
        ({"tol": -1e-3}, "tol"),
        ({"reg_covar": "none"}, "reg_covar"),
        ({"max_iter": 1.5}, "max_iter"),
        ({"n_init": 0}, "n_init"),
        ({"verbose_interval": 0}, "verbose_interval"),
        ({"warm_start": "yes"}, "warm_start"),
        ({"prior": "flat"}, "prior must be"),
        ({"prior": bg.MixtureSpec(4)}, "4 components"),
        ({"prior": bg.Tied()}, "structure Tied"),
        ({"weights_init": [0.5, 0.6]}, "sum to one"),
        ({"weights_init": [1.5, -0.5]}, "between 0 and 1"),
        ({"weights_init": ["a", "b"]}, "array of numbers"),
        ({"means_init": np.ones((3, 3))}, "means_init has shape"),
        ({"means_init": np.full((2, 3), np.nan)}, "not finite"),
        ({"precisions_init": -np.ones((2, 3, 3))}, "positive-definite"),
        ({"precisions_init": -np.ones((2, 3)), "covariance_type": "diag"}, "positive"),
    ],
)
def test_senseless_options_are_refused_by_fit(options, complaint):
    mixture = bg.GaussianMixture(**{"n_components": 2, **options})
    with pytest.raises(bg.SpecificationError, match=complaint):
        mixture.fit(TABLES["clusters"])


def test_tables_that_cannot_be_used_are_refused():
    with pytest.raises(bg.DataError, match="n_samples >= n_components"):
        bg.GaussianMixture(4).fit(TABLES["clusters"][:3])
    empty = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [np.nan] * 3})
    with pytest.raises(bg.DataError, match="'b'"):
        bg.GaussianMixture().fit(empty)
    with pytest.raises(TheirNotFittedError):
        bg.GaussianMixture().predict(TABLES["clusters"])
    with pytest.raises(bg.SpecificationError, match="n_samples"):
        bg.GaussianMixture().fit(TABLES["clusters"]).sample(0)


def test_a_fit_that_ends_too_soon_warns_under_both_names():
    mixture = bg.GaussianMixture(3, max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        mixture.fit(TABLES["clusters"])
    with pytest.warns(bg.ConvergenceWarning, match="max_iter"):
        mixture.fit(TABLES["clusters"])
    assert not mixture.converged_


def test_predictions_follow_attributes_set_by_hand():
    X = TABLES["clusters"]
    for covariance_type in TYPES:
        fitted = Theirs(2, covariance_type=covariance_type, random_state=0).fit(X)
        mixture = bg.GaussianMixture(2, covariance_type=covariance_type)
        for name in ("weights_", "means_", "precisions_cholesky_"):
            setattr(mixture, name, getattr(fitted, name))
        assert_allclose(mixture.score_samples(X), fitted.score_samples(X), rtol=1e-10)


def test_weights_are_routed_and_grids_searched():
    X, weights = TABLES["clusters"], np.linspace(0.5, 1.5, 300)
    with config_context(enable_metadata_routing=True):
        mixture = bg.GaussianMixture(random_state=0).set_fit_request(sample_weight=True)
        mixture.set_score_request(sample_weight=True)
        scaled = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), mixture)
        found = cross_validate(scaled, X, params={"sample_weight": weights}, cv=3)
        assert np.isfinite(found["test_score"]).all()
    grid = GridSearchCV(bg.GaussianMixture(random_state=0), {"n_components": [1, 3]}, cv=3)
    assert grid.fit(X).best_params_ == {"n_components": 3}


def test_verbose_tells_of_starts_and_iterations(capsys):
    options = {"verbose": 2, "verbose_interval": 1, "random_state": 0}
    mixture = bg.GaussianMixture(3, n_init=2, **options).fit(TABLES["clusters"])
    told = capsys.readouterr().out
    assert told.count("converged") == 2
    assert told.count("iteration") >= mixture.n_iter_
    bg.GaussianMixture(3, verbose=1, verbose_interval=1).fit(TABLES["clusters"])
    assert "lower bound" not in capsys.readouterr().out


def test_arrays_given_as_parameters_stay_as_they_are():
    means = TABLES["clusters"][:2].tolist()
    mixture = bg.GaussianMixture(2, means_init=means).fit(TABLES["clusters"])
    assert mixture.means_init is means


@pytest.mark.slow
def test_neither_classic_nor_bayesian_fits_need_a_sampler():
    """The one does without xarray, too, and so does the class of the other."""
    code = """
import sys, numpy as np, bayesgmm as bg

def loaded(*names):
    return set(names) & {name.partition(".")[0] for name in sys.modules}

X = np.random.default_rng(0).normal(size=(60, 2))
bg.GaussianMixture(3).fit(X).predict(X)
bg.GaussianMixture(2, prior="default").fit(X)
model = bg.BayesianGaussianMixture(engine="laplace", random_state=0)
heavy = ("pymc", "pytensor", "arviz", "nutpie", "matplotlib")
print(loaded(*heavy, "arviz_base", "xarray"))
model.fit(X).predict(X), model.score(X), model.bic(X), model.sample(3)
print(loaded(*heavy))
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == ["set()", "set()"]
