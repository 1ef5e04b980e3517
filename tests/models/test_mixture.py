import numpy as np
import pymc as pm
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm.fitting import build_model, estimate
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import (
    LKJ,
    Diagonal,
    Full,
    Spherical,
    Tied,
    TiedDiagonal,
    TiedSpherical,
)
from bayesgmm.priors.inverse_wishart import InverseWishart, TiedInverseWishart
from bayesgmm.priors.means import NormalMeans
from bayesgmm.priors.scales import Exponential, Gamma, HalfNormal, HalfT, InverseGamma, LogNormal
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.priors.weights import Dirichlet
from tests.models.reference import (
    FAST,
    log_density,
    model_of,
    random_point,
    resolved,
    row_log_density,
    rows_of,
)
from tests.references.density import joint_log_densities

# Every structure with one feature and with several, every scale prior at least twice, each
# number of features from 1 to 6, one component and more.
CASES = {
    "full-half-t-k3-d4": (Full(), 3, 4),
    "full-half-t-k2-d1": (Full(), 2, 1),
    "tied-half-t-k2-d3": (Tied(HalfT(degrees_of_freedom=3.3)), 2, 3),
    "spherical-half-t-k2-d2": (Spherical(), 2, 2),
    "full-inverse-gamma-k3-d4": (Full(InverseGamma()), 3, 4),
    "full-half-normal-k2-d6": (Full(HalfNormal(), LKJ(1.5)), 2, 6),
    "full-gamma-k1-d2": (Full(Gamma(), LKJ(1.0)), 1, 2),
    "full-log-normal-k2-d1": (Full(LogNormal()), 2, 1),
    "tied-exponential-k3-d3": (Tied(Exponential(), LKJ(0.7)), 3, 3),
    "tied-inverse-gamma-k2-d5": (Tied(InverseGamma(), LKJ(4.0)), 2, 5),
    "tied-half-normal-k1-d1": (Tied(HalfNormal()), 1, 1),
    "diagonal-log-normal-k3-d5": (Diagonal(LogNormal()), 3, 5),
    "diagonal-gamma-k1-d1": (Diagonal(Gamma()), 1, 1),
    "spherical-half-normal-k3-d2": (Spherical(HalfNormal()), 3, 2),
    "spherical-inverse-gamma-k2-d1": (Spherical(InverseGamma()), 2, 1),
    "tied-diagonal-exponential-k2-d6": (TiedDiagonal(Exponential()), 2, 6),
    "tied-diagonal-log-normal-k2-d1": (TiedDiagonal(LogNormal()), 2, 1),
    "tied-spherical-gamma-k3-d3": (TiedSpherical(Gamma()), 3, 3),
    "tied-spherical-exponential-k2-d1": (TiedSpherical(Exponential()), 2, 1),
    "inverse-wishart-k3-d3": (InverseWishart(), 3, 3),
    "inverse-wishart-k2-d1": (InverseWishart(2.5), 2, 1),
    "inverse-wishart-k1-d2": (InverseWishart(3, [[2.0, 0.5], [0.5, 1.0]]), 1, 2),
    "tied-inverse-wishart-k3-d4": (TiedInverseWishart(7.2, (1.0, 2.0, 5.0, 9.0)), 3, 4),
}


def case(name):
    structure, k, d = CASES[name]
    values = rows_of(d)
    concentration = Dirichlet(np.arange(1, k + 1) / 2)
    return values, resolved(MixtureSpec(k, weights=concentration, covariances=structure), values)


@pytest.mark.parametrize("name", CASES)
def test_log_density_is_that_of_scipy(name):
    """Its gradient is compared with that of the compiled density, elsewhere."""
    values, spec = case(name)
    model = model_of(spec, values)
    point = random_point(model, spec, values.shape[1])
    outputs = [model.logp(jacobian=False), *model.unobserved_value_vars]
    evaluate = model.compile_fn(outputs, inputs=model.value_vars, mode=FAST)
    density, *constrained = evaluate(point)
    names = [variable.name for variable in model.unobserved_value_vars]
    expected = log_density(spec, values, dict(zip(names, constrained, strict=True)))
    # PyMC's half-t density of one number is off by some 1e-9.
    assert_allclose(density, expected, rtol=1e-10, atol=1e-7)


