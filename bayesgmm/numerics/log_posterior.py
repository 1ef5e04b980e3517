"""The log posterior density of a mixture as a function of a position, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.blocks import sum_over_blocks
from bayesgmm.numerics.kernels.log_posterior import (
    diagonal_log_posterior,
    diagonal_state,
    diagonal_value,
    full_log_posterior,
    full_state,
    full_value,
)
from bayesgmm.numerics.kernels.rows import diagonal_statistics, full_statistics
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.patterns import GappyRows
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    Rows,
    as_compiled,
    sufficient_statistics,
)


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Likelihood, priors and Jacobians on the unconstrained space, compiled.

    Attributes
    ----------
    X : array, shape (n, d), or GappyRows
        The rows.
    mixture_prior : MixturePrior
        Of weights, means and covariances.
    correlated : bool
        Whether there are correlations.
    """

    X: Rows
    mixture_prior: MixturePrior
    correlated: bool

    @cached_property
    def rows(self) -> Rows:
        """The rows as kernels take them."""
        return self.X if isinstance(self.X, GappyRows) else as_compiled(self.X)

    @cached_property
    def prior(self) -> MixturePrior:
        """The prior as kernels take it."""
        return self.mixture_prior.as_compiled()

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        state, mixture = self.state(position)
        statistics, gradient = self._statistics(mixture), np.empty(position.size)
        of_state = full_log_posterior if self.correlated else diagonal_log_posterior
        return of_state(state, statistics, self.prior, gradient), gradient

    def state(self, position: Float[np.ndarray, " p"]) -> tuple[tuple, tuple]:
        """Return what a position says, and of it what passes over rows take.

        That is constants, means and factors, see ``kernels/rows.py``.
        """
        if self.correlated:
            state = full_state(position, self.rows.shape[1], self.prior)
            return state, (state[6], state[1], state[7])
        state = diagonal_state(position, self.rows.shape[1], self.prior)
        return state, (state[3], state[1], state[4])

    def value(self, state: tuple, log_likelihood: float) -> float:
        """Return the log density where the log-likelihood of all rows is known."""
        of_state = full_value if self.correlated else diagonal_value
        return of_state(state, log_likelihood, self.prior)

    def _statistics(self, mixture: tuple) -> tuple:
        if isinstance(self.rows, GappyRows):
            found = sufficient_statistics(self.rows, PrecisionForm(*mixture))
            return found.log_likelihood, found.counts, found.sums, found.scatter
        kernel, all_once = full_statistics if self.correlated else diagonal_statistics, np.empty(0)
        return sum_over_blocks(
            self.rows.shape[0],
            lambda start, stop: kernel(self.rows[start:stop], all_once, *mixture),
        )
