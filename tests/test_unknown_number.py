"""A fit with an unknown number of components: its tree, and every question about it."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.base import clone
from typer.testing import CliRunner

import bayesgmm as bg
from bayesgmm.errors import ConvergenceWarning
from bayesgmm.tree.fit import Fit

ENGINE = bg.Gibbs(draws=250, tune=150, chains=2)
AUTO = bg.MixtureSpec(bg.BetaNegativeBinomial(), weights=bg.DynamicDirichlet())


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rows = np.concatenate([rng.normal(0, 1, (50, 2)), rng.normal(5, 1, (40, 2))])
    return pd.DataFrame(rows, columns=["length", "width"])


@pytest.fixture(scope="module")
def tree(table) -> xr.DataTree:
    with warnings.catch_warnings():  # so few draws are too few
        warnings.simplefilter("ignore", ConvergenceWarning)
        return bg.fit(table, AUTO, engine=ENGINE, random_seed=2, progress=False)


def of_draw(tree: xr.DataTree, chain: int, draw: int) -> tuple[np.ndarray, ...]:
    """Return weights, means and covariances of the components that a draw has."""
    posterior = tree["posterior"].isel(chain=chain, draw=draw)
    k = int(posterior["n_components"])
    return tuple(posterior[name].values[:k] for name in ("weights", "means", "covariances"))


def log_joint(tree, chain: int, draw: int, rows: np.ndarray) -> np.ndarray:
    """Return log pi_k + log N(x_i | mu_k, Sigma_k) by SciPy, shape (n, k)."""
    parts = zip(*of_draw(tree, chain, draw), strict=True)
    return np.stack(
        [
            np.log(weight) + multivariate_normal(mean, matrix, allow_singular=True).logpdf(rows)
            for weight, mean, matrix in parts
        ],
        axis=1,
    )


class TestTree:
    def test_a_draw_has_as_many_components_as_it_says(self, tree):
        posterior = tree["posterior"].to_dataset()
        exists = posterior["component"].copy(data=np.arange(posterior.sizes["component"]))
        exists = (exists < posterior["n_components"]).transpose("chain", "draw", "component")
        assert int(posterior["n_components"].max()) == posterior.sizes["component"]
        assert_array_equal(posterior["means"].notnull().all("feature"), exists)
        assert_array_equal(posterior["weights"] > 0, exists)
        assert_allclose(posterior["weights"].sum("component"), 1.0)
        assert_array_equal(posterior["filled"].sum("component"), posterior["n_clusters"])
        assert bool((posterior["n_clusters"] <= posterior["n_components"]).all())

    def test_the_table_of_both_numbers_is_that_of_the_draws(self, tree):
        found = tree["number_of_components"]
        for name, variable in (("components", "n_components"), ("clusters", "n_clusters")):
            counts = np.bincount(tree["posterior"][variable].values.ravel())[1:]
            assert_allclose(found[name].values[: counts.size], counts / counts.sum())
        prior = bg.prior_number_of_clusters(AUTO, 90)
        assert_allclose(
            found["prior_clusters"], prior["clusters"].values[: found.sizes["number"]], rtol=1e-12
        )

    def test_a_file_brings_it_back(self, tree, tmp_path):
        bg.save(tree, tmp_path / "fit.nc")
        back = bg.load(tmp_path / "fit.nc")
        assert bg.diagnose(back).verdict == bg.diagnose(tree).verdict
        assert Fit(back).whole_spec == Fit(tree).whole_spec
        xr.testing.assert_identical(
            back["number_of_components"].to_dataset(), tree["number_of_components"].to_dataset()
        )

    def test_a_seed_gives_the_same_tree(self, tree, table):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            again = bg.fit(table, AUTO, engine=ENGINE, random_seed=2, progress=False)
        xr.testing.assert_identical(again["posterior"].to_dataset(), tree["posterior"].to_dataset())

    def test_standardizing_changes_the_units_only(self, tree):
        data = tree["observed_data"]["x"].values
        means = tree["posterior"]["means"].where(tree["posterior"]["filled"])
        assert float(means.mean()) == pytest.approx(data.mean(), abs=1.0)


class TestAllDraws:
    def test_log_densities_are_those_of_scipy(self, tree):
        rows = np.array([[0.0, 0.5], [5.0, 4.0], [20.0, -3.0]])
        shape = tree["posterior"]["n_components"].shape
        values = [logsumexp(log_joint(tree, *index, rows), axis=1) for index in np.ndindex(*shape)]
        expected = logsumexp(values, axis=0) - np.log(len(values))
        assert_allclose(bg.log_density(tree, rows), expected, rtol=1e-8)

    def test_clusters_are_shares_of_components_in_the_partition(self, tree, table):
        found = bg.cluster(tree, max_draws=20, progress=False)
        labels = bg.partition(tree, progress=False)["label"].values
        assert_allclose(found["responsibilities"].sum("component"), 1.0)
        draws = np.linspace(0, 249, 10).round().astype(int)
        total = np.zeros(found["responsibilities"].shape)
        for index in ((chain, draw) for chain in (0, 1) for draw in draws):
            joint = log_joint(tree, *index, table.to_numpy())
            own = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
            counts = own.T @ np.eye(labels.max() + 1)[labels]
            total += own @ (counts / counts.sum(axis=1, keepdims=True))
        assert_allclose(found["responsibilities"], total / 20, atol=1e-8)
        assert_array_equal(found["label"], labels)

    def test_generated_rows_come_from_components_that_exist(self, tree):
        rows = bg.generate(tree, 2000, random_seed=1)
        assert bool(rows["x"].notnull().all())
        number = tree["posterior"]["n_components"].sel(chain=rows["chain"], draw=rows["draw"])
        assert bool((rows["component"] < number).all())

    def test_missing_cells_are_imputed(self, tree):
        done = bg.impute(tree, pd.DataFrame({"length": [0.0, 5.0], "width": [np.nan] * 2}), 2)
        assert_allclose(done.cells["mean"], [0.0, 5.0], atol=0.8)


class TestNamedComponents:
    def test_draws_with_one_number_of_clusters(self, tree):
        named, numbers = bg.relabel(tree), tree["posterior"]["n_clusters"].values
        assert named["posterior"].sizes["component"] == 2
        assert named["posterior"].sizes["draw"] == (numbers == 2).sum()
        assert_allclose(named["posterior"]["weights"].sum("component"), 1.0)
        means = bg.summarize(tree)["means"].sel(statistic="mean")
        assert_allclose(means, [[0, 0], [5, 5]], atol=0.5)
        xr.testing.assert_identical(
            bg.summarize(named)["means"].drop_vars("component"),
            bg.summarize(tree)["means"].drop_vars("component"),
        )

    def test_a_number_that_no_draw_has_is_refused(self, tree):
        with pytest.raises(bg.SpecificationError, match=r"n_clusters must be .* one of 2"):
            bg.relabel(tree, n_clusters=40)
        with pytest.raises(bg.SpecificationError, match="unknown number of components"):
            bg.relabel(bg.example_fit(), n_clusters=3)

    def test_what_needs_one_number_says_so(self, tree):
        with pytest.raises(bg.SpecificationError, match="number"):
            bg.evidence(tree)
        with pytest.raises(bg.SpecificationError, match="Use Gibbs"):
            bg.resample(tree, engine="nuts", progress=False)

    @pytest.mark.parametrize("name", ["weights", "clusters", "number_of_components", "traces"])
    def test_figures(self, name, tree):
        assert getattr(bg, f"plot_{name}")(tree) is not None

    def test_a_known_number_has_no_figure_of_it(self):
        with pytest.raises(bg.SchemaError, match="that of this one was known"):
            bg.plot_number_of_components(bg.example_fit())

    def test_the_report_has_a_section(self, tree, tmp_path):
        page = bg.write_report(tree, tmp_path / "fit.html", progress=False)
        text = page.read_text(encoding="utf-8")
        assert "How many clusters are there?" in text
        assert "Before the rows were seen" in text


class TestFaces:
    def test_the_estimator(self, table):
        model = bg.BayesianGaussianMixture("auto", engine=ENGINE, random_state=2)
        assert clone(model).n_components == "auto"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(table)
        assert model.n_components_ == 2
        assert model.means_.shape == (2, 2)
        assert_array_equal(np.bincount(model.predict(table)), [50, 40])
        assert_allclose(model.predict_proba(table).sum(axis=1), 1.0)
        assert model.transform(table).shape == (90, len(model.get_feature_names_out()))
        assert np.isfinite(model.score(table))

    def test_another_word_is_refused(self, table):
        with pytest.raises(
            bg.SpecificationError, match='must be a number, a prior of it, or "auto"'
        ):
            bg.BayesianGaussianMixture("many").fit(table)

    def test_the_command(self, table, tmp_path):
        from bayesgmm.cli.app import app

        table.to_csv(tmp_path / "rows.csv", index=False)
        arguments = [
            "fit", str(tmp_path / "rows.csv"), "-k", "auto", "--draws", "200", "--tune", "100",
            "--chains", "2", "--seed", "1", "--out", str(tmp_path / "rows.nc"), "--json",
        ]  # fmt: skip
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert max(found["number_of_clusters"], key=found["number_of_clusters"].get) == "2"
        assert len(found["components"]) == 2


class TestSpecs:
    @pytest.mark.parametrize(
        "number",
        [
            bg.BetaNegativeBinomial(2, 5, 4, at_most=20), bg.UniformCount(2, 9), bg.Geometric(0.2),
            bg.PoissonCount(3.0), bg.FixedCount(4),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_prior_of_the_number(self, number):
        masses = np.exp(number.log_probabilities())
        assert masses.size == number.largest
        assert masses.sum() == pytest.approx(1.0)
        spec = bg.MixtureSpec(number, weights=bg.DynamicDirichlet(2.0))
        assert bg.MixtureSpec.from_json(spec.to_json()) == spec
        assert f"K ~ {number} components" in str(spec)

    def test_probabilities_are_those_of_scipy(self):
        numbers = np.arange(50)
        for ours, theirs in (
            (bg.BetaNegativeBinomial(1, 4, 3), stats.betanbinom(1, 4, 3)),
            (bg.Geometric(0.3), stats.geom(0.3, loc=-1)),
            (bg.PoissonCount(2.0), stats.poisson(2.0)),
        ):
            masses = theirs.pmf(numbers)
            assert_allclose(np.exp(ours.log_probabilities()), masses / masses.sum(), rtol=1e-9)

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: bg.UniformCount(5, 2), "high must be at least low"),
            (lambda: bg.Geometric(1.5), "strictly between 0 and 1"),
            (lambda: bg.PoissonCount(-1), "rate must be a positive number"),
            (lambda: bg.FixedCount(0), "whole number of at least 1"),
            (lambda: bg.DynamicDirichlet(-1), "alpha must be a positive number"),
            (lambda: bg.MixtureSpec(3, weights=bg.DynamicDirichlet()), r"FixedCount\(3\)"),
            (
                lambda: bg.MixtureSpec(3, covariances=bg.InverseWishart(4, bg.Wishart())),
                "for an unknown number of components",
            ),
            (
                lambda: bg.MixtureSpec(
                    3, covariances=bg.Diagonal(bg.InverseGamma(2.0, bg.Gamma()))
                ),
                "for an unknown number of components",
            ),
            (
                lambda: bg.MixtureSpec(bg.UniformCount(), weights=bg.Dirichlet([1.0, 2.0])),
                "entries for each component",
            ),
            (
                lambda: bg.MixtureSpec(bg.UniformCount(), means=bg.NormalMeans(loc=[[0.0], [1.0]])),
                "NormalMeans: loc has entries for each component",
            ),
        ],
    )
    def test_what_cannot_be_is_refused_in_words(self, make, words):
        with pytest.raises(bg.SpecificationError, match=words):
            make()

    @pytest.mark.parametrize("engine", ["nuts", "laplace", "advi"])
    def test_engines_that_need_a_number_name_the_one_that_does_not(self, engine, table):
        with pytest.raises(bg.SpecificationError, match=r"Use Gibbs\(\), or give a number"):
            bg.fit(table, AUTO, engine=engine, progress=False)

    def test_other_functions_of_a_spec_ask_for_a_number(self, table):
        for function in (bg.estimate, bg.build_model):
            with pytest.raises(bg.SpecificationError, match="needs a known number of components"):
                function(table, AUTO)
        with pytest.raises(bg.SpecificationError, match="calibrate needs a known number"):
            bg.calibrate(AUTO, "gibbs", n_rows=20, n_features=1, progress=False)

    def test_fractions_of_rows_are_refused(self, table):
        weights = np.full(90, 0.5)
        with pytest.raises(bg.SpecificationError, match="Give a number of components"):
            bg.fit(table, AUTO, sample_weight=weights, progress=False)

    def test_rows_are_drawn_before_any_are_seen(self, table):
        """The number of components has its prior, and means the prior of means."""
        covariances = bg.InverseWishart(4, bg.Wishart())
        spec = bg.MixtureSpec(
            bg.UniformCount(1, 4), weights=bg.DynamicDirichlet(), covariances=covariances
        )
        tree = bg.prior_predictive(table, spec, n_draws=400, random_seed=3)
        numbers = (tree["prior"]["weights"] > 1e-300).sum("component").values.ravel()
        counts = np.bincount(numbers, minlength=5)[1:]
        assert stats.chisquare(counts).pvalue > 1e-3
        assert bool(np.isfinite(tree["prior_predictive"]["x"]).all())
