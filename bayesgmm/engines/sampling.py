"""What the engines that run chains have in common: starts, launching, gathering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.chains import ChainDraws, Handle, run_chains
from bayesgmm.engines.draws import draws_tree
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.progress import ChainProgress, announce_interruption
from bayesgmm.engines.starts import StartChoice, dispersed, starting
from bayesgmm.engines.target import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.seeds import RandomSeed, spawn


class Settings(Protocol):
    """What every engine that runs chains can be told."""

    draws: int
    tune: int
    chains: int
    cores: int | None
    start: StartChoice


class Sampler(Protocol):
    """An engine at work on one target."""

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Handle:
        """Start a chain in the background."""

    def read(self, trace: Any) -> ChainDraws:
        """Take the finished draws of a chain."""

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        """Turn gathered draws, by name, into parameters with axes chain, draw."""


Prepare = Callable[[Target, list[NormalApproximation], Float[np.ndarray, "chain p"]], Sampler]
"""Makes a sampler from a target, a rough idea of it for each chain, and where each chain starts."""


def sample(
    settings: Settings,
    prepare: Prepare,
    spec: MixtureSpec,
    data: Dataset,
    *,
    start: PointEstimate,
    seed: RandomSeed,
    progress: bool,
) -> xr.DataTree:
    """Run chains on the posterior of ``spec`` given ``data``, and gather them into a tree.

    An interrupted run returns the draws that are finished, marked ``partial``.
    """
    target = Target(spec, data)
    start_seed, chain_seed, mass_seed = spawn(seed, 3)
    chosen = starting(target, start, settings.start, settings.chains, mass_seed)
    places = [chain % len(chosen.peaks) for chain in range(settings.chains)]
    peaks = [chosen.peaks[place] for place in places]
    positions = np.concatenate([
        dispersed(target, peak, [child])
        for peak, child in zip(peaks, spawn(start_seed, settings.chains), strict=True)
    ])  # fmt: skip
    sampler = prepare(target, [peak.normal for peak in peaks], positions)
    seeds = spawn(chain_seed, settings.chains)
    run = run_chains(
        lambda chain, report: sampler.launch(chain, seeds[chain], report),
        sampler.read,
        n_chains=settings.chains,
        cores=settings.cores,
        progress=ChainProgress(settings.chains, settings.tune + settings.draws, visible=progress),
    )
    if run.partial and progress:
        announce_interruption()
    return draws_tree(
        sampler.parameters(run.posterior),
        data=data,
        spec=spec,
        start=chosen.estimate,
        chain_starts=target.layout.unpack(positions[run.kept]),
        sample_stats=run.sample_stats(),
        engine=repr(settings),
        partial=run.partial,
        chain_optima=[chosen.optima[places[chain]] for chain in run.kept],
    )
