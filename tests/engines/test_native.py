"""The C functions that samplers call equal the log posterior, and change no draw."""

from __future__ import annotations

import ctypes
import importlib.util
import sys

import numpy as np
import pytest
from scipy.linalg import solve_triangular

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines import native
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.kernels.callbacks import density_callback, position_callback
from tests.cases import SCALE_PRIORS, STRUCTURES, example_rows, example_spec

CASES = [(structure, "gamma", d, "") for structure in STRUCTURES for d in (1, 2, 3)]
CASES += [("full", prior, 2, "") for prior in SCALE_PRIORS]
CASES += [(structure, "gamma", 3, "gaps, weights, labels") for structure in STRUCTURES]


def example(structure, prior, n_features, known=""):
    rows, rng = example_rows(150, n_features), np.random.default_rng(8)
    more = {}
    if known:
        rows[rng.random(rows.shape) < 0.3] = np.nan
        more = {
            "weights": rng.uniform(0.5, 2.0, 150),
            "label_log_likelihoods": -rng.random((150, 3)),
        }
    data = Dataset(rows, default_names(n_features), np.arange(150), **more)
    target = Target(example_spec(structure, prior), data)
    rng = np.random.default_rng(6)
    size = target.layout.size
    root = np.triu(0.1 * rng.normal(size=(size, size))) + np.eye(size)
    return target, NormalApproximation(rng.normal(0, 0.3, size), root)


def pointer(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))


def density(target, normal, noise):
    """Call the C function as a sampler would; return its code, value and gradient."""
    block = native.native_block(target, normal)
    value, gradient = np.empty(1), np.empty(noise.size)
    gaps = target.log_posterior.X.has_gaps
    function = density_callback(target.layout.covariances.correlated, gaps).ctypes
    arguments = pointer(noise), pointer(gradient), pointer(value), block.ctypes.data
    return function(noise.size, *arguments), value[0], gradient


@pytest.mark.parametrize(("structure", "prior", "n_features", "known"), CASES)
def test_value_and_gradient_are_those_of_the_target(structure, prior, n_features, known):
    target, normal = example(structure, prior, n_features, known)
    noise = np.random.default_rng(1).normal(0, 0.3, target.layout.size)
    code, value, gradient = density(target, normal, noise)
    expected, slope = target(normal.positions(noise))
    assert code == 0
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, normal.root.T @ slope, rtol=1e-9, atol=1e-9)


def in_groups(target, normal):
    """The same approximation without correlations between components."""
    groups = target.layout.groups
    root = np.where(groups[:, None] == groups, normal.root, 0.0)
    return NormalApproximation(normal.center, root, groups)


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_components_may_be_independent(structure):
    target, normal = example(structure, "gamma", 3)
    normal = in_groups(target, normal)
    noise = np.random.default_rng(1).normal(0, 0.3, target.layout.size)
    code, value, gradient = density(target, normal, noise)
    expected, slope = target(normal.positions(noise))
    assert code == 0
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, normal.root.T @ slope, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("grouped", [False, True])
def test_positions_are_those_of_the_map(grouped):
    target, normal = example("full", "gamma", 2)
    normal = in_groups(target, normal) if grouped else normal
    noise = np.random.default_rng(1).normal(size=target.layout.size)
    position, block = np.empty(noise.size), native.native_block(target, normal)
    arguments = pointer(noise), pointer(position), block.ctypes.data
    assert position_callback().ctypes(noise.size, noise.size, *arguments) == 0
    np.testing.assert_allclose(position, normal.center + normal.root @ noise, rtol=1e-12)
    np.testing.assert_allclose(
        normal.noise(position), solve_triangular(normal.root, position - normal.center)
    )


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_a_density_that_is_not_finite_is_reported(structure):
    target, normal = example(structure, "gamma", 2)
    code, *_ = density(target, normal, np.full(target.layout.size, 1e4))
    assert code > 0  # a divergence; below zero the sampler would give up


def test_the_installed_nutpie_has_what_is_needed():
    assert native.is_available()


def test_without_it_the_draws_are_the_same(monkeypatch):
    """Up to rounding, which chains amplify: thirty draws are few enough."""
    rows = np.random.default_rng(0).normal(size=(60, 2))
    engine, draws = bg.NUTS(draws=20, tune=10, chains=2), []
    for available in (True, False):
        monkeypatch.setattr(native, "is_available", lambda answer=available: answer)
        tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
        draws.append(tree["posterior"]["means"].values)
    np.testing.assert_allclose(draws[0], draws[1], rtol=1e-6)


def test_another_nutpie_is_noticed(monkeypatch):
    monkeypatch.setitem(native._EXPECTED, "LogpFunc", "(another, signature)")
    assert not native.is_available()


def test_a_nutpie_without_the_private_parts_is_noticed(monkeypatch):
    import nutpie

    monkeypatch.delattr(nutpie, "_lib")
    monkeypatch.setitem(sys.modules, "nutpie._lib", None)
    found = importlib.util.spec_from_file_location(native.__name__, native.__file__)
    again = importlib.util.module_from_spec(found)
    found.loader.exec_module(again)
    assert not again.is_available()
