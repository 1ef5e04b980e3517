"""Awkward tables, every structure, EM and the engines: a right answer, or an error in words."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import record, validate
from tests.cases import FREE, SEPARATED, STRUCTURES
from tests.references.density import joint_log_densities
from tests.robustness.tables import (
    ANSWERED,
    REFUSED,
    RELATED,
    ROWS,
    SUITABLE,
    UNBOUNDED,
    Awkward,
    two_clouds,
)

GOALS = ("posterior", "likelihood")


def estimated(
    table: Awkward, structure: str, goal: str, **options: object
) -> tuple[bg.PointEstimate, str]:
    """Return an estimate, and the warning that came with it."""
    spec = bg.MixtureSpec(table.n_components, covariances=STRUCTURES[structure]())
    solver = bg.EM(goal, **{"n_starts": 3, **options})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        warnings.simplefilter("always", bg.ConvergenceWarning)
        estimate = bg.estimate(table.rows, spec, solver=solver, random_seed=1)
    return estimate, " ".join(str(warning.message) for warning in told)


def log_likelihood(X: np.ndarray, parameters: MixtureParameters) -> float:
    """Return the log-likelihood by SciPy, on scales where all features are near one."""
    center, units = X[0], X.std(axis=0)
    k, d = parameters.means.shape
    identity = np.broadcast_to(np.eye(d), (k, d, d))
    correlations = identity if parameters.correlations is None else parameters.correlations
    scales = parameters.scales / units
    with np.errstate(divide="ignore"):  # a component may have weight zero
        joint = joint_log_densities(
            (X - center) / units,
            parameters.weights,
            (parameters.means - center) / units,
            scales[:, :, None] * correlations * scales[:, None, :],
        )
    return float(np.logaddexp.reduce(joint, axis=1).sum() - len(X) * np.log(units).sum())


def expect_parameters(parameters: MixtureParameters) -> None:
    assert np.all(np.isfinite(parameters.means))
    assert np.all(np.isfinite(parameters.covariances))
    assert np.all(parameters.scales > 0)
    assert np.all(parameters.weights >= 0)
    assert parameters.weights.sum() == pytest.approx(1.0)
    if parameters.correlations is not None:
        assert np.all(np.linalg.eigvalsh(parameters.correlations) > 0)


@pytest.mark.parametrize(("table", "structure"), SUITABLE)
def test_the_posterior_has_a_mode_whatever_the_rows(table, structure):
    estimate, told = estimated(ANSWERED[table], structure, "posterior")
    assert told == ""
    assert estimate.converged
    assert np.all(np.isfinite(estimate.starts.objectives))
    expect_parameters(estimate.parameters)
    expected = log_likelihood(ANSWERED[table].rows, estimate.parameters)
    # Up to the rounding of means at an offset of 1e8, and of nearly singular correlations.
    assert estimate.log_likelihood == pytest.approx(expected, rel=1e-7, abs=1e-4)


@pytest.mark.parametrize(("table", "structure"), SUITABLE)
def test_maximum_likelihood_is_found_or_its_collapse_is_told(table, structure):
    estimate, told = estimated(ANSWERED[table], structure, "likelihood")
    expect_parameters(estimate.parameters)
    assert not np.any(np.isnan(estimate.trace))
    if estimate.status is bg.Status.COLLAPSED:
        assert re.search(r"component \d (has|was)", told)
        assert "on row" in told
        assert "objective='posterior'" in told
        return
    assert told == ""
    assert estimate.converged
    expected = log_likelihood(ANSWERED[table].rows, estimate.parameters)
    assert estimate.log_likelihood == pytest.approx(expected, rel=1e-7, abs=1e-5)


SINGULAR = {
    "rows in a plane": ("inverse-wishart", "tied-inverse-wishart"),
    "a column twice": ("inverse-wishart", "tied-inverse-wishart"),
    "half of the rows equal": ("full", "diagonal", "spherical"),
    "as many rows as components": tuple(STRUCTURES),
    "fewer rows than features": ("full", "tied"),
    "two rows": tuple(STRUCTURES),
    "two values": tuple(STRUCTURES),
    "more components than distinct rows": tuple(STRUCTURES),
}


@pytest.mark.parametrize(
    ("table", "structure"),
    [
        (table, structure)
        for table, each in SINGULAR.items()
        for structure in each
        if ANSWERED[table].suits(structure)
    ],
)
def test_a_likelihood_without_bound_is_no_answer(table, structure):
    estimate, told = estimated(ANSWERED[table], structure, "likelihood")
    assert estimate.status is bg.Status.COLLAPSED
    assert str(estimate.collapse) in told


def closed_form(X: np.ndarray, structure: str) -> np.ndarray:
    """Return the covariance matrix that maximizes the likelihood of one component."""
    kind = STRUCTURES[structure]
    centered = (X - X[0]) - (X - X[0]).mean(axis=0)
    covariance = centered.T @ centered / len(X)
    if kind.correlated:
        return covariance
    diagonal = np.diag(covariance)
    return np.diag(np.full(diagonal.size, diagonal.mean()) if kind.isotropic else diagonal)


@pytest.mark.parametrize(("table", "structure"), [pair for pair in SUITABLE if pair[1] in FREE])
def test_one_component_has_the_closed_form(table, structure):
    X = ANSWERED[table].rows
    covariance, units = closed_form(X, structure), X.std(axis=0)
    estimate, told = estimated(Awkward(X, 1), structure, "likelihood", n_starts=1)
    rank = np.linalg.matrix_rank((X - X.mean(axis=0)) / units, tol=1e-6)
    if STRUCTURES[structure].correlated and rank < X.shape[1]:
        assert "component 0 has a singular covariance matrix on rows 0, 1" in told
        return
    assert told == ""
    here = estimate.parameters
    # Rows at an offset have a mean that no float can hold better than this.
    offset = np.abs(X).max(axis=0) / units * np.finfo(float).eps
    assert_allclose((here.means[0] - X[0]) / units, (X - X[0]).mean(axis=0) / units,
                    atol=1e-9 + 2 * offset.max())  # fmt: skip
    common = units if not STRUCTURES[structure].isotropic else np.full(units.size, units.max())
    ours, theirs = (matrix / np.outer(common, common) for matrix in (here.covariances[0],
                    covariance))  # fmt: skip
    assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("structure", ["inverse-wishart", "tied-inverse-wishart"])
@pytest.mark.parametrize("table", ANSWERED)
def test_one_component_under_conjugate_priors_has_a_known_mode(table, structure):
    """Given the mean the covariance is (S + Psi) / (n + nu + d + 1), and the mean given it."""
    X = ANSWERED[table].rows
    rows = (X - X.mean(axis=0)) / X.std(axis=0)
    (n, d), freedom = rows.shape, rows.shape[1] + 3.0
    spec = bg.MixtureSpec(
        1, means=bg.NormalMeans(0.5, 2.0), covariances=STRUCTURES[structure](freedom, 0.1)
    )
    solver = bg.EM(n_starts=1, tolerance=1e-14)
    estimate = bg.estimate(rows, spec, solver=solver, random_seed=1)
    mean, covariance = estimate.means[0], estimate.covariances[0]
    scatter = (rows - mean).T @ (rows - mean) + 0.1 * np.eye(d)
    assert_allclose(covariance, scatter / (n + freedom + d + 1), rtol=1e-6, atol=1e-9)
    balance = np.linalg.solve(covariance, (rows - mean).sum(axis=0)) + (0.5 - mean) / 4
    size = np.linalg.norm(np.linalg.inv(covariance), 2) * n + 1
    assert np.abs(balance).max() < 1e-6 * size


@pytest.mark.parametrize("ask", [bg.estimate, bg.fit])
@pytest.mark.parametrize("table", REFUSED)
def test_what_cannot_be_answered_is_refused_by_name(table, ask):
    with pytest.raises(bg.DataError, match=REFUSED[table].refusal):
        ask(REFUSED[table].rows, bg.MixtureSpec(REFUSED[table].n_components))


@pytest.mark.parametrize("structure", UNBOUNDED)
@pytest.mark.parametrize("table", RELATED)
@pytest.mark.filterwarnings("ignore:EM stopped at the iteration limit")
def test_columns_that_depend_on_each_other_are_named(table, structure):
    """The likelihood has no bound; the posterior has one, and is fitted with a warning."""
    spec = bg.MixtureSpec(ANSWERED[table].n_components, covariances=STRUCTURES[structure]())
    relation = ANSWERED[table].relation.removesuffix(" A")
    with pytest.warns(bg.BayesGMMWarning, match=relation):
        estimate = bg.estimate(ANSWERED[table].rows, spec, random_seed=1)
    expect_parameters(estimate.parameters)
    with pytest.raises(bg.DataError, match=ANSWERED[table].relation) as refused:
        estimated(ANSWERED[table], structure, "likelihood")
    prefix = "Tied" if structure == "tied" else ""
    assert f"use {prefix}Diagonal()" in str(refused.value)
    assert f"or {prefix}InverseWishart()" in str(refused.value)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:EM stopped at the iteration limit")
@pytest.mark.parametrize("structure", ["full", "tied", "diagonal"])
@pytest.mark.parametrize("decades", [2, 5])
def test_weights_of_any_size_and_missing_cells_go_together(decades, structure):
    for seed in range(1 if structure != "diagonal" else 3):
        rng = np.random.default_rng(100 * decades + seed)
        X = two_clouds(30, 3, seed=seed)
        X[rng.random(X.shape) < 0.3] = np.nan
        X[np.isnan(X).all(axis=1)] = 0.0
        weights = 10.0 ** rng.uniform(-decades, decades, len(X))
        estimate = bg.estimate(
            X, bg.MixtureSpec(3, covariances=STRUCTURES[structure]()),
            solver=bg.EM(n_starts=2), random_seed=seed, sample_weight=weights,
        )  # fmt: skip
        assert np.isfinite(estimate.log_likelihood)
        expect_parameters(estimate.parameters)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_components_without_rows_are_described_by_the_prior(structure):
    """Eight components for three rows, each ten times; the means of others have their prior."""
    X = np.repeat([[0.0, 0.0], [1.0, 2.0], [1.0, 0.0]], 10, axis=0)
    spec = bg.MixtureSpec(
        8, weights=bg.Dirichlet(0.01), means=bg.NormalMeans(0.4, 3.0),
        covariances=STRUCTURES[structure](),
    )  # fmt: skip
    estimate = bg.estimate(X, spec, solver=bg.EM(n_starts=4), random_seed=1)
    assert estimate.converged
    expect_parameters(estimate.parameters)
    empty = estimate.weights < 0.01
    # Components that share a covariance matrix may share a row, too.
    assert empty.any() or STRUCTURES[structure].tied
    assert_allclose(estimate.means[empty], 0.4, atol=0.05)


ENGINES = {
    "nuts": bg.NUTS(draws=15, tune=40, chains=2),
    "gibbs": bg.Gibbs(draws=30, tune=30, chains=2),
    "laplace": bg.Laplace(draws=50),
    "advi": bg.ADVI(iterations=60, draws=40),
}


def expect_good_fit(table: Awkward, structure: str, engine: str) -> None:
    spec = bg.MixtureSpec(table.n_components, covariances=STRUCTURES[structure]())
    tree = bg.fit(
        table.rows, spec, engine=ENGINES[engine], solver=bg.EM(n_starts=3), random_seed=1,
        progress=False,
    )  # fmt: skip
    validate(tree)
    assert record(tree)["partial"] is False
    for group in ("posterior", "log_likelihood", "chain_starts", "point_estimate"):
        for values in tree[group].data_vars.values():
            assert np.all(np.isfinite(values)), (group, values.name)
    # A normal approximation may draw where the posterior has no density.
    assert np.all(np.isfinite(tree["sample_stats"]["lp"])) or engine == "laplace"
    expect_draws(tree["posterior"], table.rows)
    if "pareto_k" in record(tree):
        assert np.isfinite(record(tree)["pareto_k"])
    rows = table.rows[:3]
    assert np.all(np.isfinite(bg.log_density(tree, rows)))
    assert_allclose(bg.cluster(tree, rows)["responsibilities"].sum("component"), 1.0)


def expect_draws(posterior: xr.DataTree, X: np.ndarray) -> None:
    """Check that draws differ, are proper, and lie where rows or the prior of means are."""
    assert np.all(posterior["scales"] > 0)
    assert_allclose(posterior["weights"].sum("component"), 1.0)
    away = (posterior["means"].values - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    # The prior of a mean has a deviation of two; no draw of thousands is beyond seven of them.
    assert np.abs(away).max() < 14 + np.sqrt(len(X))
    assert np.all(posterior["means"].std(("chain", "draw")) > 0)


def covering() -> list[tuple[str, str, str]]:
    """Every table once, structures and engines in turn; ADVI, slow to compile, not among them."""
    engines, names = ("nuts", "gibbs", "laplace"), list(STRUCTURES)
    chosen = []
    for number, table in enumerate(ANSWERED):
        in_turn = names[number % len(names) :] + names
        structure = next(name for name in in_turn if ANSWERED[table].suits(name))
        chosen.append((table, structure, engines[number % 3]))
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize(("table", "structure", "engine"), covering())
def test_engines_answer_with_numbers(table, structure, engine):
    expect_good_fit(ANSWERED[table], structure, engine)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "structure"),
    [pair for pair in SUITABLE if pair[1] in ("full", "tied", "spherical", "inverse-wishart")],
)
@pytest.mark.parametrize("engine", ["nuts", "gibbs", "laplace"])
def test_every_engine_answers_every_table(engine, table, structure):
    expect_good_fit(ANSWERED[table], structure, engine)


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    ["offset 1e8", "units from 1e-12 to 1e12", "half of the rows equal",
     "fewer rows than features", "an outlier at a million standard deviations"],
)  # fmt: skip
def test_advi_answers_with_numbers(table):
    expect_good_fit(ANSWERED[table], "full", "advi")


@pytest.mark.slow
@pytest.mark.parametrize("structure", SEPARATED)
def test_a_million_rows_give_back_what_made_them(structure):
    rng = np.random.default_rng(0)
    labels = rng.random(1_000_000) < 0.3
    X = rng.normal(size=(1_000_000, 2)) + 6.0 * labels[:, None] + 1e6
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    for goal in GOALS:
        estimate = bg.estimate(X, spec, solver=bg.EM(goal, n_starts=2), random_seed=1)
        assert estimate.converged
        # Six errors: of a mean 1 / sqrt(300 000), of a weight half of 1 / 1000, of a variance
        # sqrt(2 / 300 000).
        assert_allclose(estimate.weights, [0.7, 0.3], atol=0.003)
        assert_allclose(estimate.means - 1e6, [[0, 0], [6, 6]], atol=0.011)
        assert_allclose(estimate.covariances, np.tile(np.eye(2), (2, 1, 1)), atol=0.016)
        assert estimate.log_likelihood == pytest.approx(log_likelihood(X, estimate.parameters))


@pytest.mark.slow
def test_engines_draw_from_a_million_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000_000, 1)) + 8.0 * (rng.random((1_000_000, 1)) < 0.3)
    for engine in (bg.Gibbs(draws=10, tune=5, chains=1), bg.Laplace(draws=100)):
        tree = bg.fit(
            X, bg.MixtureSpec(2), engine=engine, solver=bg.EM(n_starts=2), random_seed=1,
            progress=False,
        )  # fmt: skip
        means = tree["posterior"]["means"].mean(("chain", "draw")).values[:, 0]
        assert_allclose(means, [0.0, 8.0], atol=0.011)


def test_the_answer_is_the_same_for_every_kind_of_array():
    """Integers, so that every kind holds the same numbers: equal bit for bit."""
    table = np.round(16 * ROWS)
    spec = bg.MixtureSpec(2)
    engine = bg.Gibbs(draws=10, tune=10, chains=1)

    def answer(X: object) -> tuple[np.ndarray, np.ndarray]:
        tree = bg.fit(
            X, spec, engine=engine, solver=bg.EM(n_starts=2), random_seed=1, progress=False
        )
        return tree["posterior"]["covariances"].values, bg.log_density(tree).values

    expected = answer(table)
    for name, X in kinds_of(table).items():
        for ours, theirs in zip(answer(X), expected, strict=True):
            assert np.array_equal(ours, theirs), name


def kinds_of(table: np.ndarray) -> dict[str, object]:
    """Return the same numbers in other memory and other types."""
    read_only, wide = table.copy(), np.repeat(np.repeat(table, 2, axis=0), 3, axis=1)
    read_only.flags.writeable = False
    return {
        "float32": table.astype(np.float32),
        "float16": table.astype(np.float16),
        "int16": table.astype(np.int16),
        "int64": table.astype(np.int64),
        "objects": table.astype(object),
        "big-endian": table.astype(">f8"),
        "Fortran order": np.asfortranarray(table),
        "read-only": read_only,
        "every second row and third column": wide[::2, ::3],
        "backwards in memory": np.ascontiguousarray(table[::-1, ::-1])[::-1, ::-1],
        "list": table.tolist(),
        "misaligned": _misaligned(table),
    }


def _misaligned(table: np.ndarray) -> np.ndarray:
    buffer = np.empty(table.nbytes + 1, dtype=np.uint8)
    view = buffer[1:].view(np.float64).reshape(table.shape)
    view[:] = table
    return view


@pytest.mark.parametrize("kind", [bool, complex, str, "S4", "M8[s]"])
def test_cells_that_are_no_numbers_are_refused_by_column(kind):
    with pytest.raises(bg.DataError, match=r"Column 'x0' has type .*60 of 60 cells are not"):
        bg.estimate(np.round(ROWS).astype(kind), bg.MixtureSpec(2))
