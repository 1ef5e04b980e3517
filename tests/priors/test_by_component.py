"""A prior for the mean of each component: how it is given, kept, told and followed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

import bayesgmm as bg
from bayesgmm.analysis.calibration.calibrate import without_data
from bayesgmm.analysis.generation.prior_predictive import prior_ranges
from bayesgmm.estimation.problem import Problem
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.report.material import Material
from bayesgmm.report.sections.prior import prior
from bayesgmm.tree.fit import Fit

NAMES = ["age", "income"]
LOC = ((60.0, 1.0), (20.0, 4.0))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Sixty rows around (20, 4), and thirty around (60, 1)."""
    rows = np.random.default_rng(5).normal(size=(90, 2)) * [3.0, 0.3]
    return pd.DataFrame(rows + np.repeat([LOC[1], LOC[0]], (60, 30), axis=0), columns=NAMES)


def resolved(means: bg.NormalMeans, table: pd.DataFrame) -> bg.MixtureSpec:
    return Problem.pose(table, bg.MixtureSpec(2, means=means)).spec


def test_arrays_sequences_and_mappings_say_the_same(table):
    expected = resolved(bg.NormalMeans(LOC, (5.0, 1.0)), table)
    assert expected.means.loc == LOC
    for loc in (
        np.array(LOC),
        [list(row) for row in LOC],
        pd.DataFrame(LOC),
        [dict(zip(NAMES, row, strict=True)) for row in LOC],
        [np.array(LOC[0]), {"income": 4.0, "age": 20.0}],
    ):
        assert resolved(bg.NormalMeans(loc, (5.0, 1.0)), table) == expected
    loc, precision = expected.means.expanded(2, 2)
    assert_array_equal(loc, LOC)
    assert_array_equal(precision, np.full((2, 2), np.array([5.0, 1.0]) ** -2.0))


def test_what_is_left_open_is_scaled_to_the_data(table):
    default = resolved(bg.NormalMeans(), table).means
    means = resolved(bg.NormalMeans([{"age": 60.0}, None], [None, {"income": 2.0}]), table).means
    assert means.loc == ((60.0, default.loc[1]), default.loc)
    assert means.scale == (default.scale, (default.scale[0], 2.0))
    spec = bg.MixtureSpec(2, means=bg.NormalMeans([{"x1": 5.0}, None], 1.0), resolution=0.1)
    filled, waiting = without_data(spec, 2)
    assert filled.means.loc == ((0.0, 5.0), (0.0, 0.0))
    assert "loc of NormalMeans" in waiting


def test_it_is_printed_and_comes_back_from_text():
    for loc, words in (
        (LOC, "loc ((60, 1), (20, 4))"),
        ([{"age": 60.0}, (20.0, 4.0)], "loc ((age 60, others scaled to the data), (20, 4))"),
        ([{"class": 1.0}, None], "loc ((class 1, others scaled to the data), scaled to the data)"),
    ):
        spec = bg.MixtureSpec(2, means=bg.NormalMeans(loc, [(1.0, 2.0), (3.0, 4.0)]))
        again = bg.MixtureSpec.from_json(spec.to_json())
        assert again == spec
        assert hash(again) == hash(spec)
        assert eval(repr(spec), {name: getattr(bg, name) for name in bg.__all__}) == spec
        assert f"Normal({words}, scale ((1, 2), (3, 4)))" in str(spec)


@pytest.mark.parametrize(
    ("loc", "words"),
    [
        ([[1.0, 2.0], [3.0]], "1 entries for component 1, but 2 are needed"),
        (np.zeros((2, 3)), "3 entries for component 0, but 2 are needed"),
        ([{"age": 1.0}, {"incme": 2.0}], "'incme'.*Did you mean 'income'"),
    ],
)
def test_rows_that_do_not_suit_the_table_are_refused(table, loc, words):
    with pytest.raises(bg.SpecificationError, match=words):
        bg.estimate(table, bg.MixtureSpec(2, means=bg.NormalMeans(loc)))


