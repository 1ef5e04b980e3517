"""The log posterior density of a mixture as a function of a position, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.annotated_rows import Rows, compiled_rows
from bayesgmm.numerics.kernels.log_posterior import (
    diagonal_log_posterior,
    diagonal_state,
    diagonal_value,
    full_log_posterior,
    full_state,
    full_value,
)
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.statistics import statistics_of


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Likelihood, priors and Jacobians on the unconstrained space, compiled.

    Attributes
    ----------
    X : array, shape (n, d), or AnnotatedRows
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
    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Values, weights and plausibilities as kernels take them."""
        return compiled_rows(self.X)

    @cached_property
    def prior(self) -> MixturePrior:
        """The prior as kernels take it."""
        return self.mixture_prior.as_compiled()

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        state, mixture = self.state(position)
        statistics = statistics_of(self.X, self.rows, mixture, correlated=self.correlated)
        gradient = np.empty(position.size)
        of_state = full_log_posterior if self.correlated else diagonal_log_posterior
        return of_state(state, statistics, self.prior, gradient), gradient

    def state(self, position: Float[np.ndarray, " p"]) -> tuple[tuple, tuple]:
        """Return what a position says, and of it what passes over rows take.

        That is constants, means and factors, see ``kernels/rows.py``.
        """
        if self.correlated:
            state = full_state(position, self.X.shape[1], self.prior)
            return state, (state[5], state[1], state[6])
        state = diagonal_state(position, self.X.shape[1], self.prior)
        return state, (state[3], state[1], state[4])

    def value(self, state: tuple, log_likelihood: float) -> float:
        """Return the log density where the log-likelihood of all rows is known."""
        of_state = full_value if self.correlated else diagonal_value
        return of_state(state, log_likelihood, self.prior)
