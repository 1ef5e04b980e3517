"""Every method undoes permutations of the labels, and finds the best of all of them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import xarray as xr
from scipy.special import rel_entr

import bayesgmm as bg
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.posterior.relabel.rows import RowsInDraws
from bayesgmm.tree.fit import Fit, read_parameters
from tests.labels import shuffled

METHODS = [
    bg.ECR(), bg.IterativeECR(1), bg.IterativeECR(2), bg.Stephens(), bg.PRA(), bg.PointProcess(),
    bg.OrderBy("flipper_length_mm"),
]  # fmt: skip
TRUE_PERMUTATIONS = METHODS[:-2]  # all of which have an objective over permutations
QUICK = {"solver": bg.EM(n_starts=3), "random_seed": 1, "progress": False}


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    return bg.example_fit().isel(draw=slice(0, 120))


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_random_permutations_come_back_exactly(tree, method):
    expected = bg.relabel(tree, method)
    restored = bg.relabel(shuffled(tree, seed=3), method)
    xr.testing.assert_equal(restored["posterior"].to_dataset(), expected["posterior"].to_dataset())
    np.testing.assert_allclose(
        restored["relabeling"]["margin"], expected["relabeling"]["margin"], rtol=1e-9
    )


@pytest.mark.parametrize("method", METHODS[:-1], ids=repr)
def test_methods_agree_where_components_are_far_apart(tree, method):
    xr.testing.assert_equal(
        bg.relabel(tree, method)["posterior"].to_dataset(), tree["posterior"].to_dataset()
    )


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_repeated_from_the_raw_order_nothing_changes(tree, method):
    once = bg.relabel(tree, method)
    again = bg.relabel(bg.relabel(once, bg.PRA()), method)
    xr.testing.assert_equal(again["posterior"].to_dataset(), once["posterior"].to_dataset())
    xr.testing.assert_equal(again["relabeling"].to_dataset(), once["relabeling"].to_dataset())
    raw, expected = bg.undo_relabeling(once), bg.undo_relabeling(tree)
    xr.testing.assert_equal(raw["posterior"].to_dataset(), expected["posterior"].to_dataset())


def test_every_method_takes_one_component():
    rows = np.random.default_rng(0).normal(size=(30, 1))
    tree = bg.fit(rows, bg.MixtureSpec(1), engine=bg.Gibbs(10, 5, 2), random_seed=1, progress=False)
    for method in (*METHODS[:-1], bg.OrderBy()):
        after = bg.relabel(tree, method)
        xr.testing.assert_equal(after["posterior"].to_dataset(), tree["posterior"].to_dataset())
        assert np.all(after["relabeling"]["margin"] == 1)


@pytest.fixture(scope="module")
def overlapping() -> xr.DataTree:
    rows = np.random.default_rng(4).normal(size=(80, 2))
    rows[:40] += [2.5, 0.0]
    spec = bg.MixtureSpec(4, covariances=bg.Diagonal())
    return bg.fit(rows, spec, engine=bg.Gibbs(40, 20, 2), **QUICK)


@pytest.mark.parametrize("method", [bg.ECR(), bg.Stephens(), bg.PRA()], ids=repr)
def test_no_other_permutation_is_better(overlapping, method):
    """Of all 4! by an objective that is written out anew."""
    tree = shuffled(overlapping, seed=8)
    rows = RowsInDraws.of(Fit(tree), keeps_all=True)
    orders = method.permutations(Fit(tree)).orders.reshape(rows.n_draws, 4)
    objective = {"ECR": ecr_cost, "Stephens": stephens_cost, "PRA": pra_cost}
    cost = objective[type(method).__name__](rows, orders)
    for number in range(0, rows.n_draws, 7):
        every = [cost(number, np.array(order)) for order in permutations(range(4))]
        assert cost(number, orders[number]) == pytest.approx(min(every), rel=1e-9, abs=1e-9)


def ecr_cost(rows, orders):
    def total(number, order):
        places = np.argsort(order)[rows.labels[number]]
        return np.sum(places != rows.pivot_labels)

    return total


def stephens_cost(rows, orders):
    tables = rows.responsibilities
    q = np.mean([table[:, order] for table, order in zip(tables, orders, strict=True)], axis=0)
    return lambda number, order: rel_entr(tables[number][:, order], q).sum()


def pra_cost(rows, orders):
    """Squared distance in standard deviations of the relabeled draws, and of one draw more."""

    def points(parameters):
        parts = (parameters.weights[..., None], parameters.means, np.log(parameters.scales))
        return np.concatenate(parts, axis=-1)

    draws, pivot = points(rows.draws).reshape(rows.n_draws, 4, -1), points(rows.pivot)
    n_rows, weights = rows.X.n_rows, rows.pivot.weights[:, None]
    inside, outside = n_rows * weights + 1, n_rows * (1 - weights) + 1  # as in Beta(inside, ...)
    of_weights = inside * outside / (n_rows + 2) / n_rows**2
    scales = rows.pivot.scales
    errors = np.hstack([of_weights, scales**2 / inside, np.ones_like(scales) / (2 * inside)])
    relabeled = np.take_along_axis(draws, orders[:, :, None], axis=1)
    squares = (((relabeled - pivot) ** 2).sum(axis=0) + errors) / (rows.n_draws + 1)
    return lambda number, order: np.sum((draws[number][order] - pivot) ** 2 / squares)


def test_iterations_end_at_the_pivot_of_their_own_draws(tree):
    """IterativeECR(1): no row's label is outvoted by the relabeled draws."""
    relabeled = bg.relabel(shuffled(tree, 5), bg.IterativeECR(1))
    X = relabeled["observed_data"]["x"].values
    draws = read_parameters(relabeled["posterior"])
    labels = [
        responsibilities(X, draws.draw(index)).argmax(axis=1)
        for index in np.ndindex(*draws.batch_shape)
    ]
    votes = np.stack([(np.array(labels) == place).mean(axis=0) for place in range(3)])
    pivot = votes.argmax(axis=0)
    agreement = np.mean(np.array(labels) == pivot, axis=1)
    assert agreement.mean() > 0.9


