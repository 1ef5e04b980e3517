"""Properties over sizes, offsets and scales that nobody picked by hand."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.data.suitability import linear_relations
from tests.cases import STRUCTURES
from tests.robustness.tables import UNBOUNDED


@st.composite
def tables(draw) -> np.ndarray:
    """Draw rows of normal numbers: some repeated, some far out, some columns sums of others."""
    n, d = draw(st.integers(2, 40)), draw(st.integers(1, 4))
    rows = np.random.default_rng(draw(st.integers(0, 1000))).standard_normal((n, d))
    if draw(st.booleans()):
        rows[: n // 2] = rows[0]
    if draw(st.booleans()):
        rows[-1] *= 10.0 ** draw(st.integers(0, 6))
    if draw(st.booleans()):
        rows[:, -1] = rows.sum(axis=1)
    if draw(st.booleans()):
        rows = np.round(rows)
    assume(np.all(np.ptp(rows, axis=0) > 0))
    return rows


@st.composite
def units(draw, n_features: int, *, common: bool) -> tuple[np.ndarray, np.ndarray]:
    """Draw factors from 1e-12 to 1e12, and offsets of up to 1e8 of them."""
    exponents = st.integers(-12, 12)
    each = draw(st.lists(exponents, min_size=n_features, max_size=n_features))
    a = 10.0 ** np.array(each[:1] * n_features if common else each)
    b = a * np.array(draw(st.lists(st.floats(-1e8, 1e8), min_size=n_features, max_size=n_features)))
    return a, b


structures = st.sampled_from(sorted(STRUCTURES))


def suits(X: np.ndarray, structure: str) -> bool:
    """Whether no columns depend on each other where that leaves the density without bound."""
    return structure not in UNBOUNDED or not linear_relations(read_table(X))


def mode(X: np.ndarray, structure: str, n_components: int) -> bg.PointEstimate:
    spec = bg.MixtureSpec(n_components, covariances=STRUCTURES[structure]())
    return bg.estimate(X, spec, solver=bg.EM(n_starts=2), random_seed=1)


@settings(max_examples=30)
@given(tables(), structures, st.integers(1, 4))
def test_the_posterior_always_has_a_mode(X, structure, k):
    assume(len(X) >= k and suits(X, structure))
    estimate = mode(X, structure, k)
    assert estimate.status is not bg.Status.COLLAPSED
    assert np.all(np.isfinite(estimate.starts.objectives))
    assert np.all(np.isfinite(estimate.means))
    assert np.all(np.isfinite(estimate.covariances))
    assert np.all(estimate.parameters.scales > 0)
    # Near-singular matrices lose some digits of terms that are larger than their sum.
    assert np.all(np.diff(estimate.trace) >= -1e-9 * (1 + np.abs(estimate.trace).max()))


@settings(max_examples=30)
@given(tables(), structures, st.integers(1, 4))
def test_maximum_likelihood_answers_or_says_why_not(X, structure, k):
    assume(len(X) >= k and suits(X, structure))
    spec = bg.MixtureSpec(k, covariances=STRUCTURES[structure]())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        warnings.simplefilter("always", bg.ConvergenceWarning)
        estimate = bg.estimate(X, spec, solver=bg.EM("likelihood", n_starts=2), random_seed=1)
    assert np.all(np.isfinite(estimate.means))
    assert np.all(np.isfinite(estimate.covariances))
    assert (len(told) == 1) == (estimate.status is bg.Status.COLLAPSED)
    if told:
        assert estimate.collapse.components
        assert str(estimate.collapse) in str(told[0].message)
    else:
        assert np.isfinite(estimate.log_likelihood)


@settings(max_examples=20)
@given(st.data(), structures)
def test_the_mode_follows_units(data, structure):
    """Two clouds far apart, so that a rounding of the rows cannot lead to another optimum."""
    n, d = data.draw(st.integers(6, 40)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    X = rng.standard_normal((n, d)) + 20.0 * (np.arange(n) < (n + 2) // 3)[:, None]
    a, b = data.draw(units(d, common=STRUCTURES[structure].isotropic))
    here, there = mode(X, structure, 2), mode(X * a + b, structure, 2)
    # Rows at 1e8 units are rounded by 1e-8; an ascent ends 1e-5 from the mode.
    assert_allclose(there.weights, here.weights, atol=1e-4)
    assert_allclose((there.means - b) / a, here.means, atol=1e-3)
    assert_allclose(there.covariances / np.outer(a, a), here.covariances, rtol=1e-3, atol=1e-3)


@settings(max_examples=10)
@given(tables(), structures, st.integers(1, 3), st.sampled_from(["gibbs", "laplace"]))
def test_draws_are_numbers(X, structure, k, name):
    assume(len(X) >= k and suits(X, structure))
    engine = {"gibbs": bg.Gibbs(draws=5, tune=5, chains=1), "laplace": bg.Laplace(draws=30)}[name]
    spec = bg.MixtureSpec(k, covariances=STRUCTURES[structure]())
    tree = bg.fit(X, spec, engine=engine, solver=bg.EM(n_starts=2), random_seed=1, progress=False)
    for group in ("posterior", "log_likelihood", "chain_starts"):
        for values in tree[group].data_vars.values():
            assert np.all(np.isfinite(values)), (group, values.name)


@settings(max_examples=100)
@given(st.data())
def test_the_standard_scale_is_standard(data):
    """Center and deviation of a column, whatever its unit and offset, to the digits it has."""
    n, d = data.draw(st.integers(2, 60)), data.draw(st.integers(1, 3))
    rows = np.random.default_rng(data.draw(st.integers(0, 1000))).standard_normal((n, d))
    a, b = data.draw(units(d, common=False))
    dataset = read_table(rows * a + b)
    # The mean of numbers near 1e8 is itself known to 1.5e-8, their differences to as much.
    assert_allclose((dataset.center - b) / a, rows.mean(axis=0), atol=1e-7)
    assert_allclose(dataset.deviation / a, rows.std(axis=0, ddof=1), rtol=1e-6, atol=1e-7)
    assert np.all(dataset.spread <= dataset.deviation)
    assert np.all(dataset.spread > 0)
