"""The partition with the smallest expected loss, of a real fit."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import adjusted_rand_score

import bayesgmm as bg
from bayesgmm.analysis.clustering.partition import draw_allocations
from bayesgmm.numerics.partitions import PartitionDraws
from tests.labels import shuffled

LOSSES = [
    bg.VariationOfInformation(), bg.VariationOfInformation(a=0.8), bg.Binder(), bg.Binder(a=1.3),
    bg.OneMinusAdjustedRand(), bg.NormalizedVariationOfInformation(),
]  # fmt: skip


@pytest.fixture(scope="module")
def draws(tree) -> PartitionDraws:
    return PartitionDraws.of(draw_allocations(tree, draws=200).labels)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_no_draw_is_better(tree, draws, loss):
    found = bg.partition(tree, loss, max_draws=200, n_runs=4)
    expected = draws.expected_losses(loss.function(), np.arange(200))
    assert float(found["expected_loss"]) <= expected.min() + 1e-12
    labels = found["label"].values.astype(np.int32)
    assert float(found["expected_loss"]) == pytest.approx(
        draws.losses(labels, loss.function()).mean(), abs=1e-12
    )
    assert found["run_loss"].size == 5
    assert 1 <= int(found["runs_agreed"]) <= 5
    assert found.attrs["loss"] == repr(loss)


def test_finds_the_species(tree):
    """The clusters match the species of nearly all birds: adjusted Rand above 0.85."""
    found = bg.partition(tree, max_draws=200)
    species = bg.datasets.load("penguins").loc[found["obs_id"].values, "species"]
    assert adjusted_rand_score(species, found["label"]) > 0.85
    assert int(found["size"].sum()) == 342


def test_cohesion_is_the_mean_co_clustering_within_clusters(tree, draws):
    found = bg.partition(tree, max_draws=200, n_runs=2)
    labels = found["label"].values
    together = np.mean([draw[:, None] == draw for draw in draws.labels], axis=0)
    same = (labels[:, None] == labels) & ~np.eye(labels.size, dtype=bool)
    expected = (together * same).sum(axis=1) / same.sum(axis=1)
    np.testing.assert_allclose(found["cohesion"], expected, atol=1e-12)


def test_a_row_alone_is_sure_to_be_with_itself(tree):
    one = bg.partition(tree, X=[[40.0, 18.0, 190.0, 3700.0]], max_draws=20, n_runs=2)
    assert one["cohesion"].values == [1.0]


def test_switched_labels_change_nothing_but_the_random_numbers(tree):
    """Adjusted Rand above 0.97: the two sets of allocations differ by chance in doubtful birds."""
    one, other = bg.partition(tree), bg.partition(shuffled(tree, seed=3))
    assert adjusted_rand_score(one["label"], other["label"]) > 0.97


def test_the_same_tree_gives_the_same_answer(tree):
    xr.testing.assert_identical(
        bg.partition(tree, max_draws=100, n_runs=3), bg.partition(tree, max_draws=100, n_runs=3)
    )


@pytest.mark.parametrize("loss", [bg.VariationOfInformation(), bg.Binder()], ids=repr)
def test_of_long_tables_a_sample_of_the_rows_is_searched(tree, draws, loss, monkeypatch):
    """The other rows follow: the partition is that of a search over all rows."""
    whole = bg.partition(tree, loss, max_draws=200, n_runs=4)
    monkeypatch.setattr("bayesgmm.numerics.partitions.MOST_SEARCHED", 120)
    found = bg.partition(tree, loss, max_draws=200, n_runs=4)
    assert (whole.attrs["n_searched"], found.attrs["n_searched"]) == (342, 120)
    assert found.attrs["n_draws"] == 200
    np.testing.assert_array_equal(found["label"], whole["label"])
    labels = found["label"].values.astype(np.int32)
    expected = draws.losses(labels, loss.function()).mean()
    assert float(found["expected_loss"]) == pytest.approx(expected, abs=1e-12)
    assert 1 <= int(found["runs_agreed"]) <= found["run_loss"].size


def test_long_tables_take_fewer_draws(tree, monkeypatch):
    """The rule is that of `cluster`, and credible balls use the same draws."""
    monkeypatch.setattr("bayesgmm.analysis.draws._MOST_ASSIGNMENTS", 1)
    monkeypatch.setattr("bayesgmm.analysis.draws._LEAST_DRAWS", 40)
    found = bg.partition(tree, n_runs=2)
    assert found.attrs["n_draws"] == 40
    xr.testing.assert_identical(found, bg.partition(tree, n_runs=2, max_draws=40))
    ball = bg.credible_ball(tree, found)
    assert ball["draw_distance"].size == 40
    assert float(ball["draw_distance"].mean()) == pytest.approx(float(found["expected_loss"]))
    for answer in (bg.co_clustering(tree), bg.representative_partitions(tree, 2, n_runs=1)):
        assert answer.attrs["n_draws"] == 40


def test_at_most_as_many_clusters_as_asked(tree):
    found = bg.partition(tree, max_draws=100, n_runs=3, max_clusters=2)
    assert found["size"].size == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "binder"}, "loss must be one of"),
        ({"n_runs": 0}, "n_runs must be a whole number"),
        ({"max_draws": 2.5}, "max_draws must be a whole number"),
        ({"max_clusters": -1}, "max_clusters must be a whole number"),
    ],
)
def test_options_that_make_no_sense(tree, options, message):
    with pytest.raises(bg.SpecificationError, match=message):
        bg.partition(tree, **options)


@pytest.mark.parametrize("cost", [0.0, 2.0, "one"])
def test_costs_lie_between_nought_and_two(cost):
    for kind in (bg.Binder, bg.VariationOfInformation):
        with pytest.raises(bg.SpecificationError, match="a must lie strictly between"):
            kind(a=cost)


def test_a_tree_without_draws_is_refused(tree):
    bare = tree.copy()
    del bare["posterior"]
    with pytest.raises(bg.SchemaError, match="posterior"):
        bg.partition(bare)
