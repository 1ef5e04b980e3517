"""Missing cells, row weights and labels mean one thing: to every density, and every engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.schema import record, validate
from tests.cases import (
    ENGINES,
    KNOWN,
    STRUCTURES,
    annotated_dataset,
    example_spec,
    random_parameters,
)

N_ROWS = 60


def log_density(spec, data, parameters):
    target = Target(spec, data)
    return target(target.layout.pack(parameters))


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_whole_weight_is_so_many_rows(structure):
    spec, data = example_spec(structure, "gamma"), annotated_dataset(40, 3, *KNOWN)
    counts = np.random.default_rng(2).integers(0, 4, 40)
    parameters = random_parameters(spec, 3, seed=1)
    weighted = log_density(spec, replace(data, weights=counts.astype(float)), parameters)
    unweighted = replace(data, weights=np.empty(0))
    repeated = log_density(spec, unweighted.subset(np.repeat(np.arange(40), counts)), parameters)
    np.testing.assert_allclose(weighted[0], repeated[0], rtol=1e-12)
    np.testing.assert_allclose(weighted[1], repeated[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("structure", ["full", "tied-diagonal"])
def test_the_log_density_is_linear_in_a_weight(structure):
    spec, data = example_spec(structure, "gamma"), annotated_dataset(40, 3, *KNOWN)
    parameters = random_parameters(spec, 3, seed=1)
    steps = [replace(data, weights=data.weights + step * np.eye(40)[7]) for step in range(3)]
    values = [log_density(spec, step, parameters)[0] for step in steps]
    np.testing.assert_allclose(values[2] - values[1], values[1] - values[0], rtol=1e-9)


@pytest.mark.parametrize("structure", ["full", "spherical"])
def test_labels_of_all_rows_fix_the_allocations(structure):
    """log p(x, z) = log p(x) + sum_i log p(z_i | x_i), where labels say all of z."""
    spec, data = example_spec(structure, "gamma"), annotated_dataset(40, 2, "gaps")
    parameters = random_parameters(spec, 2, seed=1)
    labels = np.random.default_rng(3).integers(0, 3, 40)
    labeled = log_density(spec, data.labeled(labels, 3), parameters)[0]
    shares = responsibilities(data.rows, parameters)
    expected = log_density(spec, data, parameters)[0] + np.log(shares[range(40), labels]).sum()
    np.testing.assert_allclose(labeled, expected, rtol=1e-12)


def table(seed: int = 3) -> np.ndarray:
    """Return rows of two clouds, in other units, with missing cells."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(N_ROWS, 2)) + np.repeat([[0.0, 0.0], [7.0, 4.0]], N_ROWS // 2, axis=0)
    rows[rng.random(rows.shape) < 0.15] = np.nan
    rows[np.isnan(rows).all(axis=1)] = 0.5
    return rows * [1.0, 50.0] + [0.0, 1000.0]


WEIGHTS = np.random.default_rng(5).choice([0.0, 0.5, 1.0, 2.0], N_ROWS)
LABELS = ["near", *[None] * (N_ROWS - 3), {"near": 0.2, "far": 0.8}, {0, 1}]
CERTAIN = np.repeat(["near", "far"], N_ROWS // 2)


def fitted(engine: object, rows: np.ndarray, **known: object) -> xr.DataTree:
    return bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=11, progress=False, **known)


@pytest.fixture(scope="module", params=["nuts", "laplace", "advi"])
def engine(request):
    return ENGINES[request.param]


@pytest.fixture(scope="module")
def tree(engine):
    return fitted(engine, table(), sample_weight=WEIGHTS, labels=LABELS)


def test_the_tree_obeys_the_schema_and_holds_what_was_known(tree):
    validate(tree)
    assert all(np.isfinite(tree["posterior"][name]).all() for name in tree["posterior"])
    known = tree["constant_data"]
    np.testing.assert_array_equal(known["sample_weight"], WEIGHTS)
    np.testing.assert_allclose(known["label_likelihood"][0], [0.0, 1.0])  # far, near
    np.testing.assert_array_equal(tree["observed_data"]["x"], table())
    assert record(tree)["partial"] is False


def test_same_seed_same_tree(tree, engine):
    again = fitted(engine, table(), sample_weight=WEIGHTS, labels=LABELS)
    assert tree.identical(again)


def test_a_weight_of_zero_is_absence(tree, engine):
    counts = np.flatnonzero(WEIGHTS > 0)
    labels = [LABELS[row] for row in counts]
    without = fitted(engine, table()[counts], sample_weight=WEIGHTS[counts], labels=labels)
    for name in ("weights", "means", "scales", "correlations"):
        np.testing.assert_array_equal(tree["posterior"][name], without["posterior"][name])


def test_finds_the_two_clouds(tree):
    means = tree["posterior"]["means"].mean(("chain", "draw")).sel(component=["near", "far"])
    np.testing.assert_allclose(means[:, 0], [0.0, 7.0], atol=0.9)
    np.testing.assert_allclose(means[:, 1], [1000.0, 1200.0], atol=45.0)


def test_labels_of_all_rows_leave_nothing_to_allocate(engine):
    """Labels against the clouds hold, and weights follow from their counts alone."""
    labels = np.tile(["a", "b"], N_ROWS // 2)
    labels[: N_ROWS // 3] = "a"
    tree = fitted(engine, table(), labels=labels)
    clusters = bg.cluster(tree)
    np.testing.assert_array_equal(clusters["label"], labels)
    np.testing.assert_allclose(clusters["certainty"], 1.0)
    # Dirichlet(1 + 40, 1 + 20): mean 41/62, standard deviation 0.06. If 60 or 80 draws are worth
    # 20, the mean is within 5 Monte Carlo errors (6e-7); approximations err by far less than one.
    share = float(tree["posterior"]["weights"].sel(component="a").mean())
    assert abs(share - 41 / 62) < 0.07
