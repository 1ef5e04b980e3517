"""Simulated tables: what was asked, and the truth behind it."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg


def test_the_overlap_is_the_one_asked():
    for k, d, overlap in ((2, 1, 0.3), (3, 2, 0.05), (8, 6, 0.01)):
        made = bg.simulate(50, k, d, overlap=overlap, random_seed=k)
        assert abs(made.average_overlap - overlap) < 1e-5
        np.testing.assert_array_equal(made.overlap, bg.overlap(made.parameters)["overlap"])
    made = bg.simulate(50, 4, 3, overlap=0.03, max_overlap=0.1, random_seed=1)
    assert abs(made.average_overlap - 0.03) < 1e-5
    assert abs(made.max_overlap - 0.1) < 1e-5


def test_rows_come_from_their_components():
    """Standardized, they are standard normal: means and variances within 4.5 standard errors
    (12 comparisons, error rate below 1e-4); and so are the counts of components."""
    made = bg.simulate(30_000, 3, 2, overlap=0.1, weights=[0.6, 0.3, 0.1], random_seed=3)
    for number in range(3):
        rows = made.complete.values[made.component.values == number]
        noise = np.linalg.solve(
            made.parameters.cholesky[number], (rows - made.parameters.means[number]).T
        )
        assert np.abs(noise.mean(axis=1)).max() < 4.5 / np.sqrt(len(rows))
        assert np.abs(noise.var(axis=1) - 1).max() < 4.5 * np.sqrt(2 / len(rows))
        weight = made.parameters.weights[number]
        error = np.sqrt(weight * (1 - weight) / 30_000)
        assert abs(len(rows) / 30_000 - weight) < 4.5 * error


def test_masks_and_outliers_leave_the_truth_behind():
    made = bg.simulate(
        1000, 3, 4, overlap=0.05, missing=0.2, missing_mechanism="MAR", outliers=0.03, random_seed=4
    )
    assert int(made.is_outlier.sum()) == 30
    assert set(made.component.values.tolist()) == {-1, 0, 1, 2}
    missing = np.isnan(made.x.values)
    np.testing.assert_array_equal(made.x.values[~missing], made.complete.values[~missing])
    assert not np.isnan(made.complete.values).any()
    assert abs(missing.mean() - 0.2) < 0.03
    assert not missing[:, 0].any()
    assert "30 rows" in str(made)
    assert "average 0.0500" in repr(made)


def test_missing_cells_change_nothing_else():
    whole, holed = (
        bg.simulate(200, 2, 3, overlap=0.1, missing=missing, random_seed=5)
        for missing in (0.0, 0.4)
    )
    assert whole.complete.equals(holed.complete)
    assert whole.x.equals(whole.complete)


def test_weights():
    equal = bg.simulate(10, 4, 2, overlap=0.1, random_seed=1).parameters.weights
    assert equal.tolist() == [0.25] * 4
    for seed in range(5):
        made = bg.simulate(
            10, 4, 2, overlap=0.01, weights=bg.Dirichlet(0.1), min_weight=0.05,
            random_seed=seed,
        )  # fmt: skip
        assert made.parameters.weights.min() >= 0.05
        assert made.parameters.weights.sum() == pytest.approx(1.0)


def test_the_truth_is_found_again():
    """Components with little overlap are recovered by EM: nearly all rows where they belong."""
    made = bg.simulate(600, 3, 2, overlap=0.001, random_seed=6)
    point = bg.estimate(made.x, bg.MixtureSpec(3), random_seed=1)
    found = np.sort(point.weights)
    shares = np.sort(np.bincount(made.component) / 600)
    np.testing.assert_allclose(found, shares, atol=0.02)


def test_the_same_seed_gives_the_same():
    ours, again, other = (
        bg.simulate(30, 2, 2, overlap=0.1, missing=0.2, outliers=0.1, random_seed=seed)
        for seed in (1, 1, 2)
    )
    assert ours.x.identical(again.x)
    assert not ours.x.equals(other.x)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_rows": 0}, "n_rows"),
        ({"n_components": 1}, "at least 2"),
        ({"n_features": 1.5}, "n_features"),
        ({"overlap": None}, "Give the overlap of the components"),
        ({"overlap": 0.0}, "overlap must lie strictly between 0 and 1"),
        ({"overlap": 1.0}, "overlap must lie strictly between 0 and 1"),
        ({"overlap": True}, "overlap must lie strictly between 0 and 1"),
        ({"max_overlap": "much"}, "max_overlap must lie"),
        ({"overlap": 0.2, "max_overlap": 0.1}, r"3 pairs .* must lie between 0.03+ and 0.1"),
        ({"overlap": 0.01, "max_overlap": 0.1}, "must lie between"),
        ({"overlap": 0.05, "max_overlap": 0.1, "covariances": bg.Tied()}, "tied"),
        ({"overlap": 0.99}, "No mixture of 3 components in 2 features"),
        ({"covariances": "full"}, "covariance structure"),
        ({"weights": [0.5, 0.5]}, "weights must be a Dirichlet"),
        ({"weights": [0.5, 0.6, -0.1]}, "weights must be a Dirichlet"),
        ({"weights": "equal"}, "weights must be a Dirichlet"),
        ({"min_weight": 0.5}, "min_weight"),
        ({"missing": 0.5}, "missing must be a fraction of at least 0 and below 0.5"),
        ({"missing": 0.1, "n_features": 1}, "Every row keeps at least one cell"),
        ({"missing_mechanism": "MNAR"}, "missing_mechanism"),
        ({"outliers": 0.5}, "outliers"),
        ({"outliers": -0.1}, "outliers"),
        ({"random_seed": "a"}, "random_seed"),
    ],
)
def test_senseless_questions_are_refused(changes, message):
    asked = {"n_rows": 20, "n_components": 3, "n_features": 2, "overlap": 0.05, "random_seed": 1}
    with pytest.raises(bg.SpecificationError, match=message):
        bg.simulate(**asked | changes)
