"""The compiled log posterior and the PyMC model are one density, for every prior and structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytensor.compile.mode import Mode

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names, read_table
from bayesgmm.data.standardize import Scaling
from bayesgmm.estimation.density import Target
from bayesgmm.models.mixture import declare_model
from bayesgmm.priors.spec import MixtureSpec
from tests.cases import (
    KNOWN,
    PAIRS,
    SCALE_PRIORS,
    STRUCTURES,
    annotated_dataset,
    example_rows,
    example_spec,
    random_parameters,
)

PYTHON_MODE = Mode(linker="py", optimizer="fast_compile")
"""Compiles nothing: slow to run, which a few evaluations do not notice."""

EVERY_STRUCTURE = [(name, "half-t", d) for name in STRUCTURES for d in (1, 4)]
EVERY_PRIOR = [("full", prior, 3) for prior in SCALE_PRIORS if prior != "half-t"]
DIFFERENTIATED = ("tied", "spherical", "inverse-wishart")
"""Structures whose PyMC gradient is taken, too: declaring it takes seconds. The compiled gradients
of all are those of finite differences (``tests/references/test_scipy.py``)."""


def dataset_of(rows: np.ndarray) -> Dataset:
    return Dataset(rows, default_names(rows.shape[1]), np.arange(len(rows)))


@pytest.mark.parametrize(("structure", "prior", "n_features"), EVERY_STRUCTURE + EVERY_PRIOR)
@pytest.mark.parametrize("n_components", [3])
def test_compiled_equals_pymc(structure, prior, n_features, n_components):
    # So coarse that the floor of partial standard deviations matters.
    spec = example_spec(structure, prior, n_components=n_components, resolution=2.0)
    rows = example_rows(30, n_features)
    parameters = random_parameters(spec, n_features, seed=5)
    both = prior == "half-t" and structure in DIFFERENTIATED and n_features == 4
    expect_equal_densities(spec, dataset_of(rows), parameters, gradients=both)


@pytest.mark.parametrize("structure", ["full", "spherical", "inverse-wishart"])
def test_compiled_equals_pymc_for_one_component(structure):
    spec = example_spec(structure, "gamma", n_components=1)
    expect_equal_densities(
        spec, dataset_of(example_rows(20, 2)), random_parameters(spec, 2, seed=6)
    )


def with_a_prior_for_each_mean(spec: MixtureSpec, n_features: int) -> MixtureSpec:
    rng, shape = np.random.default_rng(2), (spec.n_components, n_features)
    return replace(spec, means=bg.NormalMeans(rng.normal(size=shape), rng.uniform(0.5, 3, shape)))


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["full", "tied-diagonal"])
def test_compiled_equals_pymc_with_a_prior_for_each_mean(structure):
    spec = with_a_prior_for_each_mean(example_spec(structure, "gamma"), 2)
    parameters = random_parameters(spec, 2, seed=7)
    expect_equal_densities(spec, dataset_of(example_rows(20, 2)), parameters, gradients=True)


# The PyMC model knows two kinds of rows, correlated and not, with one feature and with more.
ANNOTATED = [(name, 2, KNOWN) for name in STRUCTURES]
ANNOTATED += [("full", 3, ("gaps",)), ("full", 3, ("weights",)), ("diagonal", 3, ("labels",))]
ANNOTATED += [("tied", 1, KNOWN), ("spherical", 1, ("gaps",))]


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "n_features", "known"), ANNOTATED, ids=str)
def test_compiled_equals_pymc_where_more_or_less_is_known(structure, n_features, known):
    spec = example_spec(structure, "gamma")
    data = annotated_dataset(25, n_features, *known, seed=1)
    both = known == ("gaps",)
    expect_equal_densities(spec, data, random_parameters(spec, n_features, seed=8), gradients=both)


def expect_equal_densities(spec, data, parameters, *, gradients=False):
    target = Target(spec, data)
    value, gradient = target(target.layout.pack(parameters))
    model = declare_model(data, spec, initial=parameters)
    point = model.initial_point()
    names = [model.rvs_to_values[variable].name for variable in model.free_RVs]
    theirs = np.concatenate([np.ravel(point[name]) for name in names])
    np.testing.assert_allclose(theirs, target.layout.pack(parameters), rtol=1e-9, atol=1e-9)
    # PyMC's half-t density of one number is off by some 1e-9.
    logp = model.compile_fn(model.logp(), mode=PYTHON_MODE)(point)
    np.testing.assert_allclose(value, logp, rtol=1e-11, atol=2e-8)
    if gradients:
        dlogp = model.compile_fn(model.dlogp(), mode=PYTHON_MODE)(point)
        np.testing.assert_allclose(gradient, dlogp, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("structure", "prior"), PAIRS)
@pytest.mark.parametrize("n_features", [1, 3])
def test_standardizing_changes_the_log_density_by_a_constant(structure, prior, n_features):
    spec = example_spec(structure, prior)
    units = np.array([0.01, 30.0, 5.0])[:n_features]
    rows = 1000.0 + units * example_rows(40, n_features)
    if prior == "gamma":
        spec = with_a_prior_for_each_mean(spec, n_features)
    data = read_table(rows)
    scaling = Scaling.of(data, isotropic=spec.covariances.isotropic)
    here = Target(spec, data)
    there = Target(spec.standardized(scaling.shift, scaling.factor), scaling.standardize(data))
    differences, sizes = [], []
    for seed in range(4):
        parameters = random_parameters(spec, n_features, seed=seed)
        scaled = scaling.standardize_parameters(scaling.restore(parameters))
        restored = scaling.restore(scaled)
        value = here(here.layout.pack(restored))[0]
        differences.append(value - there(there.layout.pack(scaled))[0])
        sizes.append(abs(value))
    np.testing.assert_allclose(differences, differences[0], atol=1e-10 * max(sizes))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_constant_is_the_jacobian(structure):
    spec = example_spec(structure, "log-normal")
    data = read_table(5.0 + 3.0 * example_rows(25, 2))
    scaling = Scaling.of(data, isotropic=spec.covariances.isotropic)
    here = Target(spec, data)
    there = Target(spec.standardized(scaling.shift, scaling.factor), scaling.standardize(data))
    parameters = random_parameters(spec, 2, seed=1)
    value = here(here.layout.pack(scaling.restore(parameters)))[0]
    scaled_value = there(there.layout.pack(parameters))[0]
    # Rows, and means (which are not transformed), change their unit; log scales only shift.
    expected = -scaling.log_jacobian(data.n_observed) - spec.n_components * scaling.log_jacobian()
    np.testing.assert_allclose(value - scaled_value, expected, atol=1e-9)
