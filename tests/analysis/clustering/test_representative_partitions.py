"""Several partitions that share the posterior out."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg


def test_representatives_share_the_posterior_out():
    found = bg.representative_partitions(bg.example_fit(), 3, max_draws=200, n_runs=2)
    assert float(found["weight"].sum()) == pytest.approx(1.0)
    assert np.all(np.diff(found["weight"]) <= 0)
    mean = float((found["weight"] * found["expected_loss"]).sum())
    assert mean == pytest.approx(float(found["mean_distance"]))


def test_the_number_must_be_a_whole_one():
    with pytest.raises(bg.SpecificationError, match="n_partitions must be a whole number"):
        bg.representative_partitions(bg.example_fit(), 0)