def test_a_sampler_over_all_labelings_is_brought_back_to_one_mode():
    """Random permutations of a Gibbs run (Fruehwirth-Schnatter, 2001), on two features."""
    rng = np.random.default_rng(2)
    rows = np.concatenate([rng.normal(place, 1.0, size=(70, 2)) for place in (0.0, 5.0, 10.0)])
    engine = bg.Gibbs(draws=150, tune=100, chains=2)
    tree = bg.fit(rows, bg.MixtureSpec(3), engine=engine, **QUICK)
    everywhere = shuffled(tree, seed=6)
    mixed = everywhere["posterior"]["means"].mean(("chain", "draw"))
    assert float(np.ptp(mixed.values, axis=0).max()) < 2.0  # all components look the same
    for method in TRUE_PERMUTATIONS:
        restored = bg.relabel(everywhere, method, order_by="x0")
        means = restored["posterior"]["means"].mean(("chain", "draw")).values
        np.testing.assert_allclose(means[:, 0], [0.0, 5.0, 10.0], atol=0.5)
        expected = bg.relabel(tree, method, order_by="x0")["posterior"].to_dataset()
        xr.testing.assert_equal(restored["posterior"].to_dataset(), expected)


THREE = np.array([0.0, 20.0, 24.5])
TOLD_APART = {  # what tells components apart: means, standard deviations, correlation, weights
    "means": (THREE, 1.0, 0.0, (1 / 3, 1 / 3, 1 / 3), lambda p: p["means"][..., 0]),
    "means, a rare component": (THREE, 1.0, 0.0, (0.5, 0.42, 0.08), lambda p: p["means"][..., 0]),
    "one far away": (50 * THREE, 40.0, 0.0, (0.3, 0.4, 0.3), lambda p: p["means"][..., 0]),
    "one of six features": (
        np.column_stack([THREE, np.zeros((3, 5))]), 1.0, 0.0, (0.4, 0.3, 0.3),
        lambda p: p["means"][..., 0],
    ),
    "the feature of small numbers": (
        np.column_stack([np.full(3, 5e5), THREE]), np.array([9e4, 1.0]), 0.0, (0.4, 0.3, 0.3),
        lambda p: p["means"][..., 1],
    ),
    "scales": (np.zeros(3), np.array([[0.03], [1.0], [30.0]]), 0.0, (0.3, 0.3, 0.4),
        lambda p: p["scales"][..., 0]),
    "correlations": (np.zeros((2, 2)), 1.0, np.array([-0.95, 0.95]), (0.5, 0.5),
        lambda p: p["correlations"][..., 0, 1]),
    "weights": (np.array([0.0, 2.5]), 1.0, 0.0, (0.9, 0.1), lambda p: -p["weights"]),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD_APART)
