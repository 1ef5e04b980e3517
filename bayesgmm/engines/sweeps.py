"""Gibbs sweeps over short tables, in one compiled loop, and over long ones, by blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.target import Target
from bayesgmm.numerics.annotated_rows import AnnotatedRows, has_gaps
from bayesgmm.numerics.blocks import row_blocks, sum_over_blocks
from bayesgmm.numerics.kernels.allocations import allocations
from bayesgmm.numerics.kernels.pattern_allocations import pattern_allocations
from bayesgmm.numerics.kernels.sweeps import draw_parameters, sweeps
from bayesgmm.numerics.log_posterior import LogPosterior

_LEAST_ACCEPTANCE = 0.1  # of the proposals of a covariance; below, slice sampling moves it better
_LEAST_TRIED = 20  # proposals before that is judged


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
class Steps:
    """How each covariance matrix, or each scale where there are no correlations, is drawn.

    Attributes
    ----------
    proposes : array of bool, shape (m, s)
        Whether it is proposed as a whole; otherwise slice sampling draws one number after another.
    accepted : array, shape (m, s, 2)
        Proposals so far, and how many of them were accepted.
    """

    proposes: np.ndarray
    accepted: Float[np.ndarray, "m s 2"]

    @classmethod
    def of(cls, target: Target) -> Steps:
        """Propose everything."""
        layout = target.layout
        shape = (layout.n_matrices, 1 if layout.correlated else layout.n_scales)
        return cls(np.ones(shape, dtype=bool), np.zeros((*shape, 2)))

    def adapt(self) -> None:
        """Propose no longer what is rejected too often, in place."""
        tried, accepted = np.moveaxis(self.accepted, -1, 0)
        stuck = (tried >= _LEAST_TRIED) & (accepted < _LEAST_ACCEPTANCE * tried)
        self.proposes[stuck] = False
        self.accepted[tried >= _LEAST_TRIED] = 0.0


@dataclass(frozen=True, eq=False)
class Sweeper:
    """Sweeps of one target.

    Which way they are made depends on the number of rows alone, and so do the draws: ``cores``
    says how many threads share the blocks of a long table, and changes nothing else.
    """

    target: Target
    cores: int = 1

    @cached_property
    def steps(self) -> Steps:
        """How covariances are drawn; to be adapted in the warm-up only."""
        return Steps.of(self.target)

    @property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        return self.steps.proposes, self.steps.accepted

    @property
    def _log_posterior(self) -> LogPosterior:
        return self.target.log_posterior

    @cached_property
    def _has_gaps(self) -> bool:
        return has_gaps(self._log_posterior.X)

    @cached_property
    def _is_short(self) -> bool:
        return len(row_blocks(self._log_posterior.X.shape[0])) == 1

    def run(
        self, position: Float[np.ndarray, " p"], n_sweeps: int, rng: np.random.Generator
    ) -> Swept:
        """Make sweeps from a position, which is moved."""
        seeds = rng.integers(2**64, size=n_sweeps, dtype=np.uint64)
        swept = Swept.room_for(n_sweeps, position.size)
        if self._is_short:
            rows, plausibilities = self._block(0, self._log_posterior.X.shape[0])
            sweeps(
                position, rows, plausibilities, self._log_posterior.prior,
                self._log_posterior.room_for_factors(), self._steps, rng, seeds,
                swept.positions, swept.log_densities, swept.acceptances,
            )  # fmt: skip
            return swept
        for number, seed in enumerate(seeds):
            value, acceptance = self._sweep(position, seed, rng)
            swept.log_densities[number], swept.acceptances[number] = value, acceptance
            swept.positions[number] = position
        return swept

    def _block(self, start: int, stop: int) -> tuple[tuple, np.ndarray]:
        """Return rows, ``(X,)`` or their patterns, and what is known of their components."""
        values, _, plausibilities = (part[start:stop] for part in self._log_posterior.rows)
        if not self._has_gaps:
            return (values,), plausibilities
        assert isinstance(self._log_posterior.X, AnnotatedRows)
        patterns = self._log_posterior.X.patterns[start]
        return patterns, patterns.sorted(plausibilities)

    def _sweep(
        self, position: np.ndarray, seed: np.uint64, rng: np.random.Generator
    ) -> tuple[float, float]:
        """Make one sweep by blocks of rows; return log density before it, and acceptance."""
        log_posterior = self._log_posterior
        state = log_posterior.state(position)
        mixture = state.constants, state.means, state.factors

        def allocate(start: int, stop: int) -> tuple:
            rows, plausibilities = self._block(start, stop)
            if self._has_gaps:
                return pattern_allocations(rows, plausibilities, start, *mixture, seed)
            return allocations(*rows, plausibilities, start, *mixture, seed)

        statistics = sum_over_blocks(log_posterior.X.shape[0], allocate, cores=self.cores)
        log_likelihood, *moments = statistics
        value = log_posterior.value(state, log_likelihood)
        acceptance = draw_parameters(
            position, state.factors, *moments, log_posterior.prior, self._steps, rng
        )
        return value, acceptance
