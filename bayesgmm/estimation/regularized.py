"""Maximum likelihood as in scikit-learn: plain EM, with a ridge on every covariance matrix.

The same start, M-step and stopping rule give the same results; every iteration is one
compiled pass over the rows. Only free covariance matrices are stored: axes are
m matrices (one where they are tied, else one for each component), then d features twice, or once
where there are no correlations, or 1 where the features share a scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.errors import DataError
from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.rows import RowsInMemory, as_compiled
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    SufficientStatistics,
    shared_statistics,
    statistics_of,
)
from bayesgmm.priors.covariances import CovarianceStructure

_LEAST_COUNT = 10 * np.finfo(float).eps
"""What scikit-learn adds to the counts, so that a component without rows divides by no zero."""


@dataclass(frozen=True, eq=False)
class FactoredMixture:
    """A mixture whose covariance matrices are kept as they are free, with their factors.

    Attributes
    ----------
    structure : CovarianceStructure
    weights : array, shape (k,)
    means : array, shape (k, d)
    covariances : array, shape (m, d, d), (m, d) or (m, 1)
    factors : array, of the same shape
        Upper triangular U with U U' the precision matrix; or one over the scales.
    """

    structure: CovarianceStructure
    weights: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k d"]
    covariances: Float[np.ndarray, "m ..."]
    factors: Float[np.ndarray, "m ..."]

    @classmethod
    def of(
        cls,
        structure: CovarianceStructure,
        weights: Float[np.ndarray, " k"],
        means: Float[np.ndarray, "k d"],
        covariances: Float[np.ndarray, "m ..."],
    ) -> FactoredMixture:
        """Factorize covariance matrices.

        Raises
        ------
        DataError
            If one is singular.
        """
        _expect_spread(covariances, means)
        return cls(structure, weights, means, covariances, _precision_factors(covariances))

    def form(self) -> PrecisionForm:
        """Return the mixture as the passes over rows take it."""
        return precision_form(self.weights, self.means, self.factors)


def precision_form(
    weights: Float[np.ndarray, " k"],
    means: Float[np.ndarray, "k d"],
    factors: Float[np.ndarray, "m ..."],
) -> PrecisionForm:
    """Return as the passes over rows take it a mixture whose factors are known."""
    k, d = means.shape
    if factors.ndim == 3:
        log_determinants = np.log(factors.diagonal(0, 1, 2)).sum(axis=1)
        factors = factors.swapaxes(1, 2) if d > 1 else factors[:, :, 0]
    else:
        if factors.shape[1] < d:
            factors = np.broadcast_to(factors, (factors.shape[0], d))
        log_determinants = np.log(factors).sum(axis=1)
    with np.errstate(divide="ignore"):  # a weight of zero is a log weight of -inf
        constants = np.log(weights) + FAMILY.log_kernel(0.0, d) + log_determinants
    if factors.shape[0] < k:
        factors = np.broadcast_to(factors, (k, *factors.shape[1:]))
    return PrecisionForm(*(as_compiled(part) for part in (constants, means, factors)))


@dataclass(frozen=True, eq=False)
class EMRun:
    """The result of EM.

    Attributes
    ----------
    mixture : FactoredMixture
    lower_bounds : list of float
        The mean log-likelihood of a row before every M-step.
    converged : bool
    """

    mixture: FactoredMixture
    lower_bounds: list[float]
    converged: bool

    @property
    def lower_bound(self) -> float:
        """The last of them; -inf where there was no step."""
        return self.lower_bounds[-1] if self.lower_bounds else -math.inf


def run_regularized_em(
    X: RowsInMemory,
    mixture: FactoredMixture,
    *,
    ridge: float,
    tolerance: float,
    max_iterations: int,
    lower_bound: float = -math.inf,
    note: Callable[[int, float], None] = lambda number, gain: None,
) -> EMRun:
    """Take EM steps until the mean log-likelihood moves by less than the tolerance.

    ``lower_bound`` is that before the start, and ``note`` is called with the number of
    every iteration, and its gain.

    Raises
    ------
    DataError
        If a covariance matrix becomes singular.
    """
    total = X.total_weight
    bounds: list[float] = []
    for number in range(1, max_iterations + 1):
        form = mixture.form()
        statistics = SufficientStatistics(*statistics_of(X, form.kernel_arguments()))
        mixture = maximize_regularized(statistics, mixture.means, mixture.structure, ridge)
        gain = statistics.log_likelihood / total - lower_bound
        lower_bound = statistics.log_likelihood / total
        bounds.append(lower_bound)
        note(number, gain)
        if abs(gain) < tolerance:
            return EMRun(mixture, bounds, converged=True)
    return EMRun(mixture, bounds, converged=False)


def maximize_regularized(
    statistics: SufficientStatistics,
    means: Float[np.ndarray, "k d"],
    structure: CovarianceStructure,
    ridge: float,
    *,
    total: float | None = None,
    unassigned: Float[np.ndarray, ...] | float = 0.0,
) -> FactoredMixture:
    """Return the most likely parameters, given statistics about the means, with a ridge.

    Weights are counts over ``total``, or over their sum. ``unassigned`` are squares, about zero, of
    rows that were given to no component; scikit-learn counts them into a tied matrix.
    """
    counts = statistics.counts + _LEAST_COUNT
    new_means = means + (statistics.sums - _LEAST_COUNT * means) / counts[:, None]
    scatter = statistics.about(new_means - means).scatter
    if scatter.ndim == 2 and structure.correlated:  # one feature
        scatter = scatter[:, :, None]
    correlated = scatter.ndim == 3
    if structure.tied:
        covariances = (scatter.sum(axis=0) + unassigned)[None] / counts.sum()
    else:
        covariances = scatter / counts.reshape(-1, *[1] * (scatter.ndim - 1))
    if not (structure.tied or correlated):
        # Where rows are equal, what the count that is a little too large leaves in scikit-learn.
        left = _LEAST_COUNT * new_means**2 / counts[:, None]
        covariances = np.where(covariances > _LEAST_COUNT * left, covariances, left)
    if structure.isotropic:
        covariances = covariances.mean(axis=1, keepdims=True)
    covariances = covariances + ridge * (_identity(means.shape[1]) if correlated else 1.0)
    weights = counts / (counts.sum() if total is None else total)
    return FactoredMixture.of(structure, weights, new_means, covariances)


def from_responsibilities(
    X: RowsInMemory,
    responsibilities: Float[np.ndarray, "n k"],
    structure: CovarianceStructure,
    ridge: float,
) -> FactoredMixture:
    """Return the parameters that fit complete rows with given responsibilities."""
    correlated = structure.correlated and X.n_features > 1
    means, statistics = shared_statistics(X, responsibilities, correlated=correlated)
    return maximize_regularized(statistics, means, structure, ridge, total=X.total_weight)


def from_picked_rows(
    X: RowsInMemory, picked: Int[np.ndarray, " k"], structure: CovarianceStructure, ridge: float
) -> FactoredMixture:
    """Return the parameters of components that have one row each, all other rows none."""
    values, weights, _ = X.arrays
    means, total = values[picked], X.total_weight
    counted = values * weights[:, None] if weights.size else values
    if not structure.tied:
        unassigned: np.ndarray | float = 0.0
    elif structure.correlated:
        unassigned = counted.T @ values - means.T @ means
    else:
        unassigned = (counted * values).sum(axis=0) - (means**2).sum(axis=0)
    squares = np.zeros((*means.shape, means.shape[1]))
    if not structure.correlated:
        # The mean of squares less the square of the mean, with a count that is a little too large:
        # where rows lie far from zero, what is left of one row is more than the ridge.
        count = 1 + _LEAST_COUNT
        squares = count * (means**2 / count - (means / count) ** 2)
    ones, zeros = np.ones(means.shape[0]), np.zeros(means.shape)
    alone = SufficientStatistics(0.0, ones, zeros, squares)
    return maximize_regularized(alone, means, structure, ridge, total=total, unassigned=unassigned)


def factors_of_precisions(precisions: Float[np.ndarray, "m ..."]) -> np.ndarray:
    """Return upper triangular U with U U' the precision matrices; or roots of precisions."""
    if precisions.ndim < 3:
        return np.sqrt(precisions)
    # The Cholesky factor of the matrix read backwards, read backwards.
    backwards = np.linalg.cholesky(precisions[:, ::-1, ::-1])
    return backwards[:, ::-1, ::-1]


