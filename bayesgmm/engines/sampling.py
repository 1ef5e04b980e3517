"""Running chains: starts, launching, progress, interruption, and collection of draws."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.normal import NormalApproximation
from bayesgmm.engines.starts import InitChoice, dispersed, starting
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.blocks import available_cores
from bayesgmm.numerics.interrupts import held_back
from bayesgmm.numerics.statistics import work_of_pass
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.progress import ChainProgress, announce_interruption
from bayesgmm.seeds import RandomSeed, spawn
from bayesgmm.tree.write import draws_tree

_POLL_SECONDS = 0.02


@runtime_checkable
class Handle(Protocol):
    """A chain that runs in the background, on threads of its own."""

    @property
    def is_finished(self) -> bool:
        """Whether it has ended."""

    def wait(self) -> Any:
        """Return the finished trace."""

    def abort(self) -> Any:
        """Stop, and return the trace so far."""

    def cancel(self) -> None:
        """Return when its threads have ended; no effect if they have."""


@dataclass(frozen=True)
class ChainDraws:
    """The draws of one chain after warm-up: variable name to array, draws first."""

    posterior: dict[str, np.ndarray]
    sample_stats: dict[str, np.ndarray]

    @property
    def n_draws(self) -> int:
        """Number of finished draws."""
        return next(iter(self.posterior.values())).shape[0] if self.posterior else 0

    def first(self, n_draws: int) -> ChainDraws:
        """Return the first draws only."""
        return ChainDraws(
            {name: values[:n_draws] for name, values in self.posterior.items()},
            {name: values[:n_draws] for name, values in self.sample_stats.items()},
        )


@dataclass(frozen=True)
class Run:
    """Chains of equal length, and whether the run was interrupted.

    Attributes
    ----------
    chains : list of ChainDraws
    kept : list of int
        The numbers of these chains among those that were asked for.
    partial : bool
    """

    chains: list[ChainDraws]
    kept: list[int]
    partial: bool

    def posterior(self, name: str) -> np.ndarray:
        """Return one variable with axes chain, draw, ..."""
        return np.stack([chain.posterior[name] for chain in self.chains])

    def sample_stats(self) -> dict[str, np.ndarray]:
        """Return all sampling statistics with axes chain, draw."""
        names = self.chains[0].sample_stats
        return {
            name: np.stack([chain.sample_stats[name] for chain in self.chains]) for name in names
        }


def run_chains(
    launch: Callable[[int, Callable], Handle],
    read: Callable[[Any], ChainDraws],
    *,
    n_chains: int,
    cores: int | None,
    progress: ChainProgress,
) -> Run:
    """Run chains, at most ``cores`` at a time, and gather their draws.

    No chain continues to run afterwards: it would call a terminating Python interpreter.

    Parameters
    ----------
    launch : callable
        Starts the chain of a given number, reporting to a callback.
    read : callable
        Turns a trace into draws.
    n_chains : int
    cores : int or None
        ``None`` for as many as this process may use.
    progress : ChainProgress

    Raises
    ------
    KeyboardInterrupt
        If the run is interrupted before any chain has a draw to show.
    """
    cores = cores or available_cores()
    handles: list[Handle] = []
    with progress, ExitStack() as ends:
        try:
            while len(handles) < n_chains or not all(handle.is_finished for handle in handles):
                running = sum(not handle.is_finished for handle in handles)
                if len(handles) < n_chains and running < cores:
                    with held_back():  # or a chain that has begun could be lost sight of
                        handles.append(launch(len(handles), progress.reporter(len(handles))))
                        ends.callback(handles[-1].cancel)
                else:
                    time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            return _salvage([read(handle.abort()) for handle in handles])
        chains = [read(handle.wait()) for handle in handles]
        progress.complete()
        return Run(chains, list(range(n_chains)), partial=False)


def _salvage(chains: list[ChainDraws]) -> Run:
    """Keep the chains, cut to one length, that hold the most draws in all."""
    lengths = np.array([chain.n_draws for chain in chains], dtype=int)
    longest_first = np.argsort(-lengths, kind="stable")
    totals = lengths[longest_first] * np.arange(1, len(chains) + 1)
    if len(chains) == 0 or totals.max() == 0:
        raise KeyboardInterrupt("Interrupted before any chain had a draw after its warm-up.")
    n_kept = int(np.argmax(totals)) + 1
    kept = sorted(longest_first[:n_kept].tolist())
    n_draws = int(lengths[kept].min())
    return Run([chains[number].first(n_draws) for number in kept], kept, partial=True)


class Settings(Protocol):
    """The settings of engines that run chains."""

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
    def init(self) -> InitChoice:
        """Where chains start."""


class Launcher(Protocol):
    """What starts chains, and reads what they have drawn."""

    def launch(self, chain: int, seed: np.random.SeedSequence, report: Callable) -> Handle:
        """Start a chain in the background."""

    def read(self, trace: Any) -> ChainDraws:
        """Take the finished draws of a chain."""


class Sampler(Launcher, Protocol):
    """An engine at work on one target."""

    def parameters(self, posterior: Callable[[str], np.ndarray]) -> MixtureParameters:
        """Turn gathered draws, by name, into parameters with axes chain, draw."""


Prepare = Callable[[Target, list[NormalApproximation], Float[np.ndarray, "chain p"]], Sampler]
"""Makes a sampler from a target, a rough idea of it for each chain, and its start."""

GoOn = Callable[[int, Target, Float[np.ndarray, "chain p"]], tuple[Settings, Sampler]]
"""Makes a sampler of so many sweeps a draw, and its settings, from where each chain starts."""

WANTED = 800
"""Effective draws, bulk and tail, below which a run is continued: twice the required number."""

MOST_SWEEPS, _FEWEST_SWEEPS = 64, 8  # from one kept draw to the next
LEAST_DRAWS = 1000  # of a chain; shorter runs are not continued
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

    ``go_on`` makes a sampler of Gibbs sweeps, several per draw. If chains mix
    slowly and sweeps are fast, they are continued with it from where they ended, and its draws are
    kept if they have more effective draws. An interrupted run returns the draws that are finished,
    marked ``partial``.
    """
    target = Target(spec, data)
    start_seed, chain_seed, mass_seed = spawn(seed, 3)
    chosen = starting(target, start, settings.init, settings.chains, mass_seed)
    places = [chain % len(chosen.peaks) for chain in range(settings.chains)]
    peaks = [chosen.peaks[place] for place in places]
    positions = np.concatenate([
        dispersed(target, peak, [child])
        for peak, child in zip(peaks, spawn(start_seed, settings.chains), strict=True)
    ])  # fmt: skip
    normals = [peak.normal for peak in peaks]
    sampler = prepare(target, normals, positions)
    run = run_sampler(settings, sampler, spawn(chain_seed, settings.chains), progress)
    sweeps: dict[str, float] = {}
    parameters = sampler.parameters(run.posterior)
    effective = _effective(parameters, run)
    n_sweeps = _sweeps(settings, target) if effective < WANTED and not run.partial else 0
    if n_sweeps:
        ends = target.layout.pack(parameters.draw((slice(None), -1)))
        swept, sweeper = go_on(n_sweeps, target, ends)
        onward = run_sampler(swept, sweeper, spawn(mass_seed, settings.chains), progress)
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


