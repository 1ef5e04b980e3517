"""A fit of a X + b is the fit of X in other units; rows in another order change nothing.

Where a and b are powers of two and few digits are used, the two tables are the same on the
standard scale to the last bit, and so are the draws. Elsewhere standardizing rounds, chains part
after some steps, and averages are compared.
"""

from __future__ import annotations

from dataclasses import replace

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.schema import record
from tests.cases import STRUCTURES
from tests.robustness.tables import two_clouds

GOALS = ("posterior", "likelihood")
ROWS = np.concatenate([two_clouds(40)[:20], two_clouds(88)[44:]])  # the second is larger
DYADIC = np.round(ROWS * 1024) / 1024
"""Multiples of 1/1024, in 64 rows: the mean is exact, and so is every difference from it."""

PRECISE = {"n_starts": 4, "tolerance": 1e-14}
FEW = bg.EM(n_starts=4)


def units(structure: str, *, exact: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b; a ball keeps one unit for all features, and may be mirrored."""
    a, b = np.array([4.0, 0.5]), np.array([2.0**20, -3 * 2.0**18])
    if not exact:
        a, b = np.array([-3e-12, 7e12]), np.array([3e-4, -7e20])  # offsets of 1e8 units
    return (a[0] * np.array([1.0, 1.0 if exact else -1.0]), b * a[0] / a) if (
        STRUCTURES[structure].isotropic
    ) else (a, b)  # fmt: skip


ENGINES = {
    "gibbs": bg.Gibbs(draws=50, tune=30, chains=2),
    "nuts": bg.NUTS(draws=30, tune=60, chains=2),
    "laplace": bg.Laplace(draws=50),
    "advi": bg.ADVI(iterations=100, draws=40),
}
CASES = [
    pytest.param(engine, structure, marks=() if structure == "full" else pytest.mark.slow)
    for engine in ("gibbs", "nuts", "laplace")
    for structure in STRUCTURES
] + [pytest.param("advi", "full", marks=pytest.mark.slow)]


@pytest.mark.parametrize(("engine", "structure"), CASES)
def test_draws_follow_a_change_of_units_bit_for_bit(engine, structure):
    a, b = units(structure, exact=True)
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    here, there = (
        bg.fit(X, spec, engine=ENGINES[engine], solver=FEW, random_seed=1, progress=False)
        for X in (DYADIC, DYADIC * a + b)
    )
    ours, theirs = here["posterior"], there["posterior"]
    for name, factor in [("weights", 1.0), ("correlations", 1.0), ("scales", a)]:
        if name in ours:
            assert np.array_equal(theirs[name].values, ours[name].values * factor), name
    # Means are rounded to the digits that the offset leaves.
    assert_allclose((theirs["means"].values - b) / a, ours["means"].values, atol=1e-9)
    jacobian = np.log(a).sum()
    assert_allclose(
        there["log_likelihood"]["x"].values, here["log_likelihood"]["x"].values - jacobian,
        rtol=1e-12, atol=1e-10,
    )  # fmt: skip


@pytest.mark.parametrize("engine", ["gibbs", "laplace"])
def test_priors_given_as_numbers_follow_too(engine):
    a, b = units("full", exact=True)
    wishart = np.array([[0.5, 0.125], [0.125, 1.0]])
    here = bg.MixtureSpec(
        2, means=bg.NormalMeans((1.0, 2.0), (4.0, 8.0)),
        covariances=bg.InverseWishart(6.0, wishart.tolist()),
    )  # fmt: skip
    there = replace(
        here, means=bg.NormalMeans(tuple(a * [1.0, 2.0] + b), tuple(a * [4.0, 8.0])),
        covariances=bg.InverseWishart(6.0, (wishart * np.outer(a, a)).tolist()),
    )  # fmt: skip
    ours, theirs = (
        bg.fit(X, spec, engine=ENGINES[engine], solver=FEW, random_seed=1, progress=False)[
            "posterior"
        ]
        for X, spec in [(DYADIC, here), (DYADIC * a + b, there)]
    )
    assert np.array_equal(theirs["scales"].values, ours["scales"].values * a)
    assert np.array_equal(theirs["weights"].values, ours["weights"].values)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_estimates_follow_a_change_of_units(structure, goal):
    """Mirrored features, units of 1e-12 and 1e12 side by side, offsets of 1e8 units each."""
    a, b = units(structure, exact=False)
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    here, there = (
        bg.estimate(X, spec, solver=bg.EM(goal, **PRECISE), random_seed=1)
        for X in (ROWS, ROWS * a + b)
    )
    # The rows at the offset are rounded by 1e-8 units themselves, in clouds of one unit.
    assert_allclose(there.weights, here.weights, atol=1e-6)
    assert_allclose((there.means - b) / a, here.means, atol=1e-6)
    assert_allclose(there.covariances / np.outer(a, a), here.covariances, atol=1e-6)
    jacobian = len(ROWS) * np.log(np.abs(a)).sum()
    assert there.log_likelihood == pytest.approx(here.log_likelihood - jacobian, abs=1e-4)


@pytest.mark.parametrize("structure", ["full", "tied"])
def test_maximum_likelihood_follows_any_linear_map(structure):
    turn = np.array([[2.0, -1.0], [300.0, 500.0]])
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    here, there = (
        bg.estimate(X, spec, solver=bg.EM("likelihood", **PRECISE), random_seed=1)
        for X in (ROWS, ROWS @ turn.T + 1e4)
    )
    assert_allclose(there.weights, here.weights, atol=1e-6)
    assert_allclose(there.means, here.means @ turn.T + 1e4, rtol=1e-6)
    assert_allclose(there.covariances, turn @ here.covariances @ turn.T, rtol=1e-5)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_order_of_rows_and_features_does_not_matter_to_estimates(structure, goal):
    order = np.random.default_rng(0).permutation(len(ROWS))
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    here, there = (
        bg.estimate(X, spec, solver=bg.EM(goal, **PRECISE), random_seed=1)
        for X in (ROWS, ROWS[order][:, ::-1])
    )
    assert_allclose(there.weights, here.weights, atol=1e-6)
    assert_allclose(there.means[:, ::-1], here.means, atol=1e-6)
    assert_allclose(there.covariances[:, ::-1, ::-1], here.covariances, atol=1e-6)
    assert there.objective == pytest.approx(here.objective, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_evidence_follows_units_and_not_the_order(structure):
    """Laplace's estimate at the mode; draws would differ, as noise keeps its own order."""
    a, b = units(structure, exact=False)
    order = np.random.default_rng(0).permutation(len(ROWS))
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    fitted_rows = [
        record(
            bg.fit(X, spec, engine=bg.Laplace(draws=1), solver=FEW, random_seed=1, progress=False)
        )["log_marginal_likelihood"]
        for X in (ROWS, ROWS * a + b, ROWS[order])
    ]
    jacobian = len(ROWS) * np.log(np.abs(a)).sum()
    assert_allclose(fitted_rows[1] + jacobian, fitted_rows[0], atol=1e-4)
    assert_allclose(fitted_rows[2], fitted_rows[0], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["gibbs", "nuts"])
@pytest.mark.parametrize("structure", ["full", "spherical"])
def test_averages_follow_units_and_not_the_order_of_rows(structure, engine):
    """Four cases of at most 22 comparisons, at 4.5 errors: wrong by chance in 0.06 % of runs."""
    a, b = units(structure, exact=False)
    order = np.random.default_rng(0).permutation(len(ROWS))
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    long = {"gibbs": bg.Gibbs(draws=2000), "nuts": bg.NUTS(draws=500, tune=300)}[engine]
    trees = [
        bg.fit(X, spec, engine=long, random_seed=seed, progress=False)["posterior"]
        for seed, X in enumerate([ROWS, ROWS * a + b, ROWS[order]])
    ]
    first = averages(trees[0], np.ones(2), np.zeros(2))
    for other, factor, shift in [(trees[1], a, b), (trees[2], np.ones(2), np.zeros(2))]:
        (ours, one), (theirs, two) = first, averages(other, factor, shift)
        assert np.abs((ours - theirs) / np.hypot(one, two)).max() < 4.5


def averages(posterior: xr.DataTree, a: np.ndarray, b: np.ndarray) -> tuple:
    """Return averages in the first units, and their errors, of all that varies."""
    means = (posterior["means"].values - b) / a
    first = np.argsort(means.mean(axis=(0, 1))[:, 0])
    matrices = posterior["covariances"].values / np.outer(a, a)
    draws = np.concatenate(
        [
            posterior["weights"].values[..., first[:1]],
            means[:, :, first].reshape(*means.shape[:2], -1),
            matrices[:, :, first][..., [0, 0, 1], [0, 1, 1]].reshape(*means.shape[:2], -1),
        ],
        axis=-1,
    )
    moving = [draw for draw in np.moveaxis(draws, -1, 0) if np.ptp(draw) > 0]
    errors = [float(arviz_stats.mcse(draw, method="mean")) for draw in moving]
    return np.array([draw.mean() for draw in moving]), np.array(errors)
