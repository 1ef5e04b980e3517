"""Gibbs sweeps over short tables, in one compiled loop, and over long ones, by blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.target import Target
from bayesgmm.numerics.blocks import row_blocks, sum_over_blocks
from bayesgmm.numerics.kernels.allocations import diagonal_allocations, full_allocations
from bayesgmm.numerics.kernels.log_posterior import (
    diagonal_log_posterior_given,
    diagonal_state,
    full_log_posterior_given,
    full_state,
)
from bayesgmm.numerics.kernels.sweeps import (
    diagonal_conditionals,
    diagonal_sweeps,
    full_conditionals,
    full_sweeps,
)


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
            kernel = full_sweeps if self.target.layout.correlated else diagonal_sweeps
            rows, constant, *beliefs = self.target.conditional_arguments
            kernel(
                position, rows, constant, *beliefs, rng, seeds,
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
        correlated = self.target.layout.correlated
        allocate = full_allocations if correlated else diagonal_allocations
        given = full_log_posterior_given if correlated else diagonal_log_posterior_given
        conditionals = full_conditionals if correlated else diagonal_conditionals
        rows, _, *beliefs = self.target.conditional_arguments
        mixture = self._mixture(position)
        statistics = sum_over_blocks(
            rows.shape[0],
            lambda start, stop: allocate(rows[start:stop], start, *mixture, seed),
            cores=self.cores,
        )
        value, _ = given(position, *statistics, *self.target.log_posterior.beliefs)
        acceptance = conditionals(position, mixture[-1], *statistics[1:], *beliefs, rng)
        return value, acceptance

    def _mixture(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return constants, means and factors, as passes over rows take them."""
        layout = self.target.layout
        sizes = layout.n_components, layout.n_features, layout.n_matrices
        if layout.correlated:
            state = full_state(position, *sizes, layout.shrinkage)
            return state[6], state[1], state[7]
        state = diagonal_state(position, *sizes, layout.n_scales)
        return state[3], state[1], state[4]
