"""Chains that start at several modes: where, prepared how, and for one posterior all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.nuts import _FusedSampler
from bayesgmm.engines.starts import preparatory_peaks
from bayesgmm.engines.target import Target
from bayesgmm.estimation.point_estimate import distance
from bayesgmm.posterior.parameters import read_parameters
from bayesgmm.schema import record


def four_corners() -> np.ndarray:
    """Four clouds, the same after swapping the features: two splits in two are equally good."""
    rng = np.random.default_rng(0)
    corners = [(-3.0, -3.0), (-3.0, 3.0), (3.0, -3.0), (3.0, 3.0)]
    rows = np.concatenate([rng.normal(size=(20, 2)) + corner for corner in corners])
    return np.concatenate([rows, rows[:, ::-1]])


@pytest.fixture(scope="module")
def estimate():
    return bg.estimate(four_corners(), bg.MixtureSpec(2), random_seed=1)


@pytest.fixture(scope="module")
def target():
    rows = four_corners()
    spec = bg.MixtureSpec(
        2, means=bg.NormalMeans(0.0, 10.0), covariances=bg.Full(scales=bg.InverseGamma(2.0, 1.0))
    )
    return Target(spec, Dataset(rows, default_names(2), np.arange(rows.shape[0])))


def test_em_finds_both_modes_each_once(estimate):
    """The second is the first with its features swapped."""
    swapped = replace(
        estimate.parameters,
        means=estimate.means[:, ::-1],
        scales=estimate.parameters.scales[:, ::-1],
    )
    assert distance(swapped, estimate.rival) < 0.01
    optima = [estimate.parameters, *estimate.rivals]
    for number, one in enumerate(optima):
        assert all(distance(one, other) > 0.3 for other in optima[:number])


def test_one_mode_or_as_many_as_have_mass(target, estimate):
    assert len(preparatory_peaks(target, estimate, "mode", 4)) == 1
    peaks = preparatory_peaks(target, estimate, "multi", 4)
    assert len(peaks) >= 2
    assert peaks[0].log_integral == pytest.approx(peaks[1].log_integral, abs=0.01)
    assert len(preparatory_peaks(target, estimate, "multi", 1)) == 1


def test_modes_without_mass_are_left_out(target, estimate):
    """A rival far from all rows climbs to somewhere; only what has mass there is kept."""
    elsewhere = replace(estimate.parameters, weights=np.array([1 - 1e-6, 1e-6]))
    peaks = preparatory_peaks(target, replace(estimate, rivals=(elsewhere,)), "multi", 4)
    heaviest = max(peak.log_integral for peak in peaks)
    assert all(peak.log_integral > heaviest - np.log(1000) - 1e-9 for peak in peaks)


@pytest.mark.parametrize("native", [True, False])
def test_chains_prepared_at_different_modes_have_one_target(target, estimate, native, monkeypatch):
    """At one position all chains see one log density, in whatever coordinates they move."""
    monkeypatch.setattr("bayesgmm.engines.native.is_available", lambda: native)
    peaks = preparatory_peaks(target, estimate, "multi", 4)[:2]
    normals = [peaks[chain % 2].normal for chain in range(4)]
    position = peaks[0].normal.centre + 0.05
    sampler = _FusedSampler.prepare(bg.NUTS(), target, normals, np.tile(position, (4, 1)))
    for chain, normal in enumerate(normals):
        np.testing.assert_allclose(normal.positions(sampler.noise[chain]), position, rtol=1e-9)
        value, _ = sampler.density(normal, sampler.noise[chain])
        assert value == pytest.approx(target(position)[0], rel=1e-10)
    if native:  # chains that start at one mode share what they read
        assert sampler.blocks[0] is sampler.blocks[2]
        assert sampler.blocks[0] is not sampler.blocks[1]


@pytest.mark.parametrize("native", [True, False])
def test_chains_start_at_the_modes_in_turn(native, monkeypatch):
    monkeypatch.setattr("bayesgmm.engines.native.is_available", lambda: native)
    engine = bg.NUTS(draws=20, tune=60, chains=3, start="multi")
    tree = bg.fit(four_corners(), bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    assert record(tree)["chain_optima"] == [0, 1, 0]
    here, there = (read_parameters(tree[name]) for name in ("point_estimate", "rival_mode"))
    starts = read_parameters(tree["chain_starts"])
    nearer = [
        distance(here, starts.draw((chain,))) < distance(there, starts.draw((chain,)))
        for chain in range(3)
    ]
    assert nearer == [True, False, True]
    # The modes are so far apart that chains stay: reported log densities are those of one target.
    heights = tree["sample_stats"]["lp"].mean("draw").values
    assert np.ptp(heights) < 6.0


def test_gibbs_starts_where_nuts_does():
    engine = bg.Gibbs(draws=20, tune=20, chains=2, start="multi")
    tree = bg.fit(four_corners(), bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    assert record(tree)["chain_optima"] == [0, 1]


@pytest.mark.parametrize("engine", [bg.NUTS, bg.Gibbs])
def test_other_starts_are_refused(engine):
    with pytest.raises(bg.SpecificationError, match=r"start must be one of \['mode', 'multi'\]"):
        engine(start="everywhere")
