"""Chains that start at several modes: where, prepared how, and for one posterior all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.engines.nuts import _FusedSampler
from bayesgmm.engines.starts import peak_mass, preparatory_peak, starting
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import distance
from bayesgmm.schema import record
from bayesgmm.tree.fit import read_parameters


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
        2, means=bg.NormalMeans(0.0, 10.0), covariances=bg.Full(scales=bg.InverseGamma(2.0, 1.0)),
        resolution=1e-3,
    )  # fmt: skip
    return Target(spec, Dataset(rows, default_names(2), np.arange(rows.shape[0])))


def test_em_finds_both_modes_each_once(estimate):
    """The second is the first with its features swapped."""
    swapped = replace(
        estimate.parameters,
        means=estimate.means[:, ::-1],
        scales=estimate.parameters.scales[:, ::-1],
    )
    assert distance(swapped, estimate.alternative) < 0.01
    optima = [estimate.parameters, *estimate.alternative_modes]
    for number, one in enumerate(optima):
        assert all(distance(one, other) > 0.3 for other in optima[:number])


def chosen(target, estimate, choice, n_chains=4):
    return starting(target, estimate, choice, n_chains, np.random.SeedSequence(0))


def test_one_mode_or_as_many_as_have_mass(target, estimate):
    assert chosen(target, estimate, "mode").optima == [0]
    peaks = chosen(target, estimate, "multi").peaks
    assert len(peaks) >= 2
    assert peaks[0].log_integral == pytest.approx(peaks[1].log_integral, abs=0.01)
    assert len(chosen(target, estimate, "multi", 1).peaks) == 1


def test_modes_far_below_are_left_out(target, estimate):
    """One more cluster cut in two is no mode: what is climbed to from there is far lower."""
    far = replace(
        estimate.parameters,
        means=np.array([[0.0, 0.0], [40.0, 40.0]]),
        scales=np.array([[6.0, 6.0], [0.5, 0.5]]),
        weights=np.array([0.99, 0.01]),
    )
    alone = replace(estimate, alternative_modes=(far,))
    assert chosen(target, alone, "multi").optima == [0]


def test_chains_start_where_the_mass_is():
    """A normal distribution, and a needle on it that is higher and holds a thousandth."""
    size, width = 4, 1e-2

    def log_density(position):
        wide = -0.5 * position @ position
        narrow = np.log(30.0) - 0.5 * (position - 2) @ (position - 2) / width**2
        value = np.logaddexp(wide, narrow)
        slope = -np.exp(wide - value) * position
        return value, slope - np.exp(narrow - value) * (position - 2) / width**2

    rng = np.random.default_rng(0)
    from bayesgmm.engines.normal import find_peak

    needle = find_peak(log_density, np.full(size, 2.0), np.full(size, width))
    plain = find_peak(log_density, np.zeros(size), np.ones(size))
    assert needle.height > plain.height
    masses = [peak_mass(log_density, peak, rng) for peak in (needle, plain)]
    exact = [0.5 * size * np.log(2 * np.pi) + shift for shift in (np.log(30 * width**size), 0.0)]
    # A relative error of a few per cent from 300 draws of a t distribution.
    assert masses[1].is_known
    np.testing.assert_allclose([mass.value for mass in masses], exact, atol=0.4)


@pytest.mark.parametrize("native", [True, False])
def test_chains_prepared_at_different_modes_have_one_target(target, estimate, native, monkeypatch):
    """At one position all chains see one log density, in whatever coordinates they move."""
    monkeypatch.setattr("bayesgmm.engines.native.is_available", lambda: native)
    peaks = [preparatory_peak(target, one) for one in (estimate.parameters, estimate.alternative)]
    normals = [peaks[chain % 2].normal for chain in range(4)]
    position = peaks[0].normal.center + 0.05
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
    engine = bg.NUTS(draws=20, tune=60, chains=3, init="multi")
    tree = bg.fit(four_corners(), bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    assert record(tree)["chain_optima"] == [0, 1, 0]
    here, there = (read_parameters(tree[name]) for name in ("point_estimate", "alternative_mode"))
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
    engine = bg.Gibbs(draws=20, tune=20, chains=2, init="multi")
    tree = bg.fit(four_corners(), bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    assert record(tree)["chain_optima"] == [0, 1]


@pytest.mark.parametrize("engine", [bg.NUTS, bg.Gibbs])
def test_other_starts_are_refused(engine):
    with pytest.raises(bg.SpecificationError, match=r"init must be one of \['mode', 'multi'\]"):
        engine(init="everywhere")


def test_slow_chains_go_on_by_sweeps():
    """Two clouds that overlap: NUTS moves slowly, and what is kept is worth more."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(0, 1, 60), rng.normal(2.5, 1, 40)])[:, None]
    engine = bg.NUTS(draws=1000, tune=200, chains=2)
    tree = bg.fit(rows, bg.MixtureSpec(2), engine=engine, random_seed=1, progress=False)
    known = record(tree)
    assert known["sweeps"] == 64
    assert known["slow_ess"] < 800
    assert tree["posterior"].sizes["draw"] == 1000
    figures = bg.diagnose(tree).figures
    assert float(figures["ess_bulk"].sel(variable="log posterior")) > known["slow_ess"]
    quick = bg.NUTS(draws=50, tune=50, chains=2)  # who asks for less gets what was asked for
    assert "sweeps" not in record(
        bg.fit(rows, bg.MixtureSpec(2), engine=quick, random_seed=1, progress=False)
    )