def covariances_of_factors(factors: Float[np.ndarray, "m ..."]) -> np.ndarray:
    """Return the covariance matrices, or variances, whose precisions have these factors."""
    if factors.ndim < 3:
        return 1 / factors**2
    inverses = np.linalg.solve(factors, np.broadcast_to(np.eye(factors.shape[1]), factors.shape))
    return np.swapaxes(inverses, 1, 2) @ inverses


def _expect_spread(
    covariances: Float[np.ndarray, "m ..."], means: Float[np.ndarray, "k d"]
) -> None:
    """Raise unless variances are more than what rounding makes of equal rows."""
    variances = covariances.diagonal(0, 1, 2) if covariances.ndim == 3 else covariances
    rounding = (_LEAST_COUNT * np.abs(means).max(axis=0)) ** 2
    if variances.shape[1] < rounding.size:
        rounding = rounding.mean(keepdims=True)
    if not (variances > rounding).all():
        raise _singular()


def _precision_factors(covariances: Float[np.ndarray, "m ..."]) -> np.ndarray:
    if covariances.ndim < 3:
        return 1 / np.sqrt(covariances)
    try:
        roots = np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError:
        raise _singular() from None
    if not np.isfinite(roots).all():
        raise _singular()
    identity, lower = _identity(covariances.shape[1]), _lower(covariances.shape[1])
    return (np.linalg.solve(roots, identity) * lower).swapaxes(1, 2)


@lru_cache(maxsize=8)
def _identity(size: int) -> Float[np.ndarray, "d d"]:
    return np.eye(size)


@lru_cache(maxsize=8)
def _lower(size: int) -> Float[np.ndarray, "d d"]:
    """Return ones up to the diagonal."""
    return np.tri(size)


def _singular() -> DataError:
    return DataError(
        "A component has a singular covariance matrix: it lies on too few distinct rows. Use fewer "
        "components, a covariance type with fewer parameters, a larger reg_covar, or a prior, "
        "under which this cannot happen; or use comparable units."
    )
