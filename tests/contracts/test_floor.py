"""Under every prior the posterior is bounded, and can be sampled, however degenerate the rows."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem
from bayesgmm.parameters import MixtureParameters
from tests.cases import FREE, PAIRS, STRUCTURES, UNSCALED_PRIORS, unscaled_structure


def _tables() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    equal, plane, zeros = (rng.normal(size=(40, 3)) for _ in range(3))
    equal[:15] = equal[0]
    plane[:, 2] = plane[:, 0] + plane[:, 1]
    zeros[:, 1] = np.where(rng.random(40) < 0.7, 0.0, rng.poisson(4.0, 40))
    return {"equal rows": equal, "rows in a plane": plane, "zeros": zeros}


TABLES = _tables()

pytestmark = pytest.mark.filterwarnings("ignore:Columns depend on each other")


def flat_direction(table: str, width: float) -> np.ndarray:
    """Return a covariance matrix that is as flat as the rows, but for a width."""
    if table == "equal rows":
        return width**2 * np.eye(3)
    if table == "zeros":
        return np.diag([1.0, width**2, 1.0])
    spanning = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    return spanning @ spanning.T + width**2 * np.eye(3)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(("structure", "prior"), [pair for pair in PAIRS if pair[0] in FREE])
def test_the_density_falls_without_bound_toward_singular_matrices(structure, prior, table):
    X = TABLES[table]
    problem = Problem.pose(X, bg.MixtureSpec(2, covariances=unscaled_structure(structure, prior)))
    target, kind = Target(problem.spec, problem.data), STRUCTURES[structure]
    center = X[X[:, 1] == 0].mean(axis=0) if table == "zeros" else X[0]
    values = []
    # In a plane, down to where correlation matrices are singular as floating point numbers.
    widths = (1e-4, 1e-5, 4e-6) if table == "rows in a plane" else (1e-5, 1e-7, 1e-9)
    for width in widths:
        flat = flat_direction(table, width)
        covariances = np.array([flat, flat if kind.tied else np.eye(3)])
        scales = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        if kind.isotropic:
            scales = np.repeat(scales.min(axis=1, keepdims=True), 3, axis=1)
        correlations = None
        if kind.correlated:
            own = np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
            correlations = covariances / (own[:, :, None] * own[:, None, :])
        means = np.array([center, X.mean(axis=0)])
        parameters = MixtureParameters(np.array([0.5, 0.5]), means, scales, correlations)
        values.append(target(target.position_of(parameters))[0])
    if table == "rows in a plane" and not kind.correlated:
        return  # flat in no direction of theirs
    assert np.all(np.diff(values) < -1000)


SAMPLED = [("full", prior, table) for prior in ("half-t", "half-normal") for table in TABLES]
SAMPLED += [("diagonal", prior, "zeros") for prior in UNSCALED_PRIORS]
SAMPLED += [("spherical", "half-t", "equal rows"), ("tied", "half-t", "rows in a plane")]
SAMPLED += [("tied", "half-normal", "rows in a plane")]


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "prior", "table"), SAMPLED)
def test_gibbs_returns_and_stays_above_the_floor(structure, prior, table):
    """Were the posterior improper, a scale would run to zero, or a sweep never end."""
    spec = bg.MixtureSpec(2, covariances=unscaled_structure(structure, prior))
    tree = bg.fit(
        TABLES[table], spec, engine=bg.Gibbs(draws=100, tune=100, chains=1),
        solver=bg.EM(n_starts=2), random_seed=1, progress=False,
    )  # fmt: skip
    covariances = tree["posterior"]["covariances"].values.reshape(-1, 3, 3)
    precisions = np.diagonal(np.linalg.inv(covariances), axis1=1, axis2=2)
    floor = Problem.pose(TABLES[table], spec).spec.floor(3)
    # A third of the floor has a log density that is lower by 9^4 = 6561.
    assert np.all(precisions**-0.5 > floor / 3)
