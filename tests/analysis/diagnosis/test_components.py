"""Components with too little to go by: the expected rows are those of the responsibilities."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.components import Components
from bayesgmm.tree.fit import Fit


def test_expected_rows_are_the_sums_of_the_responsibilities():
    """From the weights alone, to the Monte Carlo error of the weights: 4 times 342 * 4e-4."""
    tree = bg.example_fit()
    shares = bg.cluster(tree)["responsibilities"].sum("obs_id")
    assert_allclose(Components.of(Fit(tree)).expected_rows, shares, atol=0.6)


@pytest.mark.parametrize(
    ("structure", "needed"),
    [(bg.Full(), 3), (bg.Diagonal(), 2), (bg.Spherical(), 2), (bg.Tied(), 1)],
    ids=str,
)
def test_what_a_component_needs_depends_on_its_structure(structure, needed):
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(20, 2)), rng.normal(size=(20, 2)) + 9])
    spec = bg.MixtureSpec(2, covariances=structure)
    engine = bg.NUTS(draws=20, tune=50, chains=2)
    tree = bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)
    components = Components.of(Fit(tree))
    assert components.fewest_rows == needed
    assert not components.small.any()
    assert not components.collapsed.any()
    # Widths are those of the rows, but for components that share one.
    if needed > 1:
        assert_allclose(components.moments.spread, 1.0, atol=0.35)


def test_components_of_factors_may_have_fewer_rows_than_features():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(24, 15)) + np.repeat([[0.0], [5.0]], 12, axis=0)
    spec = bg.MixtureSpec(2, covariances=bg.Factors(2))
    tree = bg.fit(rows, spec, engine=bg.Laplace(draws=50), random_seed=1, progress=False)
    components = Components.of(Fit(tree))
    assert components.fewest_rows == 4
    assert not components.small.any()


def test_all_rows_of_a_rare_component_count():
    """Twelve rows among four thousand; their standard deviation is that of the component."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, (3988, 2)), rng.normal(12, 0.5, (12, 2))])
    engine = bg.Gibbs(draws=60, tune=40, chains=2)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    components = Components.of(Fit(tree))
    assert not components.collapsed.any()
    rare = int(components.expected_rows.argmin())
    posterior = tree["posterior"]["scales"].mean(("chain", "draw")).values[rare]
    own = rows[-12:].std(axis=0)
    # Means over draws of s / sigma and s / mean of sigma differ by the variance of sigma.
    assert_allclose(components.moments.spread[rare], own / posterior, rtol=0.15)
    assert components.moments.counts[rare] == pytest.approx(12, abs=0.1)


def test_rows_that_all_agree_have_collapsed_and_narrow_ones_have_not():
    rng = np.random.default_rng(0)
    broad, prior = rng.normal(size=(100, 1)), bg.Diagonal(scales=bg.InverseGamma(2.0, 1.0))
    for narrow, expected in ((np.full((50, 1), 9.0), True), (rng.normal(9, 1e-4, (50, 1)), False)):
        rows = np.concatenate([broad, narrow])
        engine = bg.NUTS(draws=50, tune=100, chains=2)
        tree = bg.fit(rows, bg.MixtureSpec(2, covariances=prior), engine=engine, random_seed=1,
                      progress=False)  # fmt: skip
        assert Components.of(Fit(tree)).collapsed.any() == expected
