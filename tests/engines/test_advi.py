"""ADVI against the exact posterior where that is normal, and against NUTS where it is not."""

from __future__ import annotations

import numpy as np
import pytensor
import pytest

import bayesgmm as bg

COMPILED = pytensor.config.change_flags(mode="NUMBA")
"""As for users; other tests, with fewer steps of ADVI, take longer to compile than to run."""


@pytest.fixture(scope="module")
@COMPILED
def trees():
    X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna().iloc[:150]
    spec = bg.MixtureSpec(1)
    engines = {"nuts": bg.NUTS(), "meanfield": bg.ADVI(), "fullrank": bg.ADVI("fullrank")}
    return {
        name: bg.fit(X, spec, engine=engine, random_seed=3, progress=False)
        for name, engine in engines.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["meanfield", "fullrank"])
def test_means_agree_with_nuts(trees, name):
    """One component and 150 rows: nearly normal, so within a quarter of a posterior deviation."""
    for variable in ("means", "scales"):
        exact = trees["nuts"]["posterior"][variable]
        ours = trees[name]["posterior"][variable].mean(("chain", "draw"))
        deviation = exact.std(("chain", "draw"))
        assert float((abs(ours - exact.mean(("chain", "draw"))) / deviation).max()) < 0.25


@pytest.mark.slow
def test_fullrank_has_the_width_of_the_posterior(trees):
    exact = trees["nuts"]["posterior"]["means"].std(("chain", "draw")).values
    ours = trees["fullrank"]["posterior"]["means"].std(("chain", "draw")).values
    np.testing.assert_allclose(ours, exact, rtol=0.25)


@pytest.mark.slow
@COMPILED
def test_meanfield_is_too_narrow_where_coordinates_are_correlated():
    """What its docstring warns of: with k = 3 overlapping components, widths shrink."""
    X = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna()
    spec = bg.MixtureSpec(3)
    exact = bg.fit(X, spec, random_seed=1, progress=False)["posterior"]["means"]
    narrow = bg.fit(X, spec, engine=bg.ADVI(), random_seed=1, progress=False)["posterior"]["means"]
    ratio = narrow.std(("chain", "draw")) / exact.std(("chain", "draw"))
    assert float(ratio.median()) < 0.95