def test_what_tells_components_apart_decides(case):
    """In every draw the components lie in the order of the one quantity in which they differ."""
    means, scales, correlation, weights, quantity = TOLD_APART[case]
    size, rng = len(weights), np.random.default_rng(12)
    counts = np.rint(400 * np.array(weights)).astype(int)
    labels = np.repeat(np.arange(size), counts)
    means = means.reshape(size, -1)
    noise = rng.normal(size=(labels.size, means.shape[1]))
    if means.shape[1] == 2:
        r = np.broadcast_to(correlation, size)[labels]
        noise[:, 1] = r * noise[:, 0] + np.sqrt(1 - r**2) * noise[:, 1]
    rows = means[labels] + np.broadcast_to(scales, means.shape)[labels] * noise
    spec = bg.MixtureSpec(size, covariances=bg.Full() if case == "correlations" else bg.Diagonal())
    engine = bg.Gibbs(draws=100, tune=60, chains=2)
    solver = bg.EM(n_starts=6)
    tree = bg.fit(rows, spec, engine=engine, solver=solver, random_seed=4, progress=False)
    for method in (bg.PRA(), bg.PointProcess()):
        found = bg.relabel(shuffled(tree, seed=5), method)["posterior"]
        values = quantity({name: found[name].values for name in found.data_vars})
        order = np.argsort(values.mean(axis=(0, 1)))
        assert np.all(np.diff(values[..., order], axis=-1) > 0), repr(method)


def test_the_non_permutation_rate_counts_draws_without_a_naming(tree):
    apart = bg.relabel(tree, bg.PointProcess())
    assert apart["relabeling"].attrs["non_permutation_rate"] == 0.0
    rows = np.random.default_rng(0).normal(size=(60, 1))  # one cloud, three components
    spec = bg.MixtureSpec(3)
    one = bg.fit(rows, spec, engine=bg.Gibbs(100, 50, 2), **QUICK)
    relabeled = bg.relabel(one, bg.PointProcess())
    rate = relabeled["relabeling"].attrs["non_permutation_rate"]
    assert 0.2 < rate < 1.0
    unnamed = (relabeled["relabeling"]["margin"] == 0).mean()
    assert float(unnamed) == pytest.approx(rate)
    assert relabeled["posterior"].sizes == one["posterior"].sizes  # no draw is dropped


def test_order_by_a_direction(tree):
    direction = {"bill_length_mm": 1.0, "body_mass_g": -0.01}
    means = bg.relabel(tree, bg.OrderBy(direction))["posterior"]["means"]
    key = means.sel(feature="bill_length_mm") - 0.01 * means.sel(feature="body_mass_g")
    assert np.all(np.diff(key.transpose(..., "component").values, axis=-1) >= 0)


def test_order_by_weight_puts_the_largest_first_in_every_draw(tree):
    weights = bg.relabel(tree, bg.OrderBy())["posterior"]["weights"].values
    assert np.all(np.diff(weights, axis=-1) <= 0)


def test_the_point_estimate_follows(tree):
    by_bill = bg.relabel(tree, bg.OrderBy("bill_length_mm"))
    point = by_bill["point_estimate"]["means"].sel(feature="bill_length_mm").values
    draws = by_bill["posterior"]["means"].sel(feature="bill_length_mm").mean(("chain", "draw"))
    np.testing.assert_allclose(point, draws.values, rtol=0.02)


@pytest.mark.parametrize("method", [bg.OrderBy("size"), bg.OrderBy({}), bg.OrderBy({"size": 1.0})])
def test_unknown_quantities_are_refused(tree, method):
    with pytest.raises(bg.SpecificationError, match="by must be 'weights' or one of the features"):
        bg.relabel(tree, method)


@pytest.mark.parametrize("method", ["ECR", bg.ECR, 3])
def test_only_methods_are_taken(tree, method):
    with pytest.raises(bg.SpecificationError, match="a relabeling method such as"):
        bg.relabel(tree, method)


def test_versions_are_one_and_two():
    with pytest.raises(bg.SpecificationError, match="version must be one of"):
        bg.IterativeECR(3)


def test_components_that_the_prior_names_are_left_alone(tree):
    spec = bg.MixtureSpec(3, weights=bg.Dirichlet((1.0, 2.0, 3.0)))
    rows = tree["observed_data"]["x"]
    named = bg.fit(rows, spec, engine=bg.Gibbs(5, 5, 2), **QUICK)
    with pytest.raises(bg.SpecificationError, match="names mean something"):
        bg.relabel(named, bg.ECR())


def test_whatever_has_a_component_axis_moves(tree):
    with_more = tree.copy()
    with_more["sizes"] = xr.Dataset({"rows": 342 * tree["posterior"]["weights"].transpose()})
    moved = bg.relabel(with_more, bg.OrderBy("bill_depth_mm"))
    expected = 342 * moved["posterior"]["weights"]
    xr.testing.assert_allclose(moved["sizes"]["rows"].transpose(*expected.dims), expected)


def test_the_verdict_on_other_labels_goes(tree):
    assert "diagnosis" in tree.children
    assert "diagnosis" not in bg.relabel(tree, bg.PRA()).children
