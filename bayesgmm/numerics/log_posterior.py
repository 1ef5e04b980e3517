"""The log posterior density of a mixture as a function of a position, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.annotated_rows import Rows
from bayesgmm.numerics.kernels.log_posterior import State, state_at, value_at, write_gradient
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.statistics import statistics_of


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Likelihood, priors and Jacobians on the unconstrained space, compiled.

    Attributes
    ----------
    X : Rows
    mixture_prior : MixturePrior
        Of weights, means and covariances.
    correlated : bool
        Whether there are correlations.
    """

    X: Rows
    mixture_prior: MixturePrior
    correlated: bool

    @cached_property
    def prior(self) -> MixturePrior:
        """The prior as kernels take it."""
        return self.mixture_prior.as_compiled()

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        state, gradient = self.state(position), np.empty(position.size)
        mixture = state.constants, state.means, state.factors
        statistics = statistics_of(self.X, mixture)
        return write_gradient(state, statistics, self.prior, gradient), gradient

    def state(self, position: Float[np.ndarray, " p"]) -> State:
        """Return what a position says, and what passes over rows take of it."""
        return State(*state_at(position, self.prior, self.room_for_factors()))

    def room_for_factors(self) -> Float[np.ndarray, "k d ..."]:
        """Return an array for the precision factors, which tells kernels about correlations."""
        k, d = self.prior.loc.shape
        return np.empty((k, d, d) if self.correlated else (k, d))

    def value(self, state: State, log_likelihood: float) -> float:
        """Return the log density where the log-likelihood of all rows is known."""
        return value_at(state, log_likelihood, self.prior)
