"""The ball around a partition, against a count of the draws in it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.clustering.partition import draw_allocations
from bayesgmm.numerics.partitions import PartitionDraws


@pytest.fixture(scope="module")
def overlapping() -> xr.DataTree:
    rng = np.random.default_rng(4)
    X = np.concatenate([rng.normal(0, 1, (60, 2)), rng.normal(2.2, 1, (60, 2))])
    spec = bg.MixtureSpec(3, covariances=bg.Tied())
    return bg.fit(X, spec, engine=bg.Gibbs(draws=150, chains=2), random_seed=5, progress=False)


@pytest.mark.parametrize("loss", [None, bg.Binder()])
@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_is_the_smallest_with_its_probability(overlapping, loss, probability):
    center = bg.partition(overlapping, loss, max_draws=400, n_runs=4)
    ball = bg.credible_ball(overlapping, center, probability, loss=loss, max_draws=400)
    distances = ball["draw_distance"].values
    assert np.mean(distances <= float(ball["radius"]) + 1e-9) >= probability
    assert np.mean(distances < float(ball["radius"]) - 1e-9) < probability


def test_bounds_are_as_far_as_can_be_with_their_number_of_clusters(overlapping):
    center = bg.partition(overlapping, max_draws=400, n_runs=4)
    ball = bg.credible_ball(overlapping, center, max_draws=400)
    draws = PartitionDraws.of(draw_allocations(overlapping, draws=400).labels)
    inside = ball["draw_distance"].values <= float(ball["radius"]) + 1e-9
    counts = np.array([np.unique(draw).size for draw in draws.labels])
    for bound, among in (
        ("horizontal", inside),
        ("upper", inside & (counts == counts[inside].min())),
        ("lower", inside & (counts == counts[inside].max())),
    ):
        one = ball.sel(bound=bound)
        assert float(one["distance"]) == ball["draw_distance"].values[among].max()
        labels = one["label"].values.astype(np.int32)
        again = draws.losses(labels, bg.VariationOfInformation().function())
        # It is a draw, and as far from the center as it says.
        assert again.min() == pytest.approx(0.0, abs=1e-9)
        assert np.unique(labels).size == int(one["n_clusters"])


def test_any_labels_may_be_the_center(overlapping):
    center = bg.partition(overlapping, max_draws=100, n_runs=2)
    names = np.array(["b", "a", "c"])[center["label"].values]
    one = bg.credible_ball(overlapping, center, max_draws=100)
    other = bg.credible_ball(overlapping, names, max_draws=100)
    xr.testing.assert_allclose(one, other)


@pytest.mark.parametrize(
    ("center", "message"),
    [
        (np.zeros(7), "one label for each of the 120 rows"),
        (xr.Dataset({"labels": ("obs_id", np.zeros(120))}), "variable 'label'"),
        (
            xr.Dataset({"label": ("obs_id", np.zeros(9))}, coords={"obs_id": np.arange(9)}),
            "other rows",
        ),
    ],
)
def test_the_center_must_be_a_partition_of_the_rows(overlapping, center, message):
    with pytest.raises(bg.DataError, match=message):
        bg.credible_ball(overlapping, center, max_draws=20)


def test_probability_must_be_one(overlapping):
    with pytest.raises(bg.SpecificationError, match="ci_prob must lie strictly between"):
        bg.credible_ball(overlapping, np.zeros(120), 95.0)
