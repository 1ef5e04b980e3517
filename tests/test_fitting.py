"""The journey as a user takes it: what is refused, what is kept, what may not matter."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.engines.catalog import read_engine

QUICK = bg.NUTS(draws=40, tune=80, chains=2)
NORMAL = bg.Laplace(draws=20)  # where any draws will do


def quick_fit(
    X: object, n_components: int = 2, *, engine: object = QUICK, **options: object
) -> xr.DataTree:
    spec = bg.MixtureSpec(n_components)
    return bg.fit(X, spec, engine=engine, random_seed=1, progress=False, **options)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    numbers = np.concatenate([rng.normal(0, 1, (20, 2)), rng.normal(5, 1, (20, 2))])
    return pd.DataFrame(numbers, columns=["length", "width"])


def with_text(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(species=["x"] * len(table))


def with_missing(table: pd.DataFrame) -> pd.DataFrame:
    changed = table.copy()
    changed["width"] = np.nan
    return changed


def with_infinity(table: pd.DataFrame) -> pd.DataFrame:
    changed = table.copy()
    changed.loc[5, "length"] = np.inf
    return changed


BAD_TABLES = {
    "empty": (lambda table: table.iloc[:0], r"empty.*no rows"),
    "no columns": (lambda table: table[[]], r"empty.*no columns"),
    "text": (with_text, "species"),
    "a column of gaps": (with_missing, r"(?s)Every cell is missing in column 'width'"),
    "infinite": (with_infinity, r"(?s)length.*1"),
    "constant": (lambda table: table.assign(one=3.0), "one"),
    "too few rows": (lambda table: table.iloc[[0, 30]], "at least 3 rows.*has 2"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
@pytest.mark.parametrize("ask", [bg.fit, bg.estimate, bg.build_model])
def test_bad_tables_are_refused_in_words(table, case, ask):
    spoil, message = BAD_TABLES[case]
    with pytest.raises(bg.DataError, match=message):
        ask(spoil(table), bg.MixtureSpec(3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bg.MixtureSpec(0), "n_components.*0"),
        (lambda: bg.MixtureSpec(2.5), r"n_components.*2\.5"),
        (lambda: bg.MixtureSpec("3"), "n_components"),
        (lambda: bg.MixtureSpec(True), "n_components"),
        (lambda: bg.HalfNormal(-1.0), "scale must be a positive number"),
        (lambda: bg.InverseGamma(scale=(1.0, -2.0)), "scale must be a positive number"),
        (lambda: bg.Gamma(shape=None), "shape"),
        (lambda: bg.LKJ(eta=0), "eta"),
        (lambda: bg.Dirichlet(0), "concentration"),
        (lambda: bg.MixtureSpec(3, weights=bg.Dirichlet((1.0, 2.0))), "2 entries for 3"),
        (lambda: bg.NormalMeans(scale=0.0), "scale"),
        (lambda: bg.NormalMeans(loc="middle"), "loc"),
        (lambda: bg.MixtureSpec(2, covariances="full"), "covariances"),
        (lambda: bg.Full(scales=bg.LKJ()), "scales"),
        (lambda: bg.Spherical(scales=bg.HalfNormal((1.0, 2.0))), "one number"),
        (lambda: bg.NUTS(draws=0), "draws"),
        (lambda: bg.NUTS(target_accept=1.2), "target_accept"),
        (lambda: bg.NUTS(backend="jax"), "backend"),
        (lambda: bg.ADVI("halfrank"), "approximation"),
        (lambda: bg.EM(n_starts=0), "n_starts"),
        (lambda: bg.EM(objective="map"), "objective"),
        (lambda: bg.EM(tolerance=0.0), "tolerance"),
    ],
)
def test_senseless_settings_are_refused_in_words(make, message):
    with pytest.raises(bg.SpecificationError, match=message):
        make()


def test_hyperparameters_for_another_number_of_features(table):
    spec = bg.MixtureSpec(2, means=bg.NormalMeans(loc=(0.0, 1.0, 2.0)))
    with pytest.raises(bg.SpecificationError, match="3 entries but 2 are needed"):
        bg.fit(table, spec)
    spec = bg.MixtureSpec(2, covariances=bg.Full(scales=bg.HalfNormal((1.0, 1.0, 1.0))))
    with pytest.raises(bg.SpecificationError, match="3 entries but 2 are needed"):
        bg.estimate(table, spec)


def test_spec_and_engine_must_be_what_they_are_called(table):
    with pytest.raises(bg.SpecificationError, match="spec must be a MixtureSpec"):
        bg.fit(table, 3)
    with pytest.raises(bg.SpecificationError, match="no engine 'hmc'; choose one of"):
        bg.fit(table, bg.MixtureSpec(2), engine="hmc")
    with pytest.raises(bg.SpecificationError, match="engine must be an engine"):
        bg.fit(table, bg.MixtureSpec(2), engine=bg.NUTS)


def test_an_engine_may_be_given_by_name(table):
    fits = [quick_fit(table, 1, engine=engine) for engine in ("laplace", bg.Laplace())]
    refined = [
        bg.resample(fits[0], engine=engine, random_seed=1, progress=False)
        for engine in ("laplace", bg.Laplace())
    ]
    for named, given in (fits, refined):
        assert named["posterior"].identical(given["posterior"])
    engines = {"nuts": bg.NUTS(), "gibbs": bg.Gibbs(), "laplace": bg.Laplace(), "advi": bg.ADVI()}
    assert {name: read_engine(name) for name in engines} == engines


def test_solver_and_engine_are_not_to_be_confused(table):
    spec = bg.MixtureSpec(2)
    with pytest.raises(bg.SpecificationError, match="engine must be an engine"):
        bg.fit(table, spec, engine=bg.EM())
    with pytest.raises(bg.SpecificationError, match="solver must be an EM"):
        bg.fit(table, spec, solver="em")
    with pytest.raises(bg.SpecificationError, match="solver must be an EM"):
        bg.estimate(table, spec, solver=bg.NUTS())


def test_initial_must_suit_the_model(table):
    spec = bg.MixtureSpec(2)
    with pytest.raises(bg.SpecificationError, match=r"what bayesgmm\.estimate returned"):
        bg.build_model(table, spec, initial=3)
    for other in (bg.MixtureSpec(3), bg.MixtureSpec(2, covariances=bg.Diagonal())):
        point = bg.estimate(table, other, random_seed=1)
        with pytest.raises(bg.SpecificationError, match="another model"):
            bg.build_model(table, spec, initial=point)


@pytest.mark.parametrize("scales", [None, bg.HalfNormal()])
def test_rows_on_a_line_have_a_mode_and_a_posterior(scales):
    """The smallest distance between values keeps correlations from 1."""
    position = np.random.default_rng(0).normal(size=(40, 1))
    rows = np.concatenate([position, 2.0 * position], axis=1)
    spec = bg.MixtureSpec(1, covariances=bg.Full(scales))
    with pytest.warns(bg.BayesGMMWarning, match="x1 = 2 x0"):
        tree = bg.fit(rows, spec, engine=QUICK, random_seed=1, progress=False)
    assert np.all(np.linalg.eigvalsh(tree["posterior"]["covariances"].values) > 0)


def test_every_kind_of_table_gives_the_same_posterior(table):
    import polars as pl
    import pyarrow as pa

    expected = quick_fit(table, engine=NORMAL)
    for other in (pl.from_pandas(table), pa.Table.from_pandas(table), table.to_xarray()):
        tree = quick_fit(other, engine=NORMAL)
        xr.testing.assert_equal(tree["posterior"].to_dataset(), expected["posterior"].to_dataset())
    unnamed = quick_fit(table.to_numpy(), engine=NORMAL)
    np.testing.assert_array_equal(unnamed["posterior"]["means"], expected["posterior"]["means"])
    assert unnamed["posterior"]["feature"].values.tolist() == ["x0", "x1"]


def test_names_of_rows_and_features_are_kept(table):
    table.index = [f"bird {number}" for number in range(len(table))]
    tree = quick_fit(table, engine=NORMAL)
    assert tree["posterior"]["feature"].values.tolist() == ["length", "width"]
    assert bg.cluster(tree)["obs_id"].values[3] == "bird 3"


def test_no_warning_on_good_input(table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", bg.ConvergenceWarning)  # of so few draws
        tree = quick_fit(table)
        bg.diagnose(tree), bg.cluster(tree), bg.summarize(tree)


def test_nothing_is_printed_without_progress(table, capfd):
    quick_fit(table, n_components=1)
    quick_fit(table, engine=bg.ADVI(iterations=50, draws=10))
    assert capfd.readouterr() == ("", "")


def test_a_line_on_the_start_is_shown_when_asked(table, capfd):
    bg.fit(table, bg.MixtureSpec(1), engine=NORMAL, random_seed=1)
    assert "EM converged after" in capfd.readouterr().out


def test_one_component_is_a_normal_model(table):
    tree = quick_fit(table, n_components=1)
    assert np.all(tree["posterior"]["weights"] == 1.0)
    assert bg.diagnose(tree).figures.sizes["variable"] > 0


def test_prior_does_not_matter_where_data_are_many():
    """With 4000 rows of one normal, posterior means sit at the sample moments."""
    rows = np.random.default_rng(4).normal([3.0, -1.0], [2.0, 0.5], (4000, 2))
    tree = quick_fit(rows, n_components=1)
    posterior = tree["posterior"]
    errors = rows.std(axis=0) / np.sqrt(4000)
    means = posterior["means"].mean(("chain", "draw")).values[0]
    assert np.all(np.abs(means - rows.mean(axis=0)) < errors)
    scales = posterior["scales"].mean(("chain", "draw")).values[0]
    np.testing.assert_allclose(scales, rows.std(axis=0), rtol=0.02)


def test_build_model_is_in_the_units_of_the_data(table):
    model = bg.build_model(table, bg.MixtureSpec(2))
    assert [variable.name for variable in model.free_RVs] == [
        "weights", "means", "covariances",
    ]  # fmt: skip
    assert {"scales", "correlations"} <= {item.name for item in model.deterministics}
    assert model.coords["feature"] == ("length", "width")


def test_build_model_starts_where_it_is_told(table):
    point = bg.estimate(table, bg.MixtureSpec(2), random_seed=0)
    model = bg.build_model(table, bg.MixtureSpec(2), initial=point)
    np.testing.assert_allclose(model.initial_point()["means"], point.means)


def test_build_model_takes_what_is_known_of_rows(table):
    weights, labels = np.ones(len(table)), [None] * (len(table) - 1) + ["late"]
    model = bg.build_model(table, bg.MixtureSpec(2), sample_weight=weights, labels=labels)
    assert {"sample_weight", "label_likelihood"} <= {item.name for item in model.data_vars}
    with pytest.raises(bg.DataError, match="sample_weight"):
        bg.build_model(table, bg.MixtureSpec(2), sample_weight=-weights)
    with pytest.raises(bg.DataError, match="label"):
        bg.build_model(table, bg.MixtureSpec(2), labels=["a", "b", "c"] + labels[3:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bg.LKJ(eta=-1.0), r"LKJ: eta must be a positive number, not -1.0\."),
        (lambda: bg.LKJ(eta=(1.0, 2.0)), r"eta must be a positive number, not \(1.0, 2.0\)\."),
        (lambda: bg.Dirichlet(-1.0), "positive number, or one per component, not -1.0"),
        (
            lambda: bg.HalfNormal(-1.0),
            "number, or one per feature, or a mapping from names of columns",
        ),
        (lambda: bg.MixtureSpec(2, weights="even"), r"such as Dirichlet\(1.0\), not 'even'"),
        (lambda: bg.MixtureSpec(2, means="zero"), r"such as NormalMeans\(\), not 'zero'"),
        (
            lambda: bg.MixtureSpec(2, covariances="full"),
            r"such as Full\(\) or Tied\(\), not 'full'",
        ),
        (lambda: bg.NUTS(target_accept=1.0), "must lie strictly between 0.0 and 1.0, not 1.0"),
    ],
)
def test_messages_say_what_would_do(make, message):
    with pytest.raises(bg.SpecificationError, match=message):
        make()


def known_rows(table):
    """Return what a fit may know beside the table: gaps, weights and labels with a name."""
    table = table.copy()
    table.iloc[3, 1] = np.nan
    weights = np.where(np.arange(len(table)) % 3, 1.0, 2.0)
    return table, weights, [None] * (len(table) - 2) + ["late", "late"]


@pytest.mark.parametrize("standardize", [True, False])
def test_resample_is_fit_without_em(table, standardize):
    """With the same seed; the point estimate went to the units of the data and back."""
    table, weights, labels = known_rows(table)
    options = {"random_seed": 5, "progress": False, "standardize": standardize}
    known = {"sample_weight": weights, "labels": labels}
    first = bg.fit(table, bg.MixtureSpec(2), engine=NORMAL, **options, **known)
    tree = bg.resample(first, engine=bg.Laplace(draws=50), **options)
    expected = bg.fit(table, bg.MixtureSpec(2), engine=bg.Laplace(draws=50), **options, **known)
    for group in (
        "posterior",
        "point_estimate",
        "observed_data",
        "constant_data",
        "log_likelihood",
    ):
        xr.testing.assert_allclose(
            tree[group].to_dataset(), expected[group].to_dataset(), rtol=1e-6, atol=1e-6
        )
    assert tree["posterior"]["component"].values.tolist() == ["late", "1"]
    assert tree["point_estimate"].attrs == expected["point_estimate"].attrs
    assert tree["observed_data"].identical(expected["observed_data"])
    assert set(tree.children) == set(expected.children)


def test_resample_never_runs_em_and_changes_nothing(table, monkeypatch):
    first = quick_fit(table, engine=NORMAL)
    before = first.copy(deep=True)
    monkeypatch.setattr(bg.EM, "run", None)
    trees = [bg.resample(first, engine=QUICK, random_seed=2, progress=False) for _ in range(2)]
    assert trees[0].identical(trees[1])
    assert first.identical(before)
    assert json.loads(trees[0].attrs["bayesgmm"])["seed"] == "2"


def test_resample_starts_chains_at_the_other_mode_too():
    rows = np.random.default_rng(8).normal(size=(60, 2))
    first = bg.fit(
        rows, bg.MixtureSpec(3), engine=bg.Laplace(draws=20), random_seed=0, progress=False
    )
    assert "alternative_mode" in first.children
    engine = bg.NUTS(draws=20, tune=40, chains=2, init="multi")
    tree = bg.resample(first, engine=engine, random_seed=1, progress=False)
    gaps = [float(one["alternative_mode"]["gap"]) for one in (tree, first)]
    assert gaps[0] == pytest.approx(gaps[1])


def test_resample_refuses_what_is_no_fit(table):
    with pytest.raises(bg.SchemaError, match=r"bayesgmm\.fit"):
        bg.resample(table)
    tree = quick_fit(table, engine=NORMAL)
    with pytest.raises(bg.SchemaError, match="conditional or marginal"):
        bg.resample(bg.marginalize(tree, ["length"]))
    with pytest.raises(bg.SpecificationError, match="engine must be an engine"):
        bg.resample(tree, engine=bg.NUTS)
    with pytest.raises(bg.SpecificationError, match="order_by"):
        bg.resample(tree, order_by="depth")
    del tree["point_estimate"]["start_objectives"]
    with pytest.raises(bg.SchemaError, match="starts of EM"):
        bg.resample(tree)


def test_a_verdict_that_fails_is_a_warning_with_its_remedy():
    rows = np.random.default_rng(0).normal(size=(30, 1))
    engine = bg.NUTS(draws=20, tune=30, chains=1)
    with pytest.warns(bg.ConvergenceWarning, match=r"Not converged.*one chain.*chains=4") as caught:
        tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
    assert caught[0].filename == __file__
    with pytest.warns(bg.ConvergenceWarning, match="one chain"):
        bg.resample(tree, engine=engine, random_seed=1, progress=False)


def test_an_approximation_that_was_asked_for_is_no_warning(recwarn):
    rows = np.random.default_rng(0).normal(size=(30, 1))
    bg.fit(rows, bg.MixtureSpec(1), engine=bg.Laplace(), random_seed=1, progress=False)
    assert not recwarn.list


def test_an_interrupt_after_the_last_draw_loses_none(table, monkeypatch, capsys):
    whole = quick_fit(table, engine=NORMAL)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bg.ECR, "permutations", interrupted)
    tree = quick_fit(table, engine=NORMAL)
    assert "all draws are kept" in capsys.readouterr().out
    monkeypatch.undo()
    assert "log_likelihood" not in tree.children
    assert tree["relabeling"].attrs["method"] == "PRA()"
    again = bg.relabel(tree)
    for name in ("weights", "means", "scales"):
        xr.testing.assert_allclose(again["posterior"][name], whole["posterior"][name])
