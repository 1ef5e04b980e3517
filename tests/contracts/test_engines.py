"""Every engine: same seed same tree, schema obeyed, warm start used, nothing modified."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
import xarray as xr
from threadpoolctl import threadpool_limits

import bayesgmm as bg
from bayesgmm.schema import record, validate
from tests.cases import ENGINES, STRUCTURES


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    rng = np.random.default_rng(3)
    near, far = rng.normal(0, 1, (60, 2)), rng.normal(0, 1, (40, 2)) + [8.0, 5.0]
    return np.concatenate([near, far]) * [1.0, 50.0] + [0.0, 1000.0]


def fitted(rows: np.ndarray, engine: object, **options: object) -> xr.DataTree:
    spec = bg.MixtureSpec(2)
    return bg.fit(rows, spec, engine=engine, random_seed=11, progress=False, **options)


# Full-rank ADVI differs from mean-field in one class of PyMC, and compiles for long.
EVERY_ENGINE = [
    pytest.param(name, marks=pytest.mark.slow if name == "advi-fullrank" else ())
    for name in ENGINES
]


@pytest.fixture(scope="module", params=EVERY_ENGINE)
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def tree(engine, rows):
    before = rows.copy()
    tree = fitted(rows, engine)
    np.testing.assert_array_equal(rows, before, err_msg="the rows were modified")
    return tree


def test_obeys_the_schema(tree):
    validate(tree)
    posterior = tree["posterior"]
    np.testing.assert_allclose(posterior["weights"].sum("component"), 1.0)
    variances = np.diagonal(posterior["covariances"], axis1=-2, axis2=-1)
    np.testing.assert_allclose(variances, posterior["scales"] ** 2)
    assert all(np.isfinite(posterior[name]).all() for name in posterior.data_vars)


def test_same_seed_same_tree(tree, engine, rows):
    assert tree.identical(fitted(rows, engine))


@pytest.mark.slow
@pytest.mark.parametrize("engine", [ENGINES["nuts"], ENGINES["gibbs"], ENGINES["laplace"]])
def test_the_tree_does_not_depend_on_the_threads_of_linear_algebra(engine):
    """Three components in four features: 44 parameters."""
    rows = np.random.default_rng(2).normal(size=(60, 4))
    rows[:20] += 4.0
    trees = []
    for n_threads in (1, 4):
        with threadpool_limits(n_threads, user_api="blas"):
            trees.append(bg.fit(
                rows, bg.MixtureSpec(3), engine=engine, solver=bg.EM(n_starts=4),
                random_seed=1, progress=False,
            ))  # fmt: skip
    assert trees[0].identical(trees[1])


def test_starts_at_the_mode(tree):
    """Chains start within a few posterior standard deviations of the EM estimate."""
    mode, starts = tree["point_estimate"], tree["chain_starts"]
    deviations = tree["posterior"]["means"].std(("chain", "draw"))
    assert float((abs(starts["means"] - mode["means"]) / deviations).max()) < 6


def test_finds_the_two_clouds(tree):
    means = tree["posterior"]["means"].mean(("chain", "draw")).values
    np.testing.assert_allclose(means[:, 0], [0.0, 8.0], atol=0.7)
    np.testing.assert_allclose(means[:, 1], [1000.0, 1250.0], atol=35.0)


def test_remembers_how_it_was_made(tree, engine):
    known = record(tree)
    assert known["engine"] == repr(engine)
    assert known["partial"] is False
    assert known["seed"] == "11"
    spec = bg.MixtureSpec.from_json(json.dumps(known["spec"]))
    assert spec.n_components == 2


def test_settings_are_frozen(engine):
    with pytest.raises(FrozenInstanceError):
        setattr(engine, fields(engine)[0].name, 1)


# The others see a structure through the same compiled density only; one each will do.
EVERY_STRUCTURE = [
    (engine, name, 1 + (place + shift) % 2)
    for shift, engine in enumerate(("nuts", "gibbs"))
    for place, name in enumerate(STRUCTURES)
]
ONE_EACH = [
    ("laplace", "full", 2),
    ("laplace", "tied-diagonal", 1),
    ("advi", "tied", 2),
    ("advi-fullrank", "spherical", 1),
]


@pytest.mark.parametrize(("name", "structure", "n_features"), EVERY_STRUCTURE + ONE_EACH)
def test_every_structure_with_one_feature_and_two(name, rows, structure, n_features):
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    X = rows[:, :n_features]
    tree = bg.fit(X, spec, engine=ENGINES[name], random_seed=1, progress=False)
    posterior = tree["posterior"]
    assert posterior["scales"].shape[2:] == (2, n_features)
    if STRUCTURES[structure].tied:
        xr.testing.assert_equal(
            posterior["covariances"].isel(component=0, drop=True),
            posterior["covariances"].isel(component=1, drop=True),
        )
    if STRUCTURES[structure].isotropic:
        assert float(posterior["scales"].std("feature").max()) < 1e-9 * float(
            posterior["scales"].max()
        )


def test_works_without_standardizing_and_another_seed_gives_another_tree(tree, engine, rows):
    units = np.array([1.0, 50.0])
    other = bg.fit(
        rows / units, bg.MixtureSpec(2), engine=engine, random_seed=12, progress=False,
        standardize=False,
    )  # fmt: skip
    validate(other)
    assert record(other)["scaling"]["factor"] == [1.0, 1.0]
    assert not np.allclose(other["posterior"]["weights"], tree["posterior"]["weights"])