@pytest.mark.parametrize("name", ["full-inverse-gamma-k3-d4", "tied-half-normal-k1-d1",
                                  "tied-spherical-gamma-k3-d3", "inverse-wishart-k3-d3",
                                  "tied-inverse-wishart-k3-d4"])  # fmt: skip
def test_prior_predictive_has_named_dims(name):
    values, spec = case(name)
    model = model_of(spec, values, row_names=np.array([f"row {i}" for i in range(len(values))]))
    tree = _prior(model, draws=4)
    assert tree.prior["weights"].dims == ("chain", "draw", "component")
    assert tree.prior["means"].dims == ("chain", "draw", "component", "feature")
    assert tree.prior["scales"].dims == ("chain", "draw", "component", "feature")
    assert tree.prior["covariances"].dims[2:] == ("component", "feature", "feature_bis")
    assert tree.prior["covariances"].sizes["component"] == spec.n_components
    assert tree.prior_predictive["x"].dims == ("chain", "draw", "obs_id", "feature")
    assert tree.prior_predictive["x"].shape == (1, 4, *values.shape)
    assert tree.prior_predictive["obs_id"].values[1] == "row 1"
    assert tree.prior_predictive["feature"].values[0] == "feature 0"


def _prior(model, *, draws):
    return pm.sample_prior_predictive(
        draws, model=model, random_seed=1, compile_kwargs={"mode": FAST}
    )


def separated(structure):
    """Return rows around (-50, -50) and (50, 50), and beliefs that leave little freedom."""
    values = np.random.default_rng(0).normal(size=(40, 2)) + np.repeat([[-50.0], [50.0]], 20, 0)
    means = NormalMeans(loc=0.0, scale=100.0)
    return values, MixtureSpec(2, means=means, covariances=structure, resolution=0.01)


@pytest.mark.parametrize("structure", [Full(HalfNormal(1.0)), Spherical(HalfNormal(1.0))])
def test_a_posterior_draw_gives_rows_with_one_label_each(structure):
    values, spec = separated(structure)
    model = model_of(spec, values)
    tree = _prior(model, draws=3)
    posterior = tree.prior.to_dataset().copy()
    posterior["means"][:] = np.array([[-50.0, -50.0], [50.0, 50.0]])
    posterior["weights"][:] = 0.5
    predictive = pm.sample_posterior_predictive(
        posterior, model=model, random_seed=1, progressbar=False, compile_kwargs={"mode": FAST}
    ).posterior_predictive["x"]
    assert predictive.shape == (1, 3, 40, 2)
    first = predictive.values < 0
    assert np.array_equal(first[..., 0], first[..., 1])
    assert 0.2 < first.mean() < 0.8


@pytest.mark.parametrize("structure", [Full(HalfNormal(1.0)), TiedDiagonal(HalfNormal(1.0))])
def test_log_likelihood_is_one_number_a_row(structure):
    values, spec = separated(structure)
    model = model_of(spec, values)
    prior = _prior(model, draws=3).prior.to_dataset()
    likelihood = pm.compute_log_likelihood(
        _as_posterior(prior), model=model, progressbar=False, compile_kwargs={"mode": FAST}
    ).log_likelihood["x"]
    assert likelihood.dims == ("chain", "draw", "obs_id")
    draw = prior.isel(chain=0, draw=2)
    parts = (draw[name].values for name in ("weights", "means", "covariances"))
    assert_allclose(likelihood.values[0, 2], row_log_density(values, *parts), rtol=1e-10)


def _as_posterior(dataset):
    import xarray as xr

    return xr.DataTree.from_dict({"posterior": dataset})


