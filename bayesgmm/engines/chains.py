"""Running chains side by side: progress, interruption, and what an interrupted run is worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from bayesgmm.engines.progress import ChainProgress
from bayesgmm.numerics.blocks import available_cores
from bayesgmm.numerics.interrupts import held_back

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
        """Return when its threads have ended; nothing is done where they have."""


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

    However this ends, no chain runs on: one that did would call a Python that is going down.

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
