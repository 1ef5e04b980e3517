"""Gibbs sweeps over short tables, in one compiled loop, and over long ones, by blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.target import Target
from bayesgmm.numerics.blocks import row_blocks, sum_over_blocks
from bayesgmm.numerics.kernels.allocations import diagonal_allocations, full_allocations
from bayesgmm.numerics.kernels.sweeps import (
    diagonal_conditionals,
    diagonal_sweeps,
    full_conditionals,
    full_sweeps,
)
from bayesgmm.numerics.log_posterior import LogPosterior


@dataclass(frozen=True)
class Swept:
    """What some sweeps did.

    Attributes
    ----------
    positions : array, shape (sweeps, p)
        After each sweep.
    log_densities : array, shape (sweeps,)
        Before each sweep.
    acceptances : array, shape (sweeps,)
        Mean over the covariances that a proposal was made for; NaN where there were none.
    """

    positions: Float[np.ndarray, "sweeps p"]
    log_densities: Float[np.ndarray, " sweeps"]
    acceptances: Float[np.ndarray, " sweeps"]

    @classmethod
    def room_for(cls, n_sweeps: int, size: int) -> Swept:
        """Return arrays to be filled."""
        return cls(np.empty((n_sweeps, size)), np.empty(n_sweeps), np.empty(n_sweeps))


@dataclass(frozen=True, eq=False)
class Sweeper:
    """Sweeps of one target.

    Which way they are made depends on the number of rows alone, and so do the draws: ``cores``
    says how many threads share the blocks of a long table, and changes nothing else.
    """

    target: Target
    cores: int = 1

    @property
    def _log_posterior(self) -> LogPosterior:
        return self.target.log_posterior

    @cached_property
    def _is_short(self) -> bool:
        return len(row_blocks(self.target.data.n_rows)) == 1

    def run(
        self, position: Float[np.ndarray, " p"], n_sweeps: int, rng: np.random.Generator
    ) -> Swept:
        """Make sweeps from a position, which is moved."""
        seeds = rng.integers(2**64, size=n_sweeps, dtype=np.uint64)
        swept = Swept.room_for(n_sweeps, position.size)
        if self._is_short:
            kernel = full_sweeps if self._log_posterior.correlated else diagonal_sweeps
            kernel(
                position, self._log_posterior.rows, self._log_posterior.prior, rng, seeds,
                swept.positions, swept.log_densities, swept.acceptances,
            )  # fmt: skip
            return swept
        for number, seed in enumerate(seeds):
            value, acceptance = self._sweep(position, seed, rng)
            swept.log_densities[number], swept.acceptances[number] = value, acceptance
            swept.positions[number] = position
        return swept

    def _sweep(
        self, position: np.ndarray, seed: np.uint64, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Make one sweep by blocks of rows; return log density before it, and acceptance."""
        log_posterior = self._log_posterior
        correlated, rows = log_posterior.correlated, log_posterior.rows
        allocate = full_allocations if correlated else diagonal_allocations
        conditionals = full_conditionals if correlated else diagonal_conditionals
        state, mixture = log_posterior.state(position)
        statistics = sum_over_blocks(
            rows.shape[0],
            lambda start, stop: allocate(rows[start:stop], start, *mixture, seed),
            cores=self.cores,
        )
        value = log_posterior.value(state, statistics[0])
        return value, conditionals(position, mixture[-1], statistics, log_posterior.prior, rng)
