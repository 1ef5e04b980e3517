"""The number of components: criteria by hand, failures in words, the same table every time."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

import bayesgmm as bg
from bayesgmm.analysis.selection import grid
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.numerics import blocks
from tests.cases import STRUCTURES, example_rows

FLOATS = ("log_likelihood", "BIC", "AIC", "ICL", "NEC")


def three_clouds(n: int = 300) -> np.ndarray:
    """Return rows of three normal distributions that lie well apart, with other covariances."""
    rng = np.random.default_rng(5)
    roots = np.array(
        [[[1.0, 0.0], [0.8, 0.3]], [[0.5, 0.0], [-0.9, 1.0]], [[1.2, 0.0], [0.0, 0.4]]]
    )
    centers = np.array([[0.0, 0.0], [9.0, 1.0], [2.0, 12.0]])
    labels = rng.integers(3, size=n)
    return centers[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, 2)))


def chosen(X: np.ndarray, *arguments, **options) -> xr.Dataset:
    """Select without a bar, with a seed."""
    return bg.select(X, *arguments, **{"random_seed": 1, "progress": False, **options})


def test_three_normal_clouds_are_found_by_bic_and_icl():
    # AIC may ask for more, and NEC for fewer: the doubt of the rows is nothing for two clouds in
    # one component, too. BIC finds three with a probability that tends to one.
    table = chosen(three_clouds(), range(1, 7))
    assert table.attrs["best"] == "Full, 3 components"
    full = table.sel(covariances="Full")
    for criterion in ("BIC", "ICL"):
        assert int(full[criterion].idxmin()) == 3
    assert float(full["NEC"].sel(n_components=3)) < 1e-3
    assert int(table["best"].sum()) == 1
    assert bool(full["best"].sel(n_components=3))
    spec = bg.MixtureSpec.from_json(table.attrs["spec"])
    assert spec == bg.MixtureSpec(3)


def test_one_normal_has_closed_forms():
    X = example_rows(80, 3)
    table = chosen(X, [1], [bg.Full(), bg.Diagonal()])
    for name, covariance, n_free in (
        ("Full", np.cov(X.T, bias=True), 6),
        ("Diagonal", np.diag(X.var(axis=0)), 3),
    ):
        cell = table.sel(covariances=name, n_components=1)
        value = multivariate_normal(X.mean(axis=0), covariance).logpdf(X).sum()
        assert float(cell["log_likelihood"]) == pytest.approx(value, abs=1e-8)
        assert int(cell["n_parameters"]) == 3 + n_free
        bic = -2 * value + (3 + n_free) * math.log(80)
        assert float(cell["BIC"]) == pytest.approx(bic, abs=1e-8)
        assert float(cell["ICL"]) == pytest.approx(bic, abs=1e-8)  # no row is in doubt
        assert float(cell["AIC"]) == pytest.approx(-2 * value + 2 * (3 + n_free), abs=1e-8)
        assert float(cell["NEC"]) == 1.0


@pytest.mark.parametrize(("structure", "entries"), [
    ("Full", 3 * 6), ("Tied", 6), ("Diagonal", 3 * 3), ("Spherical", 3), ("TiedDiagonal", 3),
    ("TiedSpherical", 1),
])  # fmt: skip
def test_parameters_are_counted(structure, entries):
    table = chosen(example_rows(80, 3), [3])
    counted = int(table["n_parameters"].sel(covariances=structure, n_components=3))
    assert counted == 2 + 3 * 3 + entries


@pytest.mark.parametrize("structure", ["full", "tied-diagonal", "spherical"])
def test_the_entropies_are_those_of_the_responsibilities(structure):
    X = np.random.default_rng(0).normal(size=(150, 2))
    X[:60] += 2.5
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    solver = bg.EM("likelihood", n_starts=20, tolerance=1e-12)
    point = bg.estimate(X, spec, solver=solver, random_seed=1)
    cell = chosen(X, [2], [STRUCTURES[structure]()], solver=solver).isel(
        covariances=0, n_components=0
    )
    joint = np.array([
        weight * multivariate_normal(mean, covariance).pdf(X)
        for weight, mean, covariance in zip(
            point.weights, point.means, point.covariances, strict=True
        )
    ])  # fmt: skip
    shares = joint / joint.sum(axis=0)
    one = bg.estimate(X, bg.MixtureSpec(1, covariances=STRUCTURES[structure]()), solver=solver)
    value = np.log(joint.sum(axis=0)).sum()
    assert float(cell["log_likelihood"]) == pytest.approx(value, abs=1e-7)
    hard = -np.log(shares.max(axis=0)).sum()
    assert float(cell["ICL"] - cell["BIC"]) == pytest.approx(2 * hard, abs=1e-3)
    entropy = -(shares * np.log(shares)).sum()
    assert float(cell["NEC"]) == pytest.approx(entropy / (value - one.log_likelihood), abs=1e-4)


def test_more_components_never_fit_worse():
    # A mixture holds all those with fewer components; local optima could be worse, where starts
    # are few.
    X = np.random.default_rng(0).standard_t(4, size=(400, 2))
    values = chosen(X, range(1, 6), solver=bg.EM("likelihood", n_starts=10))["log_likelihood"]
    assert np.all(np.diff(values.values, axis=1) > -1e-3)


@pytest.mark.parametrize("goal", ["likelihood", "posterior"])
def test_the_same_seed_gives_the_same_table_on_any_number_of_cores(goal, monkeypatch):
    X, solver = three_clouds(120), bg.EM(goal, n_starts=2)
    first = chosen(X, [1, 2, 4], solver=solver)
    monkeypatch.setattr(blocks, "available_cores", lambda: 1)
    second = chosen(X, [4, 2, 1], solver=solver)
    assert first.identical(second)


def test_units_change_criteria_by_the_jacobian_of_the_rows_alone():
    X = three_clouds()
    here, there = chosen(X, range(1, 4)), chosen(1000.0 * X - 1e5, range(1, 4))
    shift = len(X) * 2 * math.log(1000.0)
    # They stop where a step gains 3e-7, relative to numbers of the order of a thousand.
    assert_allclose(there["log_likelihood"], here["log_likelihood"] - shift, atol=1e-3)
    assert_allclose(there["BIC"], here["BIC"] + 2 * shift, atol=2e-3)
    assert there.attrs["best"] == here.attrs["best"]


def test_cells_that_fail_say_why_and_stop_no_others():
    X = np.repeat([[0.0, 1.0], [3.0, 0.0], [1.0, 5.0]], 10, axis=0)
    table = chosen(X, [1, 2, 3, 31])
    fits = table["failure"] == ""
    assert bool(fits.sel(n_components=1).all())
    assert_allclose(np.isnan(table["BIC"]), ~fits)
    assert not table["converged"].where(~fits, False).any()
    three = str(table["failure"].sel(covariances="Full", n_components=3).values)
    assert "from every start, a component collapsed" in three
    assert "no spread in 'x0', 'x1' on rows" in three
    too_few = str(table["failure"].sel(covariances="Tied", n_components=31).values)
    assert "31 components need at least 31 rows; the table has 30" in too_few


def test_a_grid_without_any_fit_is_an_error():
    with pytest.raises(
        DataError, match=r"No cell .* Full with 6 components: 6 components need.*more rows\.$"
    ):
        chosen(example_rows(5, 2), [6, 7])


def test_posterior_modes_do_not_collapse_and_lie_below_the_maximum():
    X = np.append(example_rows(60, 2), np.full((6, 2), 7.0), axis=0)
    modes = chosen(X, range(1, 5), solver=bg.EM(n_starts=3))
    assert np.all(modes["failure"] == "")
    highest = chosen(X, range(1, 5))
    gap = highest["log_likelihood"] - modes["log_likelihood"]
    assert float(gap.sel(n_components=1).min()) > 0


@pytest.mark.parametrize("goal", ["likelihood", "posterior"])
def test_numbers_may_be_left_out(goal):
    table = chosen(three_clouds(), [2, 5], [bg.Full()], solver=bg.EM(goal, n_starts=2))
    assert table["n_components"].values.tolist() == [2, 5]
    assert table["starts"].values.tolist() == [[2, 3]]  # the second starts from the first, too
    assert np.all(table["agreeing"] >= 1)


def test_long_tables_are_climbed_on_a_sample_first():
    rng = np.random.default_rng(0)
    X = np.array([-4.0, 4.0])[rng.integers(2, size=30_000)] + rng.normal(size=30_000)
    table = chosen(X, [1, 2], [bg.Full()])
    assert table.attrs["best"] == "Full, 2 components"


def test_an_interrupted_run_returns_what_is_finished(monkeypatch):
    whole = chosen(three_clouds(), range(1, 4), [bg.Full()])
    counted, judge = [], grid.entropies

    def interrupted(shares, row_weights):
        counted.append(shares)
        if len(counted) == 3:
            raise KeyboardInterrupt
        return judge(shares, row_weights)

    monkeypatch.setattr(grid, "entropies", interrupted)
    table = chosen(three_clouds(), range(1, 4), [bg.Full()])
    assert table["failure"].values.tolist() == [["", "", "the run was interrupted before this fit"]]
    assert np.array_equal(table["BIC"][:, :2], whole["BIC"][:, :2])
    counted.extend([0, 0])
    counted[:] = counted[:2]
    with pytest.raises(KeyboardInterrupt):
        chosen(three_clouds(), range(1, 4), [bg.Full()])


def test_the_table_can_be_written_and_read(tmp_path):
    table = chosen(three_clouds(), [1, 2])
    table.to_netcdf(tmp_path / "table.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "table.nc", engine="h5netcdf") as read:
        assert read.attrs == table.attrs
        assert np.array_equal(read["BIC"], table["BIC"])


def test_what_is_quick_shows_nothing(capsys):
    chosen(example_rows(30, 1), [1, 2], [bg.Full()])  # compiles
    bg.select(example_rows(30, 1), [1, 2], [bg.Full()], random_seed=1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "n_components must hold at least one number"),
        ((3,), "n_components must be a list or range"),
        (("3",), "n_components must be a list or range"),
        (([0],), "n_components must be a whole number"),
        (([1.5],), "n_components must be a whole number"),
        (([2], []), "covariances must hold at least one structure"),
        (([2], bg.Full()), "covariances must be a list"),
        (([2], "Full"), "covariances must be a list"),
        (([2], [bg.Full]), "covariances must hold covariance structures"),
        (([2], [bg.Full(), bg.Full(bg.HalfNormal())]), r"once; repeated: \['Full'\]"),
        (([2], [bg.Full(bg.HalfNormal((1.0, 2.0, 3.0)))]), "HalfNormal"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(SpecificationError, match=message):
        chosen(example_rows(20, 2), *arguments)


def test_the_table_and_the_solver_are_checked():
    with pytest.raises(DataError, match="in which it is observed"):
        chosen([[1.0, 2.0], [np.nan, 3.0]], [1])
    with pytest.raises(SpecificationError, match="solver must be an EM"):
        chosen(example_rows(20, 2), [1], solver="em")
    with pytest.raises(SpecificationError, match="random_seed"):
        chosen(example_rows(20, 2), [1], random_seed=-1)


def test_components_of_single_rows_are_warned_of():
    """Pairs of rows that are close: a shared width takes each for a component."""
    rows = np.repeat(np.arange(6.0), 2) + 1e-3 * np.random.default_rng(0).normal(size=12)
    with pytest.warns(bg.BayesGMMWarning, match=r"rows for each: the criteria are asymptotic"):
        bg.select(rows, [1, 6], [bg.TiedSpherical()], random_seed=1, progress=False)


def test_structures_of_a_single_feature_are_two_models():
    """Whether correlated or not, all features alike or not: with one feature it is all one."""
    table = bg.select(bg.datasets.load("galaxies"), range(1, 7), random_seed=1, progress=False)
    for first, others in (("Full", ("Diagonal", "Spherical")),
                          ("Tied", ("TiedDiagonal", "TiedSpherical"))):  # fmt: skip
        for other in others:
            one, same = (table.sel(covariances=name, drop=True) for name in (first, other))
            xr.testing.assert_identical(one.drop_vars("best"), same.drop_vars("best"))


def test_weights_are_repeated_rows_in_every_criterion():
    X = three_clouds()
    times = np.random.default_rng(3).integers(0, 3, len(X))
    solver = bg.EM("likelihood", n_starts=10, tolerance=1e-12)
    options = {"solver": solver, "random_seed": 1, "progress": False}
    structures = [bg.Full(), bg.TiedDiagonal()]
    weighted = bg.select(X, [1, 3], structures, sample_weight=times, **options)
    repeated = bg.select(np.repeat(X, times, axis=0), [1, 3], structures, **options)
    for name in ("log_likelihood", "BIC", "AIC", "ICL", "NEC"):
        np.testing.assert_allclose(weighted[name], repeated[name], rtol=1e-5)


def test_cells_may_be_missing():
    X = three_clouds()
    X[np.random.default_rng(3).random(X.shape) < 0.1] = np.nan
    X[np.isnan(X).all(axis=1)] = 0.0
    table = bg.select(X, [2, 3], [bg.Full()], random_seed=1, progress=False)
    assert table.attrs["best"] == "Full, 3 components"
    spec = bg.MixtureSpec.from_json(table.attrs["spec"])
    alone = bg.estimate(X, spec, solver=bg.EM("likelihood", n_starts=10), random_seed=2)
    best = float(table["log_likelihood"].sel(n_components=3).item())
    assert best == pytest.approx(alone.log_likelihood, abs=0.01)
