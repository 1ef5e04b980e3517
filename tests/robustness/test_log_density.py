"""Densities of rows far from zero against sixty digits: right to 1e-8 relative.

At an offset of 1e8 a float is known to 1.5e-8. The rows and parameters that a user holds are such
floats, and are taken here as the exact numbers they are.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import stats

import bayesgmm as bg
from bayesgmm.numerics.statistics import (
    component_log_densities,
    log_densities,
    sufficient_statistics,
)
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import read_parameters
from tests.cases import STRUCTURES
from tests.robustness import exact
from tests.robustness.tables import two_clouds

OFFSET = 1e8
TABLES = {
    "no offset": two_clouds(30, 3),
    "an offset": two_clouds(30, 3) + OFFSET,
    "an offset of narrow clouds": 0.01 * two_clouds(30, 3) + OFFSET,
    "offsets and units": two_clouds(30, 3) * [1e-12, 1.0, 1e12] + [-1e-4, OFFSET, 1e20],
}


def mixture_of(X: np.ndarray, structure: str) -> MixtureParameters:
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    estimate = bg.estimate(X, spec, solver=bg.EM(n_starts=4), random_seed=1)
    return estimate.parameters


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_passes_over_rows_lose_no_digits(structure, table):
    X = TABLES[table]
    mixture = mixture_of(X, structure)
    expected = exact.log_densities(X, mixture)
    assert_allclose(log_densities(X, mixture), expected, rtol=1e-12)
    assert sufficient_statistics(X, mixture).log_likelihood == pytest.approx(
        math.fsum(expected), rel=1e-12
    )
    joint = np.array(
        [[float(one.ln()) for one in row] for row in exact.joint_densities(X, mixture)]
    )
    assert_allclose(component_log_densities(X, mixture), joint, rtol=1e-11)


@pytest.fixture(scope="module", params=["full", "tied", "diagonal", "spherical"])
def structure(request) -> str:
    return request.param


@pytest.fixture(scope="module", params=[name for name in TABLES if name != "no offset"])
def table(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def tree(structure, table) -> xr.DataTree:
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    return bg.fit(
        TABLES[table],
        spec,
        engine=bg.Laplace(draws=4),
        solver=bg.EM(n_starts=4),
        random_seed=1,
        progress=False,
    )


def draws_of(tree: xr.DataTree) -> list[MixtureParameters]:
    draws = read_parameters(tree["posterior"])
    return [draws.draw(index) for index in np.ndindex(*draws.batch_shape)]


def test_the_log_density_of_a_fit(tree, table):
    X = TABLES[table][:10]
    each = np.array([exact.log_densities(X, draw) for draw in draws_of(tree)])
    expected = np.logaddexp.reduce(each, axis=0) - math.log(len(each))
    assert_allclose(bg.log_density(tree, X), expected, rtol=1e-8)
    assert_allclose(bg.log_density(tree)[:10], expected, rtol=1e-8)


def test_the_responsibilities_of_a_fit(tree, table):
    X = TABLES[table][:10]
    expected = np.mean([exact.responsibilities(X, draw) for draw in draws_of(tree)], axis=0)
    assert_allclose(bg.cluster(tree, X)["responsibilities"], expected, rtol=1e-7, atol=1e-12)


def test_the_log_likelihood_of_every_draw(tree, table):
    """The draws were made before their means were rounded to the offset."""
    X = TABLES[table]
    kept = tree["log_likelihood"]["x"].values[0]
    for ours, draw in zip(kept, draws_of(tree), strict=True):
        # Half a unit in the last place of a mean, times the slope of the log density in it.
        slack = np.max(np.spacing(np.abs(draw.means)) / draw.scales)
        expected = exact.log_densities(X, draw)
        if draw.correlations is not None:
            slack /= np.sqrt(np.linalg.eigvalsh(draw.correlations).min())
        distance = np.sqrt(2 * (expected.max() - expected)) + 1
        assert np.all(np.abs(ours - expected) <= 1e-8 * np.abs(expected) + slack * distance)


@pytest.mark.parametrize("goal", ["posterior", "likelihood"])
def test_the_log_likelihood_of_an_estimate(structure, table, goal):
    X = TABLES[table]
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    estimate = bg.estimate(X, spec, solver=bg.EM(goal, n_starts=4), random_seed=1)
    expected = math.fsum(exact.log_densities(X, estimate.parameters))
    assert estimate.log_likelihood == pytest.approx(expected, rel=1e-8)


def test_the_declared_model(structure):
    """PyMC's own density, in the units of the data."""
    from tests.models.reference import FAST

    X = TABLES["an offset"]
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    point = bg.estimate(X, spec, solver=bg.EM(n_starts=4), random_seed=1)
    model = bg.build_model(X, spec, initial=point)
    with model:
        values = model.initial_point()
    ours = float(
        model.compile_fn(model.logp(vars=model.observed_RVs), inputs=model.value_vars, mode=FAST)(
            {str(variable): values[str(variable)] for variable in model.value_vars}
        )
    )
    here = point.parameters
    assert ours == pytest.approx(math.fsum(exact.log_densities(X, here)), rel=1e-8)


def test_the_reference_agrees_with_scipy():
    X, mixture = TABLES["no offset"], mixture_of(TABLES["no offset"], "full")
    joint = np.stack(
        [
            weight * stats.multivariate_normal(mean, covariance).pdf(X)
            for weight, mean, covariance in zip(
                mixture.weights, mixture.means, mixture.covariances, strict=True
            )
        ],
        axis=1,
    )
    assert_allclose(exact.log_densities(X, mixture), np.log(joint.sum(axis=1)), rtol=1e-11)
    assert_allclose(
        exact.responsibilities(X, mixture), joint / joint.sum(axis=1, keepdims=True), rtol=1e-9
    )