@pytest.mark.parametrize(
    ("loc", "words"),
    [
        (np.zeros((2, 2, 2)), "loc of component 0"),
        ([[1.0, 2.0], [3.0, np.nan]], "loc of component 1"),
        ([[1.0, 2.0], 3.0], "per component.*not 3.0"),
        ([{"age": 1.0}, {}], "loc of component 1"),
        ([{"age": 1.0}, "age"], "per component.*not 'age'"),
    ],
)
def test_rows_that_are_no_numbers_are_refused(loc, words):
    with pytest.raises(bg.SpecificationError, match=words):
        bg.NormalMeans(loc)
    with pytest.raises(bg.SpecificationError, match="scale of component 1"):
        bg.NormalMeans(scale=[[1.0, 2.0], [3.0, -1.0]])


def test_rows_for_another_number_of_components_are_refused():
    for means in (bg.NormalMeans(LOC), bg.NormalMeans(0.0, [{"age": 1.0}, None])):
        with pytest.raises(bg.SpecificationError, match="rows for 2 components, but there are 3"):
            bg.MixtureSpec(3, means=means)


def test_draws_from_the_prior_have_its_moments():
    loc, scale = np.array([[0.0, 5.0], [-3.0, 1.0], [2.0, 2.0]]), np.array([[1.0], [2.0], [0.1]])
    means = bg.NormalMeans(loc, np.broadcast_to(scale, (3, 2)))
    spec = bg.MixtureSpec(3, means=means, covariances=bg.Diagonal(bg.HalfT(1.0)))
    drawn = draw_parameters(spec, 2, 4000, np.random.default_rng(0)).means
    # Five standard errors of each of six means and deviations.
    assert np.all(np.abs(drawn.mean(axis=0) - loc) < 5 * scale / np.sqrt(4000))
    assert np.all(np.abs(drawn.std(axis=0) / scale - 1) < 5 / np.sqrt(8000))


@pytest.fixture(scope="module")
def tree(table) -> xr.DataTree:
    """The lighter cloud first, as the priors name them; NUTS starts at the mode."""
    spec = bg.MixtureSpec(2, means=bg.NormalMeans(LOC, (5.0, 1.0)))
    engine = bg.NUTS(draws=60, tune=100, chains=2)
    return bg.fit(table, spec, engine=engine, random_seed=1, progress=False)


def test_chains_have_the_names_of_the_priors(tree):
    for group in ("point_estimate", "chain_starts", "posterior"):
        means = tree[group]["means"].values.reshape(-1, 2, 2)
        assert np.all(np.abs(means - LOC) < [5.0, 1.0])
    assert tree["posterior"]["weights"].mean(("chain", "draw")).values[0] < 0.5
    assert np.all(tree["relabeling"]["permutation"] == [0, 1])
    assert len(set(Fit(tree).groups)) == 2
    with pytest.raises(bg.SpecificationError, match="names mean something already"):
        bg.relabel(tree)


def test_an_order_that_priors_leave_no_room_for_is_refused(table):
    spec = bg.MixtureSpec(2, means=bg.NormalMeans(LOC))
    with pytest.raises(bg.SpecificationError, match="order_by 'age' has no effect"):
        bg.fit(table, spec, order_by="age", progress=False)


def test_names_move_only_among_components_with_one_prior(table):
    loc = [LOC[0], LOC[1], LOC[1]]
    spec = bg.MixtureSpec(3, means=bg.NormalMeans(loc, (5.0, 1.0)))
    engine = bg.Gibbs(draws=40, tune=40, chains=2)
    tree = bg.fit(table, spec, engine=engine, random_seed=1, progress=False)
    groups = Fit(tree).groups
    assert groups[1] == groups[2] != groups[0]
    assert np.all(tree["relabeling"]["permutation"][..., 0] == 0)
    assert np.all(np.abs(tree["posterior"]["means"][:, :, 0] - LOC[0]) < [5.0, 1.0])


def test_ranges_and_the_report_have_a_row_for_each(tree):
    means = prior_ranges(tree)["means"]
    expected = stats.norm.ppf([[[0.055]], [[0.5]], [[0.945]]], LOC, (5.0, 1.0))
    assert_allclose(means.transpose("end", "component", "feature"), expected)
    page = prior(Material.of(Fit(tree), None)).markup()
    assert "component 0 52 to 68 and component 1 12 to 28" in page
    again = bg.resample(tree, engine=bg.Laplace(draws=30), random_seed=1)
    assert np.all(np.abs(again["posterior"]["means"][0] - LOC) < [5.0, 1.0])