def run_sampler(
    settings: Settings, sampler: Launcher, seeds: list[np.random.SeedSequence], progress: bool
) -> Run:
    """Run the chains of a sampler, one for each seed."""
    return run_chains(
        lambda chain, report: sampler.launch(chain, seeds[chain], report),
        sampler.read,
        n_chains=settings.chains,
        cores=settings.cores,
        progress=ChainProgress(settings.chains, settings.tune + settings.draws, visible=progress),
    )


def _sweeps(settings: Settings, target: Target) -> int:
    """Return the number of sweeps per draw; 0 if enough of them would take too long."""
    data, k, d = target.data, target.layout.n_components, target.layout.n_features
    is_quick_look = settings.draws < LEAST_DRAWS or settings.chains < 2 or k == 1
    if is_quick_look or data.weights.size or getattr(settings, "backend", "fused") != "fused":
        return 0
    work = settings.chains * settings.draws * max(
        _LEAST_WORK, work_of_pass(data.n_rows, k, d)
    )  # fmt: skip
    affordable = int(min(MOST_SWEEPS, _MOST_WORK / work))
    return affordable if affordable >= _FEWEST_SWEEPS else 0


def _effective(draws: MixtureParameters, run: Run) -> float:
    """Return the smallest effective sample size of some label-invariant quantities.

    Zero if a covariance hardly ever moved. Chains are thinned first: small values are
    unaffected, and the exact size of large values does not matter.
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
