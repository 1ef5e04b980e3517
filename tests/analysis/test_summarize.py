"""The summary against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg


def test_statistics_are_what_they_say():
    tree = bg.example_fit()
    summary = bg.summarize(tree, ci_prob=0.9)
    draws = tree["posterior"]["scales"].values.reshape(-1, 3, 4)
    table = summary["scales"]
    np.testing.assert_allclose(table.sel(statistic="mean"), draws.mean(axis=0))
    np.testing.assert_allclose(table.sel(statistic="sd"), draws.std(axis=0, ddof=1))
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    np.testing.assert_allclose(table.sel(statistic="lower"), low)
    np.testing.assert_allclose(table.sel(statistic="upper"), high)
    assert summary.attrs["interval"] == "90% equal-tailed interval"


@pytest.mark.parametrize("probability", [0.0, 1.0, 89, "0.9"])
def test_refuses_what_is_no_probability(probability):
    with pytest.raises(bg.SpecificationError, match="ci_prob"):
        bg.summarize(bg.example_fit(), ci_prob=probability)
