"""Every public plot and statistic of ArviZ on a tree, as ``docs/arviz.md`` says to call it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pytest

import bayesgmm as bg
from tests.cases import example_rows

PARAMETERS = ["weights", "means", "scales"]
FEATURE = "x0"


def _public() -> set[str]:
    """Return the names of all functions of the two packages that draw and compute."""
    functions = {
        name: getattr(az, name) for name in dir(az) if inspect.isfunction(getattr(az, name))
    }
    return {
        name
        for name, function in functions.items()
        if function.__module__.startswith(("arviz_plots.", "arviz_stats."))
    }


OF_PARAMETERS = (
    "diagnose", "ess", "eti", "hdi", "histogram", "iqr", "kde", "mad", "mcse", "mean", "median",
    "mode", "psense", "qds", "rhat", "std", "summary", "thin", "var", "plot_autocorr",
    "plot_convergence_dist", "plot_dgof", "plot_dgof_dist", "plot_dist", "plot_ess",
    "plot_ess_evolution", "plot_forest", "plot_mcse", "plot_parallel", "plot_rank",
    "plot_rank_dist", "plot_ridge", "plot_trace", "plot_trace_dist",
)  # fmt: skip
"""What takes the tree and ``var_names=PARAMETERS``."""

OF_A_FEATURE = (
    "loo_expectations", "loo_influence", "loo_metrics", "loo_pit", "loo_score", "metrics",
    "plot_loo_interval", "plot_loo_pit", "plot_ppc_dist", "plot_ppc_dist_pit",
    "plot_ppc_interval", "plot_ppc_pit", "plot_ppc_tstat",
)  # fmt: skip
"""What takes the tree with replicated tables, and of these one feature."""

OF_THE_TREE = ("bfmi", "get_log_likelihood", "loo", "plot_energy")

OTHERS = {
    "ci_in_rope": lambda t: az.ci_in_rope(t.fit, rope=(-1, 1), var_names=["means"]),
    "compare": lambda t: az.compare({"one": t.fit, "same": t.fit}),
    "ecdf": lambda t: az.ecdf(t.fit["posterior"].dataset, var_names=PARAMETERS),
    "hexbin": lambda t: az.hexbin(*t.two_means),
    "histogram2d": lambda t: az.histogram2d(*t.two_means),
    "kde2d": lambda t: az.kde2d(*t.two_means),
    "kl_divergence": lambda t: az.kl_divergence(
        t.fit, t.fit, var_names=PARAMETERS, num_samples=100
    ),
    "loo_approximate_posterior": lambda t: az.loo_approximate_posterior(
        t.fit, t.fit["sample_stats"]["lp"], t.fit["sample_stats"]["lp"]
    ),
    "loo_i": lambda t: az.loo_i(0, t.fit),
    "loo_subsample": lambda t: az.loo_subsample(t.fit, 20),
    "plot_compare": lambda t: az.plot_compare(az.compare({"one": t.fit, "same": t.fit})),
    "plot_khat": lambda t: az.plot_khat(az.loo(t.fit, pointwise=True)),
    "plot_pair": lambda t: az.plot_pair(t.fit, var_names=["means"], coords={"component": 0}),
    "plot_pair_focus": lambda t: az.plot_pair_focus(
        t.fit, "weights", focus_var_coords={"component": 0}, var_names=["means"]
    ),
    "plot_prior_posterior": lambda t: az.plot_prior_posterior(t.with_prior, var_names=["weights"]),
    "plot_psense_dist": lambda t: az.plot_psense_dist(t.fit, var_names=["weights"]),
    "plot_psense_quantities": lambda t: az.plot_psense_quantities(
        t.fit.sel(component=0, feature=FEATURE), var_names=["means", "scales"]
    ),
    "psense_summary": lambda t: az.psense_summary(t.renamed, var_names=PARAMETERS),
    "rhat_nested": lambda t: az.rhat_nested(t.fit, superchain_ids=[0, 1], var_names=PARAMETERS),
    "update_subsample": lambda t: az.update_subsample(
        az.loo_subsample(t.fit, 20, pointwise=True), t.fit, 10
    ),
    "wasserstein": lambda t: az.wasserstein(t.fit, t.fit, var_names=PARAMETERS, num_samples=100),
    "weight_predictions": lambda t: az.weight_predictions([t.checked] * 2, weights=[0.5, 0.5]),
}

NOT_FOR_MIXTURES = {
    "bayes_factor", "plot_bf", "plot_ecdf_pit", "loo_moment_match", "reloo", "loo_kfold", "lfo_cv",
    "bayesian_r2", "loo_r2", "residual_r2", "plot_lm", "plot_loo_pava", "plot_ppc_pava",
    "plot_ppc_pava_residuals", "plot_ppc_rootogram", "plot_ppc_censored", "kaplan_meier",
    "generate_survival_curves",
}  # fmt: skip

OF_NO_TREE = {"add_bands", "add_lines", "combine_plots", "get_function"}
"""What changes a picture that is there, draws several of the above, or looks up a function."""

CALLED = {
    **{name: lambda t, name=name: getattr(az, name)(t.fit, var_names=_variables(name))
       for name in OF_PARAMETERS},
    **{name: lambda t, name=name: getattr(az, name)(t.feature) for name in OF_A_FEATURE},
    **{name: lambda t, name=name: getattr(az, name)(t.fit) for name in OF_THE_TREE},
    **OTHERS,
}  # fmt: skip


def _variables(name: str) -> list[str]:
    """Return few where each has a panel."""
    return ["weights"] if name.startswith("plot_") else PARAMETERS


class _Trees:
    """A small fit of two features, and what the page makes of a fit."""

    def __init__(self) -> None:
        rows = example_rows(60, 2)
        engine = bg.NUTS(draws=100, tune=100, chains=2)
        self.fit = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
        self.checked = bg.posterior_predictive(self.fit, n_draws=100, random_seed=1)
        self.feature = self.checked.sel(feature=FEATURE)
        self.with_prior = self.fit.copy()
        prior = bg.prior_predictive(rows, bg.MixtureSpec(2), n_draws=100, random_seed=1)
        self.with_prior["prior"] = prior["prior"]
        self.renamed = self.fit.map_over_datasets(
            lambda group: group.rename(component="cluster") if "component" in group.dims else group
        )
        means = self.fit["posterior"]["means"].sel(component=0)
        self.two_means = means.isel(feature=0), means.isel(feature=1)


@pytest.fixture(scope="module")
def trees():
    return _Trees()


def test_every_public_function_has_a_line():
    assert _public() == set(CALLED) | NOT_FOR_MIXTURES | OF_NO_TREE


def test_the_page_names_every_function():
    page = (Path(__file__).parents[1] / "docs" / "arviz.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`([a-z_0-9]+)`", page)) >= _public()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Estimated shape parameter")  # a hundred draws
@pytest.mark.parametrize("name", sorted(CALLED))
def test_what_the_page_says_works(trees, name, capsys):
    assert CALLED[name](trees) is not None
    plt.close("all")


@pytest.mark.parametrize("name", ["summary", "plot_dist", "loo", "plot_loo_pit", "psense"])
@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_one_feature_is_no_exception(name):
    rows = np.r_[np.linspace(-1, 1, 30), np.linspace(9, 11, 30)][:, None]
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=bg.Laplace(draws=200), random_seed=1)
    if name == "loo":
        assert az.loo(tree).n_data_points == 60
    elif name == "plot_loo_pit":
        checked = bg.posterior_predictive(tree, n_draws=200, random_seed=1)
        az.plot_loo_pit(checked.sel(feature=tree["posterior"]["feature"].item()))
    else:
        getattr(az, name)(tree, var_names=PARAMETERS)
    plt.close("all")


def test_a_prior_that_means_nothing_has_no_sensitivity_and_a_strong_one_has():
    rows = np.random.default_rng(2).normal(0.0, 1.0, (80, 1))

    def of_the_mean(width):
        spec = bg.MixtureSpec(1, means=bg.NormalMeans(3.0, width))
        tree = bg.fit(rows, spec, engine=bg.Laplace(draws=2000), random_seed=1, progress=False)
        return float(az.psense(tree, var_names=["means"], group_var_names="means")["means"].max())

    assert of_the_mean(100.0) < 0.05 < of_the_mean(0.3)