def test_find_map_finds_separated_components():
    values, spec = separated(Full(InverseGamma(2.0, 1.0)))
    correlations = np.tile(np.eye(2), (2, 1, 1))
    means = np.array([[-40.0, -40.0], [40.0, 40.0]])
    start = MixtureParameters(np.array([0.4, 0.6]), means, np.full((2, 2), 10.0), correlations)
    model = model_of(spec, values, initial=start)
    found = pm.find_MAP(
        model=model,
        progressbar=False,
        jitter=False,
        return_inferencedata=True,
        compile_kwargs={"mode": FAST},
    )
    centers = np.array([values[:20].mean(axis=0), values[20:].mean(axis=0)])
    assert_allclose(found.posterior["means"].values.squeeze(), centers, atol=0.01)
    assert_allclose(found.posterior["weights"].values.squeeze(), 0.5, atol=0.01)


def test_samplers_start_where_they_are_told():
    values, spec = case("full-inverse-gamma-k3-d4")
    weights, correlations = np.array([0.5, 0.5, 0.0]), np.tile(np.eye(4), (3, 1, 1))
    start = MixtureParameters(weights, values[:3], np.abs(values[3:6]), correlations)
    model = model_of(spec, values, initial=start)
    starts = {rv.name: value for rv, value in model.rvs_to_initial_values.items()}
    assert set(starts) == {"weights", "means", "scales", "correlation_cholesky"}
    assert np.array_equal(starts["means"], start.means)
    assert np.array_equal(starts["scales"], start.scales)
    assert_allclose(starts["weights"], weights, atol=1e-11)
    assert np.all(starts["weights"] > 0)
    assert all(np.isfinite(value).all() for value in model.initial_point().values())


def test_rows_can_be_replaced():
    values, spec = case("diagonal-gamma-k1-d1")
    model = model_of(spec, values)
    with model:
        pm.set_data({"rows": values[:7]}, coords={"obs_id": range(7)})
    assert _prior(model, draws=2).prior_predictive["x"].shape == (1, 2, 7, 1)


def annotated(structure):
    """Return the separated rows with what is known of them, and beliefs as there."""
    values, spec = separated(structure)
    values[::3, 0] = np.nan
    values[1, :] = np.nan
    label_log_likelihoods = np.zeros((40, 2))
    label_log_likelihoods[[2, 30]] = [[0.0, -np.inf], np.log([0.4, 0.6])]
    known = {
        "weights": np.tile([0.0, 0.5, 1.0, 3.0], 10),
        "label_log_likelihoods": label_log_likelihoods,
    }
    return values, spec, known


@pytest.mark.parametrize("structure", [Full(HalfNormal(1.0)), Spherical(HalfNormal(1.0))])
def test_missing_cells_are_not_imputed(structure):
    values, spec, known = annotated(structure)
    model = model_of(spec, values, **known)
    whole = model_of(spec, np.nan_to_num(values))
    assert [variable.name for variable in model.observed_RVs] == ["x"]
    assert [item.name for item in model.free_RVs] == [item.name for item in whole.free_RVs]
    assert {item.name for item in whole.data_vars} == {"rows"}
    tree = _prior(model, draws=3)
    assert_array_equal(tree.observed_data["x"], values)
    assert tree.prior_predictive["x"].dims == ("chain", "draw", "obs_id", "feature")
    assert np.isfinite(tree.prior_predictive["x"]).all()
    assert_array_equal(tree.constant_data["sample_weight"], known["weights"])
    assert_allclose(tree.constant_data["label_likelihood"][30], [0.4, 0.6])


def test_an_annotated_model_can_be_printed():
    values, spec, known = annotated(Full(HalfNormal(1.0)))
    lines = model_of(spec, values, **known).str_repr().splitlines()
    (rows,) = (line.strip() for line in lines if line.strip().startswith("x ~"))
    assert rows == (
        "x ~ AnnotatedCorrelatedRow(weights, means, f(scales, correlation_cholesky), "
        "<shared>, <shared>, <shared>, <shared>)"
    )


