"""The log posterior density of a mixture as a function of a position, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.blocks import row_blocks, sum_over_blocks
from bayesgmm.numerics.covariance_prior import CovariancePrior
from bayesgmm.numerics.kernels.log_posterior import (
    diagonal_log_posterior,
    diagonal_log_posterior_given,
    diagonal_state,
    full_log_posterior,
    full_log_posterior_given,
    full_state,
)
from bayesgmm.numerics.kernels.rows import diagonal_statistics, full_statistics
from bayesgmm.numerics.statistics import as_compiled


@dataclass(frozen=True, eq=False)
class LogPosterior:
    """Likelihood, priors and Jacobians on the unconstrained space, compiled.

    Up to 8192 rows one compiled function does it all; of more, the statistics are gathered by
    blocks, side by side.

    Attributes
    ----------
    X : array, shape (n, d)
        The rows.
    constant : float
        What is added to the density.
    concentration : array, shape (k,)
        Of the Dirichlet prior of the weights.
    means : pair of arrays, shape (d,)
        Location and precision of the normal prior of the means.
    covariances : CovariancePrior
        Of every free covariance matrix.
    n_matrices : int
        Number of free covariance matrices: k, or 1 where they are tied.
    correlated : bool
        Whether there are correlations.
    """

    X: Float[np.ndarray, "n d"]
    constant: float
    concentration: Float[np.ndarray, " k"]
    means: tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]
    covariances: CovariancePrior
    n_matrices: int
    correlated: bool

    @cached_property
    def rows(self) -> Float[np.ndarray, "n d"]:
        """The rows as kernels take them."""
        return as_compiled(self.X)

    @cached_property
    def beliefs(self) -> tuple:
        """Everything but position and rows that kernels take, arrays in one form only."""
        concentration, loc, precision = (
            np.array(array, dtype=np.float64) for array in (self.concentration, *self.means)
        )
        terms, eta, shrinkage, count, scatter, freedom = self.covariances
        return (
            float(self.constant), concentration, loc, precision, int(self.n_matrices),
            np.array(terms), float(eta), float(shrinkage), float(count), np.array(scatter),
            float(freedom),
        )  # fmt: skip

    @cached_property
    def kernel_arguments(self) -> tuple:
        """Everything after the position that the compiled function of all rows takes."""
        return (self.rows, *self.beliefs)

    @cached_property
    def _is_short(self) -> bool:
        return len(row_blocks(self.rows.shape[0])) == 1

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        if self._is_short:
            kernel = full_log_posterior if self.correlated else diagonal_log_posterior
            return kernel(position, *self.kernel_arguments)
        kernel = full_log_posterior_given if self.correlated else diagonal_log_posterior_given
        return kernel(position, *self._statistics(position), *self.beliefs)

    def _statistics(self, position: np.ndarray) -> tuple:
        sizes = self.concentration.size, self.rows.shape[1], self.n_matrices
        if self.correlated:
            state = full_state(position, *sizes, self.covariances.shrinkage)
            kernel, mixture = full_statistics, (state[6], state[1], state[7])
        else:
            state = diagonal_state(position, *sizes, self.covariances.terms.shape[0])
            kernel, mixture = diagonal_statistics, (state[3], state[1], state[4])
        all_once = np.empty(0)
        return sum_over_blocks(
            self.rows.shape[0],
            lambda start, stop: kernel(self.rows[start:stop], all_once, *mixture),
        )
