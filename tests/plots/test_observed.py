"""Rows as figures show them: bins that follow the values, rows as often as they count."""

from __future__ import annotations

import numpy as np

from bayesgmm.plots.observed import bin_edges, observed_cells, row_weights
from bayesgmm.tree.fit import Fit


def test_bins_hold_all_values():
    values = np.random.default_rng(1).normal(size=500)
    edges = bin_edges(values)
    assert np.histogram(values, edges)[0].sum() == 500
    np.testing.assert_allclose(np.diff(edges), np.diff(edges)[0])


def test_bins_of_whole_numbers_hold_equally_many_of_them():
    edges = bin_edges(np.arange(170.0, 232.0))
    assert set(np.histogram(np.arange(170.0, 232.0), edges)[0][:-1]) == {3}


def test_a_value_of_its_own_makes_one_bin():
    assert bin_edges(np.full(10, 3.0)).tolist() == [1.5, 4.5]


def test_a_point_mass_lies_in_the_middle_of_its_bin():
    values = np.concatenate([np.zeros(50), np.random.default_rng(1).normal(5, 1, 200)])
    edges = bin_edges(values)
    bin_of_zero = np.searchsorted(edges, 0.0) - 1
    assert abs(edges[bin_of_zero] + edges[bin_of_zero + 1]) < 1e-9


def test_a_narrow_cluster_has_bins_of_its_own_and_one_cloud_has_as_many_as_ever():
    rng = np.random.default_rng(1)
    cloud = rng.normal(0, 1, 1000)
    assert np.diff(bin_edges(cloud))[0] > 0.15  # 2.7 / 10 by the rule; the closest may be closer
    narrow = np.concatenate([cloud, rng.normal(4, 0.02, 300)])
    assert np.diff(bin_edges(narrow))[0] < 0.09


def test_half_of_the_values_may_be_one():
    values = np.concatenate([np.zeros(150), np.random.default_rng(1).normal(5, 1, 100)])
    assert np.histogram(values, bin_edges(values))[0].sum() == 250


def test_cells_that_are_missing_or_do_not_count_are_left_out(patchy):
    values, weights = observed_cells(Fit(patchy), "x1")
    cells = patchy["observed_data"]["x"].values[:, 1]
    kept = ~np.isnan(cells) & (np.arange(200) % 4 > 0)
    np.testing.assert_array_equal(values, cells[kept])
    np.testing.assert_array_equal(weights, (np.arange(200) % 4)[kept])


def test_rows_count_once_unless_weights_were_given(twelve):
    np.testing.assert_array_equal(row_weights(Fit(twelve)), np.ones(600))
