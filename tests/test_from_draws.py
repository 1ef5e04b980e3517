"""The way back from other programs: draws that went out of a tree come home as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

import bayesgmm as bg
from bayesgmm.models.observations import log_sum_exp
from bayesgmm.posterior.relabel.permute import permuted
from bayesgmm.schema import record
from tests.models.reference import FAST

QUICK = bg.NUTS(draws=150, tune=150, chains=2)
PARAMETERS = ("weights", "means", "scales", "correlations", "covariances")


def table(seed: int = 1) -> pd.DataFrame:
    """Return rows of two clusters, far apart, in units that differ, with names."""
    rng = np.random.default_rng(seed)
    numbers = np.concatenate([rng.normal(0, 1, (30, 2)), rng.normal(5, 1, (20, 2))])
    rows = [f"row {place}" for place in range(50)]
    return pd.DataFrame(numbers * [1.0, 100.0] + [0.0, 1e4], rows, ["length", "width"])


@pytest.fixture(scope="module")
def fitted() -> xr.DataTree:
    return bg.fit(table(), bg.MixtureSpec(2), engine=QUICK, random_seed=1, progress=False)


def switched(tree: xr.DataTree, **more: xr.DataArray) -> xr.Dataset:
    """Return the posterior of a tree with the components of every draw in a random order."""
    posterior = bg.undo_relabeling(tree)["posterior"].to_dataset().assign(more)
    order = np.random.default_rng(0).random(posterior["weights"].shape).argsort(axis=-1)
    return permuted(posterior, order)


@pytest.fixture(scope="module")
def unknown(fitted) -> xr.DataTree:
    """Draws that came without a spec, and with a slope of each component and one for all."""
    raw = bg.undo_relabeling(fitted)["posterior"]
    slope = 2 * raw["means"].sel(feature="length", drop=True)
    draws = switched(fitted, slope=slope, largest=raw["weights"].max("component"))
    return bg.from_draws(draws, table(), random_seed=1)


def test_draws_of_a_fit_come_back_to_the_last_bit(fitted):
    back = bg.from_draws(switched(fitted), table(), bg.MixtureSpec(2), random_seed=1)
    for name in PARAMETERS:
        assert_array_equal(back["posterior"][name].values, fitted["posterior"][name].values)
    assert bg.cluster(back).equals(bg.cluster(fitted))
    assert bg.log_density(back).equals(bg.log_density(fitted))
    assert bg.summarize(back).equals(bg.summarize(fitted))
    assert_allclose(
        back["sample_stats"]["lp"].values, fitted["sample_stats"]["lp"].values, atol=1e-8
    )
    assert back["point_estimate"].identical(fitted["point_estimate"])
    kinds = [{one.kind for one in bg.diagnose(tree).findings} for tree in (back, fitted)]
    assert kinds[0] - {"labels switched"} == kinds[1] - {"labels switched"}
    assert record(back)["spec"] == record(fitted)["spec"]


def test_without_a_spec_parameters_come_back_too(fitted, unknown):
    for name in PARAMETERS:
        assert_array_equal(unknown["posterior"][name].values, fitted["posterior"][name].values)
    assert bg.cluster(unknown).equals(bg.cluster(fitted))
    ours, theirs = (tree["log_likelihood"]["x"].values for tree in (unknown, fitted))
    assert_allclose(ours, theirs, atol=1e-9)


def test_what_came_along_is_relabeled_and_judged(unknown):
    posterior = unknown["posterior"]
    assert posterior["slope"].dims == ("chain", "draw", "component")
    assert_array_equal(posterior["slope"], 2 * posterior["means"].sel(feature="length"))
    assert_array_equal(posterior["largest"], posterior["weights"].max("component"))
    figures = bg.diagnose(unknown).figures
    judged = figures["label_free"].to_series()
    assert judged["largest"]
    assert not judged["slope"]
    raw = bg.undo_relabeling(unknown)["posterior"]
    assert_array_equal(raw["slope"], 2 * raw["means"].sel(feature="length"))


def test_what_came_along_can_spoil_the_verdict(fitted):
    stuck = xr.zeros_like(fitted["posterior"]["weights"][..., 0]) + fitted["posterior"]["chain"]
    noise = 0.1 * np.random.default_rng(0).normal(size=stuck.shape)
    with pytest.warns(bg.ConvergenceWarning, match="R-hat of .*slope"):
        tree = bg.from_draws(switched(fitted, slope=stuck + noise), table())
    assert not bg.diagnose(tree).passed


@pytest.mark.slow
def test_every_answer_works_without_a_spec(unknown, tmp_path):
    assert bg.load(bg.save(unknown, tmp_path / "draws.nc")).identical(unknown)
    page = bg.write_report(unknown, tmp_path / "draws.html").read_text(encoding="utf-8")
    assert "Prior ranges of the parameters" not in page
    assert "Each component has its own standard deviations and correlations" in page
    again = bg.relabel(unknown, bg.Stephens(), order_by="length")
    assert again["posterior"]["means"].mean(("chain", "draw")).sel(feature="length")[0] < 2
    assert bg.partition(unknown)["label"].to_series().nunique() == 2
    assert bg.cluster(unknown, table(2)).sizes["obs_id"] == 50
    assert bg.condition(unknown, {"length": 1.0})["posterior"].sizes["feature"] == 1
    bg.plot_label_switching(unknown)


def test_what_needs_the_prior_is_left_unsaid(unknown):
    assert record(unknown)["spec"] is None
    assert "lp" not in unknown["sample_stats"]
    assert "unknown prior" in {one.kind for one in bg.diagnose(unknown).findings}
    assert unknown["point_estimate"].attrs["status"] == "draw"
    with pytest.raises(bg.SchemaError, match="prior of these draws is not known"):
        bg.resample(unknown)


def test_rows_with_weights_of_their_own_have_no_log_likelihoods_here(fitted):
    raw = bg.undo_relabeling(fitted)["posterior"]
    rows = xr.DataArray(np.linspace(0.5, 1.5, 50), coords={"bird": table().index})
    tree = bg.from_draws(switched(fitted, own=raw["weights"] * rows), table())
    assert "log_likelihood" not in tree.children
    assert_array_equal(tree["posterior"]["own"], tree["posterior"]["weights"] * rows)
    with pytest.raises(bg.SchemaError, match="pass them to from_draws"):
        bg.compare({"one": tree, "other": fitted})


def test_masses_of_modes_are_unknown_without_a_prior(fitted):
    draws = bg.undo_relabeling(fitted)["posterior"].to_dataset().copy(deep=True)
    draws["means"][0] = draws["means"][0] + [0.0, 800.0]
    with pytest.warns(bg.ConvergenceWarning, match="posterior mass of each is not known"):
        bg.from_draws(draws[["weights", "means", "covariances"]], table())


def test_components_that_the_prior_tells_apart_keep_their_places(fitted):
    draws = switched(fitted)
    with pytest.warns(bg.ConvergenceWarning):
        tree = bg.from_draws(draws, table(), exchangeable=False)
    assert_array_equal(tree["posterior"]["means"].values, draws["means"].values)
    with pytest.raises(bg.SpecificationError, match="tell the components apart"):
        bg.relabel(tree)


def test_labels_and_weights_are_as_in_a_fit():
    labels = ["a"] * 3 + [None] * 44 + ["b"] * 3
    known = {"labels": labels, "sample_weight": np.tile([0.5, 2.0], 25)}
    spec = bg.MixtureSpec(2, covariances=bg.Tied())
    tree = bg.fit(table(), spec, engine=QUICK, random_seed=1, progress=False, **known)
    for given in (spec, None):
        back = bg.from_draws(tree, table(), given, random_seed=1, **known)
        assert back["posterior"]["component"].values.tolist() == ["a", "b"]
        assert back["posterior"].to_dataset().equals(tree["posterior"].to_dataset())
        assert bg.cluster(back).equals(bg.cluster(tree))


# -- programs that know no names ------------------------------------------------------------------


def test_plain_arrays_of_other_programs(fitted, unknown):
    raw = switched(fitted)
    root = np.linalg.cholesky(raw["covariances"].values)
    arrays = {"theta": raw["weights"].values, "mu": raw["means"].values, "L": root}
    arrays["slope"] = (("chain", "draw", "component"), unknown["posterior"]["slope"].values)
    arrays["log_lik"] = np.zeros((2, 150, 50))
    names = {"weights": "theta", "means": "mu", "cholesky": "L", "log_likelihood": "log_lik"}
    tree = bg.from_draws(arrays, table().to_numpy(), names=names)
    assert_array_equal(tree["posterior"]["means"].values, fitted["posterior"]["means"].values)
    assert_allclose(tree["posterior"]["covariances"], fitted["posterior"]["covariances"])
    assert_array_equal(tree["log_likelihood"]["x"].values, 0.0)
    one = {name: raw[name].values[0] for name in ("weights", "means", "scales", "correlations")}
    with pytest.warns(bg.ConvergenceWarning, match="only one chain"):
        short = bg.from_draws(one, table())
    assert_array_equal(short["posterior"]["scales"][0], fitted["posterior"]["scales"][0])


def test_one_feature_needs_no_axis_and_dims_may_have_any_names():
    x = table()["length"]
    spec = bg.MixtureSpec(2, covariances=bg.Diagonal())
    tree = bg.fit(x.to_frame(), spec, engine=QUICK, random_seed=1, progress=False)
    draws = {name: tree["posterior"][name].values for name in ("weights", "means", "scales")}
    draws |= {"means": draws["means"][..., 0], "scales": draws["scales"][..., 0]}
    datasets = xr.Dataset({
        "weights": (("draw", "group", "chain"), np.moveaxis(draws["weights"], 0, -1)),
        "means": (("chain", "draw", "group"), draws["means"]),
        "scales": (("chain", "draw", "group"), draws["scales"]),
        "slope": (("chain", "draw", "group"), draws["means"]),
    })  # fmt: skip
    for given in (draws, datasets):
        back = bg.from_draws(given, x)
        for name in ("weights", "means", "scales"):
            assert_array_equal(back["posterior"][name].values, tree["posterior"][name].values)
        assert_allclose(back["posterior"]["covariances"], tree["posterior"]["covariances"])
    assert_array_equal(back["posterior"]["slope"], back["posterior"]["means"][..., 0])


def test_features_are_matched_by_name(fitted):
    draws = switched(fitted).isel(feature=[1, 0], feature_bis=[1, 0])
    tree = bg.from_draws(draws, table())
    assert tree["posterior"].to_dataset().equals(fitted["posterior"].to_dataset())


# -- the model of build_model ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bg.Tied, bg.Spherical])
def test_variables_of_the_model_are_understood(kind):
    X = np.random.default_rng(0).normal(size=(30, 2))
    means = bg.NormalMeans(0.0, 1.0)
    spec = bg.MixtureSpec(2, means=means, covariances=kind(bg.HalfNormal(1.0)))
    prior = pm.sample_prior_predictive(
        40, model=bg.build_model(X, spec), random_seed=1, compile_kwargs={"mode": FAST}
    )["prior"].to_dataset()
    with pytest.warns(bg.ConvergenceWarning):  # one chain
        tree = bg.from_draws(prior, X, spec, random_seed=1)
    raw = bg.undo_relabeling(tree)["posterior"]
    for name in ("weights", "means", "scales", "covariances"):
        places = raw[name].values
        chosen = np.sort(places, axis=2), np.sort(prior[name].values, axis=2)
        assert_array_equal(*chosen)
    assert "log_likelihood" in tree.children
    other = bg.MixtureSpec(2, covariances=bg.TiedSpherical())
    with pytest.raises(bg.SpecificationError, match=r"not of this spec: under TiedSpherical\(\)"):
        bg.from_draws(prior, X, other)


ROWS = np.random.default_rng(5).normal(size=(40, 2)) + np.repeat([[0.0], [4.0]], [16, 24], axis=0)
COVARIATE = np.repeat([-1.0, 1.0, -1.0], [12, 20, 8])  # the second cluster has more of the ones
SPEC = bg.MixtureSpec(2, covariances=bg.Diagonal())
PRIOR_OF_SCALES = stats.lognorm(0.3, scale=1.2)


def sampled(model: pm.Model, **options: object) -> xr.DataTree:
    with model:
        step = pm.NUTS(max_treedepth=4)  # PyTensor computes in Python here
        return pm.sample(
            step=step, chains=2, cores=1, random_seed=1, progressbar=False,
            compute_convergence_checks=False, **options,
        )  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> xr.DataTree:
    engine = bg.NUTS(draws=4000, chains=4)
    return bg.fit(ROWS, SPEC, engine=engine, random_seed=2, progress=False)


def expect_means(values: np.ndarray, wanted: np.ndarray, error: np.ndarray) -> None:
    """Compare posterior means of two runs: an error beyond 5 has a probability of 1e-6 an entry.

    ``values`` have axes chain, draw, entry, and ``wanted`` the standard ``error``.
    """
    from arviz_stats.base import array_stats

    effective = np.array([
        array_stats.ess(entry, method="mean", chain_axis=0, draw_axis=1)
        for entry in np.moveaxis(values, -1, 0)
    ])  # fmt: skip
    own = values.std(axis=(0, 1)) / np.sqrt(effective)
    assert np.all(np.abs(values.mean(axis=(0, 1)) - wanted) < 5 * np.hypot(own, error))


def entries(posterior: xr.Dataset, *names: str) -> np.ndarray:
    """Return variables side by side, axes chain, draw, entry."""
    parts = [posterior[name].values for name in names]
    return np.concatenate([one.reshape(*one.shape[:2], -1) for one in parts], axis=-1)


@pytest.mark.slow
def test_sampling_by_hand_and_the_way_back_say_what_a_fit_says(reference):
    initial = bg.estimate(ROWS, SPEC, random_seed=1)
    draws = sampled(bg.build_model(ROWS, SPEC, initial=initial), tune=200, draws=300)
    back = bg.from_draws(draws, ROWS, SPEC, random_seed=2)
    assert back["point_estimate"].identical(reference["point_estimate"])
    names = ("weights", "means", "scales")
    wanted = entries(reference["posterior"], *names)
    found = entries(back["posterior"], *names)
    expect_means(found, wanted.mean(axis=(0, 1)), wanted.std(axis=(0, 1)) / np.sqrt(1000))
    shift = back["sample_stats"]["lp"].values - draws["sample_stats"]["lp"].values
    assert np.ptp(shift) < 1e-6  # the same density, in other units
    ours, theirs = (bg.cluster(tree)["responsibilities"].values for tree in (back, reference))
    assert_allclose(ours, theirs, atol=0.02)


@pytest.mark.slow
def test_an_extended_model_comes_back_whole(reference):
    """A covariate on the weights and another prior of the scales, against importance sampling.

    Draws of the model as it was, with slopes from their prior, are weighted by what is new.
    """
    initial = bg.estimate(ROWS, SPEC, random_seed=1)
    with bg.build_model(ROWS, SPEC, initial=initial) as model:
        slope = pm.Normal("slope", 0.0, 1.0, dims="component")
        weights, means, scales = (model[name] for name in ("weights", "means", "scales"))
        tilted = pt.log(weights)[:, None] + slope[:, None] * COVARIATE
        tilted = tilted - log_sum_exp(tilted)
        noise = (ROWS - means[:, None]) / scales[:, None]
        densities = -0.5 * (noise**2).sum(axis=-1) - pt.log(scales).sum(axis=-1)[:, None]
        joint = tilted + densities
        before = log_sum_exp(pt.log(weights)[:, None] + densities)
        pm.Potential("covariate", log_sum_exp(joint) - before)
        prior = pm.LogNormal.dist(np.log(1.2), 0.3)
        pm.Potential("prior_of_scales", pm.logp(prior, scales))
        membership = pt.exp(joint - log_sum_exp(joint)).T
        pm.Deterministic("membership", membership, dims=("obs_id", "component"))
    draws = sampled(model, tune=200, draws=300)
    tree = bg.from_draws(draws, ROWS)
    posterior = tree["posterior"]
    assert "log_likelihood" not in tree.children  # rows have weights of their own
    assert tree["sample_stats"]["lp"].equals(draws["sample_stats"]["lp"])

    log_weights, logs = log_joint(posterior)
    exact = np.exp(logs - special.logsumexp(logs, axis=-1, keepdims=True))
    assert_allclose(posterior["membership"].values, exact, atol=1e-9)

    few = reference["posterior"].to_dataset().isel(draw=slice(None, None, 4))
    rng = np.random.default_rng(3)
    few["slope"] = few["weights"].dims, rng.normal(size=few["weights"].shape)
    log_weights, logs = log_joint(few)
    plain = np.log(few["weights"].values)[:, :, None] + logs - log_weights
    gain = special.logsumexp(logs, axis=-1) - special.logsumexp(plain, axis=-1)
    gain = gain.sum(axis=-1) + PRIOR_OF_SCALES.logpdf(few["scales"].values).sum(axis=(-1, -2))
    importance = special.softmax(gain)
    names = ("weights", "means", "scales", "slope")
    values = entries(few, *names)
    wanted = np.einsum("cd,cde->e", importance, values)
    away = importance[..., None] * (values - wanted)
    expect_means(entries(posterior, *names), wanted, 2 * np.sqrt((away**2).sum(axis=(0, 1))))


def log_joint(posterior: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return log weights of rows, and with densities added; axes chain, draw, row, component."""
    slope = posterior["slope"].values[:, :, None] * COVARIATE[:, None]
    log_weights = special.log_softmax(
        np.log(posterior["weights"].values)[:, :, None] + slope, axis=-1
    )
    means, scales = (posterior[name].values[:, :, None] for name in ("means", "scales"))
    densities = stats.norm.logpdf(ROWS[:, None], means, scales).sum(axis=-1)
    return log_weights, log_weights + densities
