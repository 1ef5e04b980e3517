"""Fits without their rows: the same draws and answers, and words where rows are needed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis import value
from bayesgmm.tree.fit import Fit

KNOWN = {
    "labels": ["left"] * 5 + [None] * 50 + ["right"] * 5,
    "sample_weight": np.r_[np.full(30, 2.0), np.ones(30)],
}
SPEC = bg.MixtureSpec(3)


def fitted(X, *, keep_rows: bool, **known) -> xr.DataTree:
    engine = bg.Gibbs(draws=60, tune=60, chains=2)
    return bg.fit(
        X, SPEC, engine=engine, random_seed=1, keep_rows=keep_rows, progress=False, **known
    )


def resampled(tree, X):
    return bg.resample(tree, X=X, engine=bg.Laplace(draws=20), random_seed=2, progress=False)


@pytest.fixture(scope="module")
def X() -> np.ndarray:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    return rows + np.repeat([[0.0, 0.0], [6.0, 0.0], [3.0, 5.0]], 20, axis=0)


@pytest.fixture(scope="module")
def kept(X) -> xr.DataTree:
    return fitted(X, keep_rows=True)


@pytest.fixture(scope="module")
def bare(X) -> xr.DataTree:
    return fitted(X, keep_rows=False)


def test_draws_and_the_verdict_are_those_of_a_fit_that_keeps_its_rows(kept, bare):
    own = ("observed_data", "log_likelihood", "diagnosis")
    for name in kept.children.keys() - set(own):
        xr.testing.assert_identical(bare[name].to_dataset(), kept[name].to_dataset())
    assert "log_likelihood" not in bare.children
    assert bare["observed_data"]["x"].shape == (0, 2)
    assert str(bg.diagnose(bare)) == str(bg.diagnose(kept))
    assert Fit.of(bare).n_rows == Fit.of(kept).n_rows == 60


@pytest.mark.parametrize(
    "question",
    [
        bg.cluster,
        bg.log_density,
        bg.co_clustering,
        bg.partition,
        lambda tree, X: bg.agreement(tree, np.repeat([0, 1, 2], 20), X=X),
        lambda tree, X: bg.merge_components(tree, bg.EntropyMerging(), X=X),
        lambda tree, X: bg.impute(tree, np.where(X < -1.5, np.nan, X), progress=False).cells,
        lambda tree, X: bg.relabel(tree, bg.Stephens(), X=X)["posterior"].to_dataset(),
        lambda tree, X: resampled(tree, X)["posterior"].to_dataset(),
    ],
)
def test_questions_about_rows_that_are_given_have_the_same_answers(kept, bare, X, question):
    xr.testing.assert_identical(question(bare, X=X), question(kept, X=X))


def test_relabeling_adds_no_rows_and_drawing_again_gives_a_fit_with_its_rows(bare, kept, X):
    assert not Fit.of(bg.relabel(bare, X=X)).has_rows
    again = resampled(bare, pd.DataFrame(X[:, ::-1], columns=["x1", "x0"]))
    xr.testing.assert_identical(
        again["observed_data"].to_dataset(), kept["observed_data"].to_dataset()
    )


def test_a_fit_is_drawn_again_with_its_own_rows_alone(bare, kept, X):
    for tree in (bare, kept):
        with pytest.raises(bg.DataError, match="X must be the 60 rows of the fit"):
            bg.resample(tree, X=X[::-1])
    known = fitted(X, keep_rows=False, sample_weight=KNOWN["sample_weight"])
    with pytest.raises(bg.SchemaError, match=r"weights or labels.*again with keep_rows=True\.$"):
        bg.resample(known, X=X)


def test_questions_about_parameters_have_the_same_answers(kept, bare, X):
    for question in (
        bg.summarize,
        lambda tree: bg.overlap(tree),
        lambda tree: bg.cdf(tree, X[:5, :1], feature="x0"),
        lambda tree: bg.log_density(bg.condition(tree, {"x0": 1.0}), X[:3, 1:]),
        lambda tree: bg.undo_relabeling(tree)["posterior"].to_dataset(),
        lambda tree: bg.generate(tree, 20, random_seed=2),
    ):
        xr.testing.assert_identical(question(bare), question(kept))
    bg.plot_density(bare)
    bg.plot_weights(bare)


@pytest.mark.parametrize(
    "question",
    [bg.cluster, bg.log_density, bg.partition, bg.impute, bg.relabel, bg.resample],
)
def test_questions_that_take_rows_ask_for_them(bare, question):
    with pytest.raises(bg.SchemaError, match=r"keep_rows=False.*Pass X, rows with.*'x0', 'x1'"):
        question(bare)


@pytest.mark.parametrize(
    "question",
    [
        bg.posterior_predictive,
        bg.plot_clusters,
        bg.plot_certainty,
        bg.plot_predictive,
        bg.plot_co_clustering,
        lambda tree: bg.compare({"one": tree, "other": tree}),
        lambda tree: bg.diagnose(tree.isel(draw=slice(30))),
        lambda tree: bg.write_report(tree, "never-written.html"),
    ],
)
def test_questions_about_the_rows_of_the_fit_say_how_to_keep_them(bare, question):
    with pytest.raises(bg.SchemaError, match=r"keep_rows=False.*again with keep_rows=True\.$"):
        question(bare)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_such_a_fit_is_saved_and_loaded(bare, kept, tmp_path, suffix):
    loaded = bg.load(bg.save(bare, tmp_path / f"fit{suffix}"))
    xr.testing.assert_identical(loaded, bare)
    assert str(bg.diagnose(loaded)) == str(bg.diagnose(kept))


def test_the_verdict_outlives_the_version_that_passed_it(bare, monkeypatch):
    verdict = str(bg.diagnose(bare))
    monkeypatch.setattr(value, "__version__", "99.0")
    assert str(bg.diagnose(bare)) == verdict


def test_what_labels_and_weights_said_of_rows_goes_and_what_they_said_of_names_stays(X):
    whole, bare = (fitted(X, keep_rows=keep, **KNOWN) for keep in (True, False))
    assert set(bare["constant_data"].data_vars) == {"shift", "factor"}
    np.testing.assert_array_equal(Fit.of(bare).groups, Fit.of(whole).groups)
    assert bare["posterior"]["component"].values.tolist() == ["left", "right", "2"]
    answers = (bg.cluster(tree, X, progress=False) for tree in (bare, whole))
    xr.testing.assert_identical(*answers)
