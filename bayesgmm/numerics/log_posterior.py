"""The log posterior density of a mixture as a function of a position, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.kernels.log_posterior import State, state_at, value_at, write_gradient
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import statistics_of
from bayesgmm.numerics.unconstrained import CovarianceMap


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Likelihood, priors and Jacobians on the unconstrained space, compiled.

    Attributes
    ----------
    X : Rows
    mixture_prior : MixturePrior
        Of weights, means and covariances.
    covariances : CovarianceMap
    """

    X: Rows
    mixture_prior: MixturePrior
    covariances: CovarianceMap

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
        """Return the state of a position, with the arguments of passes over the rows."""
        return State(*state_at(position, self.prior, self.covariances.room_for_factors()))

    def value(self, state: State, log_likelihood: float) -> float:
        """Return the log density where the log-likelihood of all rows is known."""
        return value_at(state, log_likelihood, self.prior)
