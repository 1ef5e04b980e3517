"""Predictive checks: right figures, silent on the right model, loud on a wrong one."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.analysis.generation.posterior_predictive import predictive_checks


def checked(rows, **options):
    spec = bg.MixtureSpec(1, covariances=bg.Diagonal())
    engine = bg.Laplace(draws=400)
    tree = bg.fit(rows, spec, engine=engine, random_seed=1, progress=False, **options)
    return predictive_checks(tree)


def test_a_right_model_is_left_in_peace():
    """Each figure lies beyond all but 0.1% of the replicated ones with probability 0.002."""
    found = checked(np.random.default_rng(1).normal(size=(400, 3)))
    assert found.attrs["tables"] == 400
    assert float(abs(found["p_value"] - 0.5).max()) < 0.499
    shares = found["observed"].sel(check=["inside 50%", "inside 90%"])
    assert float(abs(shares - [[0.5], [0.9]]).max()) < 0.1


def test_skew_is_seen():
    """A normal distribution makes small values that an exponential sample never has."""
    found = checked(np.random.default_rng(1).exponential(size=(400, 1)))
    p = found["p_value"].sel(feature="x0")
    assert float(p.sel(check="smallest")) < 0.01
    assert float(p.sel(check="inside 90%")) < 0.01
    observed = found["observed"].sel(feature="x0", check="smallest")
    assert float(found["upper"].sel(feature="x0", check="smallest")) < float(observed)


def test_missing_cells_and_rows_of_no_weight_do_not_count():
    rows = np.random.default_rng(1).normal(size=(200, 2))
    rows[:50, 0] = np.nan
    weights = np.ones(200)
    weights[rows[:, 1].argmax()] = 0.0
    found = checked(rows, sample_weight=weights)
    kept = rows[weights > 0]
    observed = found["observed"]
    np.testing.assert_array_equal(observed.sel(check="largest"), np.nanmax(kept, axis=0))
    np.testing.assert_array_equal(observed.sel(check="smallest"), np.nanmin(kept, axis=0))


def test_a_weight_of_two_is_two_rows():
    rows = np.random.default_rng(1).normal(size=(60, 1))
    twice = checked(np.concatenate([rows, rows[:20]]))
    weighted = checked(rows, sample_weight=np.where(np.arange(60) < 20, 2.0, 1.0))
    ours, theirs = (one["observed"].values[:2] for one in (weighted, twice))
    np.testing.assert_allclose(ours, theirs, atol=0.05)