@pytest.mark.parametrize("structure", [Full(HalfNormal(1.0)), TiedDiagonal(HalfNormal(1.0))])
def test_log_likelihood_of_a_row_is_that_of_its_observed_part_times_its_weight(structure):
    values, spec, known = annotated(structure)
    model = model_of(spec, values, **known)
    prior = _prior(model, draws=3).prior.to_dataset()
    likelihood = pm.compute_log_likelihood(
        _as_posterior(prior), model=model, progressbar=False, compile_kwargs={"mode": FAST}
    ).log_likelihood["x"]
    assert likelihood.dims == ("chain", "draw", "obs_id")
    draw, computed = prior.isel(chain=0, draw=2), likelihood.values[0, 2]
    weights, means, covariances = (
        draw[name].values for name in ("weights", "means", "covariances")
    )
    assert_allclose(computed[1], 0.0, atol=1e-12)  # no observed cell
    assert_allclose(computed[[0, 4]], 0.0, atol=0)  # no weight
    marginal = row_log_density(values[3:4, 1:], weights, means[:, 1:], covariances[:, 1:, 1:])
    assert_allclose(computed[3], 3.0 * marginal[0], rtol=1e-10)
    joint = joint_log_densities(values[2:3], weights, means, covariances)[0]
    assert_allclose(computed[2], joint[0], rtol=1e-10)  # certainly of the first component


def test_find_map_finds_the_mode_of_annotated_rows():
    """Without correlations PyMC's mode is that of the package's own EM, to about half a row.

    PyMC takes the density over standard deviations, and EM over their logarithms.
    """
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, 2)) + np.repeat([[0.0], [4.0]], 25, axis=0)
    X[::4, 1] = np.nan
    known = {"sample_weight": np.tile([0.5, 2.0], 25), "labels": [0] + [None] * 48 + [1]}
    spec = MixtureSpec(2, covariances=Diagonal())
    point = estimate(X, spec, random_seed=1, **known)
    found = pm.find_MAP(
        model=build_model(X, spec, initial=point, **known),
        progressbar=False, jitter=False, return_inferencedata=True, compile_kwargs={"mode": FAST},
    ).posterior  # fmt: skip
    for name in ("weights", "means", "scales"):
        assert_allclose(
            found[name].values[0, 0], getattr(point.parameters, name), rtol=0.03, atol=0.005
        )


@pytest.mark.slow
@pytest.mark.parametrize("structure", [
    Full(InverseGamma(2.0, 1.0)), Tied(Gamma(2.0, 1.0)), InverseWishart(4.0, 1.0)
])  # fmt: skip
def test_everything_works_with_the_defaults_of_pymc(structure):
    _expect_everything_to_work(*separated(structure))


@pytest.mark.slow
def test_everything_works_with_the_defaults_of_pymc_where_rows_are_annotated():
    values, spec, known = annotated(Full(InverseGamma(2.0, 1.0)))
    _expect_everything_to_work(values, spec, **known)


def _expect_everything_to_work(values, spec, **known):
    with model_of(spec, values, **known):
        prior = pm.sample_prior_predictive(3, random_seed=1)
        # PyTensor computes in Python here: many or long paths would take minutes.
        step = pm.NUTS(max_treedepth=2, step_scale=0.05)
        tree = pm.sample(
            tune=10, draws=10, chains=2, cores=1, step=step, random_seed=1, progressbar=False
        )
        pm.sample_posterior_predictive(
            tree, random_seed=1, progressbar=False, extend_inferencedata=True
        )
        pm.compute_log_likelihood(tree, progressbar=False)
    assert prior.prior_predictive["x"].shape == (1, 3, 40, 2)
    assert tree.posterior["covariances"].shape == (2, 10, 2, 2, 2)
    assert tree.posterior_predictive["x"].shape == (2, 10, 40, 2)
    assert tree.log_likelihood["x"].dims == ("chain", "draw", "obs_id")
