"""What the engines that run chains have in common: starts, launching, gathering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.chains import ChainDraws, Handle, Run, run_chains
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.progress import ChainProgress, announce_interruption
from bayesgmm.engines.starts import StartChoice, dispersed, starting
from bayesgmm.engines.target import Target
from bayesgmm.estimation.draws import draws_tree
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.seeds import RandomSeed, spawn


class Settings(Protocol):
    """What every engine that runs chains can be told."""

    @property
    def draws(self) -> int:
        """Draws of each chain that are kept."""

    @property
    def tune(self) -> int:
        """Iterations before them."""

    @property
    def chains(self) -> int:
        """Number of chains."""

    @property
    def cores(self) -> int | None:
        """Chains at a time; ``None`` for as many as this process may use."""

    @property
    def start(self) -> StartChoice:
        """Where chains start."""


class Sampler(Protocol):
    """An engine at work on one target."""

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Handle:
        """Start a chain in the background."""

    def read(self, trace: Any) -> ChainDraws:
        """Take the finished draws of a chain."""

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        """Turn gathered draws, by name, into parameters with axes chain, draw."""


Prepare = Callable[[Target, list[NormalApproximation], Float[np.ndarray, "chain p"]], Sampler]
"""Makes a sampler from a target, a rough idea of it for each chain, and its start."""

GoOn = Callable[[int, Target, Float[np.ndarray, "chain p"]], tuple[Settings, Sampler]]
"""Makes a sampler of so many sweeps a draw, and its settings, from where each chain starts."""

_WANTED = 800
"""Effective draws, bulk and tail, below which a run goes on: twice as many as are needed."""

_MOST_SWEEPS, _FEWEST_SWEEPS = 64, 8  # from one kept draw to the next
_LEAST_DRAWS = 1000  # of a chain; who asks for fewer wants a quick look
_MOST_WORK = 4e10
"""Of the sweeps, as rows times components times products of features: some seconds."""

_LEAST_WORK = 5e4  # of one sweep, however few rows there are
FIRST_SWEEPS = 500  # of a chain, which are not kept
_WORTH_IT, _LEAST_WORTH = 1.5, 100.0
"""How many times the effective draws, and how many at least, sweeps must give to be kept."""

_MOST_JUDGED = 2000  # draws of all chains
_MOVING = 0.5  # share of the kept draws in which every covariance has moved


def sample(
    settings: Settings,
    prepare: Prepare,
    spec: MixtureSpec,
    data: Dataset,
    *,
    go_on: GoOn,
    start: PointEstimate,
    seed: RandomSeed,
    progress: bool,
) -> xr.DataTree:
    """Run chains on the posterior of ``spec`` given ``data``, and gather them into a tree.

    ``go_on`` makes a sampler of Gibbs sweeps, so many from one draw to the next. Where chains move
    slowly and sweeps are quick, as many draws come from it, from where the chains ended, and are
    kept if they are worth more. An interrupted run returns the draws that are finished, marked
    ``partial``.
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
    normals = [peak.normal for peak in peaks]
    sampler = prepare(target, normals, positions)
    run = _run(settings, sampler, spawn(chain_seed, settings.chains), progress)
    sweeps: dict[str, float] = {}
    parameters = sampler.parameters(run.posterior)
    effective = _effective(parameters, run)
    n_sweeps = _sweeps(settings, target) if effective < _WANTED and not run.partial else 0
    if n_sweeps:
        ends = target.layout.pack(parameters.draw((slice(None), -1)))
        swept, sweeper = go_on(n_sweeps, target, ends)
        onward = _run(swept, sweeper, spawn(mass_seed, settings.chains), progress)
        if not onward.partial:  # interrupted, it leaves what was asked for
            better = sweeper.parameters(onward.posterior)
            if _effective(better, onward) > max(_WORTH_IT * effective, _LEAST_WORTH):
                run, parameters = onward, better
                sweeps = {"sweeps": n_sweeps, "slow_ess": effective}
    if run.partial and progress:
        announce_interruption()
    return draws_tree(
        parameters,
        data=data,
        spec=spec,
        start=chosen.estimate,
        chain_starts=target.layout.unpack(positions[run.kept]),
        sample_stats=run.sample_stats(),
        engine=repr(settings),
        partial=run.partial,
        **sweeps,
        chain_optima=[chosen.optima[places[chain]] for chain in run.kept],
    )


def _run(
    settings: Settings, sampler: Sampler, seeds: list[np.random.SeedSequence], progress: bool
) -> Run:
    return run_chains(
        lambda chain, report: sampler.launch(chain, seeds[chain], report),
        sampler.read,
        n_chains=settings.chains,
        cores=settings.cores,
        progress=ChainProgress(settings.chains, settings.tune + settings.draws, visible=progress),
    )


def _sweeps(settings: Settings, target: Target) -> int:
    """Return how many sweeps a draw may take; 0 where there is no time for enough of them."""
    data, k, d = target.data, target.layout.n_components, target.layout.n_features
    is_quick_look = settings.draws < _LEAST_DRAWS or settings.chains < 2 or k == 1
    if is_quick_look or data.weights.size or getattr(settings, "backend", "fused") != "fused":
        return 0
    work = settings.chains * settings.draws * max(
        _LEAST_WORK, data.n_rows * k * (d * d + 5 * d + 10)
    )  # fmt: skip
    affordable = int(min(_MOST_SWEEPS, _MOST_WORK / work))
    return affordable if affordable >= _FEWEST_SWEEPS else 0


def _effective(draws: MixtureParameters, run: Run) -> float:
    """Return the fewest effective draws of some quantities that no labels change.

    None where a covariance hardly ever moved. Chains are thinned first: what is worth little is
    worth as much then, and of what is worth more, the exact figure does not matter.
    """
    from arviz_stats.base import array_stats

    n_chains, n_draws = draws.batch_shape
    if n_draws < 4 or n_chains < 2:
        return 0.0
    moved = np.any(draws.scales[:, 1:] != draws.scales[:, :-1], axis=-1).mean(axis=(0, 1))
    if moved.min() < _MOVING:
        return 0.0
    thin = slice(None, None, -(-n_chains * n_draws // _MOST_JUDGED))
    scales, weights = draws.scales[:, thin], draws.weights[:, thin]
    parts = [
        run.sample_stats()["lp"][:, thin, None],
        np.sort(weights, axis=-1)[..., 1:],
        np.sort(scales, axis=-2).reshape(*scales.shape[:2], -1),
    ]
    with np.errstate(all="ignore"):
        found = [
            array_stats.ess(entry, method=method, chain_axis=0, draw_axis=1, **options)
            for entry in np.moveaxis(np.concatenate(parts, axis=-1), -1, 0)
            for method, options in (("bulk", {}), ("tail", {"prob": (0.05, 0.95)}))
        ]
    return float(np.nan_to_num(found).min())
