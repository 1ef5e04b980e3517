"""From (rows, parameters) to log-likelihood and sufficient statistics: the one place.

EM, the gradient of the log posterior and Gibbs need nothing else from the rows, and statistics
of disjoint blocks of rows add.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bayesgmm.numerics.blocks import for_each_block, sum_over_blocks
from bayesgmm.numerics.kernels.rows import (
    diagonal_component_table,
    diagonal_mixture_log_densities,
    diagonal_statistics,
    full_component_table,
    full_mixture_log_densities,
    full_statistics,
)
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True)
class SufficientStatistics:
    """What EM and samplers need to know about the rows under the current parameters.

    Attributes
    ----------
    log_likelihood : float
        Sum over rows of log sum_k pi_k N(x_i | mu_k, Sigma_k).
    counts : array, shape (k,)
        N_k, the sum of the responsibilities r_ik.
    sums : array, shape (k, d)
        The sum of r_ik (x_i - mu_k), about the *current* means.
    scatter : array, shape (k, d, d) or (k, d)
        The sum of r_ik (x_i - mu_k)(x_i - mu_k)', or its diagonal where there are no
        correlations.
    """

    log_likelihood: float
    counts: Float[np.ndarray, " k"]
    sums: Float[np.ndarray, "k d"]
    scatter: Float[np.ndarray, "k d ..."]

    def about(self, shift: Float[np.ndarray, "k d"]) -> SufficientStatistics:
        """Return the same statistics about means moved by ``shift``."""
        counts = self.counts[:, None]
        if self.scatter.ndim == 2:
            scatter = self.scatter - 2 * self.sums * shift + counts * shift**2
        else:
            cross = self.sums[:, :, None] * shift[:, None, :]
            square = shift[:, :, None] * shift[:, None, :]
            scatter = self.scatter - cross - np.swapaxes(cross, 1, 2) + counts[:, None] * square
        sums = self.sums - counts * shift
        return SufficientStatistics(self.log_likelihood, self.counts, sums, scatter)


def sufficient_statistics(
    X: Float[np.ndarray, "n d"],
    parameters: MixtureParameters,
    row_weights: Float[np.ndarray, " n"] | None = None,
) -> SufficientStatistics:
    """Return log-likelihood, N_k, S1_k and S2_k of the rows, each counted ``row_weights`` times."""
    constants, factors = precision_factors(parameters)
    kernel = diagonal_statistics if factors.ndim == 2 else full_statistics
    rows, weights = read_only(X), read_only(np.empty(0) if row_weights is None else row_weights)

    def of_block(start: int, stop: int) -> tuple:
        return kernel(rows[start:stop], weights[start:stop], constants, parameters.means, factors)

    return SufficientStatistics(*sum_over_blocks(X.shape[0], of_block))


def log_densities(
    X: Float[np.ndarray, "n d"], parameters: MixtureParameters
) -> Float[np.ndarray, " n"]:
    """Return log sum_k pi_k N(x_i | mu_k, Sigma_k) for every row."""
    constants, factors = precision_factors(parameters)
    rows, output = read_only(X), np.empty(X.shape[0])
    kernel = diagonal_mixture_log_densities if factors.ndim == 2 else full_mixture_log_densities

    def write_block(start: int, stop: int) -> None:
        kernel(rows[start:stop], constants, parameters.means, factors, output[start:stop])

    for_each_block(X.shape[0], write_block)
    return output


def component_log_densities(
    X: Float[np.ndarray, "n d"], parameters: MixtureParameters
) -> Float[np.ndarray, "n k"]:
    """Return log(pi_k N(x_i | mu_k, Sigma_k)) for every row and component."""
    return _component_table(X, parameters, normalized=False)


def responsibilities(
    X: Float[np.ndarray, "n d"], parameters: MixtureParameters
) -> Float[np.ndarray, "n k"]:
    """Return the probability of every component for every row, r_ik."""
    return _component_table(X, parameters, normalized=True)


def _component_table(
    X: np.ndarray, parameters: MixtureParameters, *, normalized: bool
) -> np.ndarray:
    constants, factors = precision_factors(parameters)
    rows, output = read_only(X), np.empty((X.shape[0], parameters.n_components))
    kernel = diagonal_component_table if factors.ndim == 2 else full_component_table

    def write_block(start: int, stop: int) -> None:
        block = rows[start:stop], constants, parameters.means, factors
        kernel(*block, normalized, output[start:stop])

    for_each_block(X.shape[0], write_block)
    return output


def read_only(X: Float[np.ndarray, "n ..."]) -> Float[np.ndarray, "n ..."]:
    """Return the one kind of array that kernels are compiled for: contiguous and read-only."""
    view = np.ascontiguousarray(X, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def precision_factors(
    parameters: MixtureParameters,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k d ..."]]:
    """Return what kernels take: log normalising constants and precision factors.

    The factors are lower triangular with ``factor @ (x - mean)`` standard normal, (k, d, d), or
    one over the scales, (k, d), where there are no correlations.
    """
    with np.errstate(divide="ignore"):  # a weight of zero is a log weight of -inf
        constants = np.log(parameters.weights) - 0.5 * parameters.n_features * math.log(2 * math.pi)
    constants = constants - np.log(parameters.scales).sum(axis=-1)
    if parameters.correlations is None:
        return constants, 1.0 / parameters.scales
    size = parameters.n_features
    # No more than the rounding error of the matrix itself, which may leave it indefinite.
    slack = 4 * size * np.finfo(float).eps * np.eye(size)
    roots = np.linalg.cholesky(parameters.correlations + slack)
    constants -= np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(axis=-1)
    # A triangular solve against the identity: the factors are needed entry by entry below.
    identity = np.broadcast_to(np.eye(size), roots.shape)
    factors = np.tril(np.linalg.solve(roots, identity)) / parameters.scales[:, None, :]
    return constants, factors
