"""Fits with an unknown number of components, and their draws with one number of clusters."""

from __future__ import annotations

import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.analysis.diagnosis.number import _about_clusters
from bayesgmm.fitting import draw_posterior
from bayesgmm.tree.fit import Fit


@pytest.fixture(scope="module")
def tree():
    return draw_posterior(
        bg.datasets.load("galaxies") / 1000,
        bg.MixtureSpec(bg.BetaNegativeBinomial(), weights=bg.DynamicDirichlet()),
        engine=bg.Gibbs(draws=200, tune=200), random_seed=1, sample_weight=None, labels=None,
        solver=None, progress=False,
    )  # fmt: skip


def with_numbers(tree, numbers):
    """Return a fit whose draws of each chain have this number of clusters, and one draw another."""
    posterior = tree["posterior"].to_dataset()
    found = posterior["n_clusters"].copy()
    for chain, number in enumerate(numbers):
        found[chain] = number
        found[chain, 0] = 9
    return Fit(tree.assign({"posterior": tree["posterior"].assign(n_clusters=found)}))


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((3, 3, 3, 3), "clusters, though not about which is most probable: 3 in chain 0"),
        ((3, 3, 4, 3), "clusters: 3 in chain 0 (100%), 3 in chain 1 (100%), 4 in chain 2"),
    ],
)
def test_chains_that_disagree_are_quoted(tree, numbers, expected, monkeypatch):
    bad = xr.Dataset({"rhat": ("variable", [1.5])}, coords={"variable": ["number of clusters"]})
    monkeypatch.setattr("bayesgmm.analysis.diagnosis.number.disagreeing", lambda figures: bad)
    (finding,) = _about_clusters(with_numbers(tree, numbers), bad)
    assert expected in finding.problem


def test_draws_with_one_number_of_clusters_are_judged_with_the_whole_fit(tree):
    chosen = bg.relabel(tree, n_clusters=3)
    (finding,) = [one for one in bg.diagnose(chosen).findings if one.kind == "one chain"]
    assert "draws with 3 clusters, gathered from all chains" in finding.problem


@pytest.mark.parametrize("change", [lambda tree: tree, lambda tree: bg.relabel(tree)])
def test_an_unknown_number_has_no_evidence(tree, change):
    with pytest.raises(bg.SpecificationError, match=r"number of components.*MixtureSpec\(3\)"):
        bg.evidence(change(tree))
