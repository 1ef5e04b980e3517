"""EM for mixtures of factor analyzers: starts and M-step.

Means are maximized given covariances, with the factors integrated out. Loadings and uniquenesses
follow given the factors, and have a closed form feature by feature: a regression on the factors
(Ghahramani & Hinton, 1996; the alternating ECM algorithm of McLachlan & Peel, 2000, section 8.2).
The t prior of the columns of A is a normal one whose precision is averaged in the E-step.

References
----------
Ghahramani, Z. and Hinton, G. E. (1996). The EM algorithm for mixtures of factor analyzers.
Technical report CRG-TR-96-1, University of Toronto.

Liu, C., Rubin, D. B. and Wu, Y. N. (1998). Parameter expansion to accelerate EM: the PX-EM
algorithm. Biometrika 85, 755-770.

McLachlan, G. J. and Peel, D. (2000). Finite Mixture Models. Wiley.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from bayesgmm.estimation.density import Objective
from bayesgmm.numerics.factor_analyzers import (
    Analyzers,
    FactorStatistics,
    factor_statistics,
    first_factors,
    pulls,
)
from bayesgmm.numerics.kernels.maximize import best_log_scale
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import sufficient_statistics
from bayesgmm.numerics.unconstrained import FactorMap
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters

_LEAST_SHARE = 1e-6  # responsibilities below are left out of a start
_LEAST_SIGNAL = 1e-12  # squared length of a column of A, which could not grow from zero
_LEAST_LENGTH = 1e-10  # of a column of A, beside the longest: less is a rounding error
_LEAST_COUNT = 1e-100


def with_factors(parameters: MixtureParameters, objective: Objective) -> MixtureParameters:
    """Return parameters as factors, by the principal components of correlation matrices.

    The same, where factors are known already, or the structure has none.
    """
    covariances = objective.layout.covariances
    if not isinstance(covariances, FactorMap):
        return parameters
    if isinstance(parameters.correlations, FactoredCorrelations):
        return parameters
    n_matrices, free = covariances.n_matrices, parameters.covariances
    roots = np.linalg.cholesky(free[:n_matrices]).swapaxes(1, 2)
    own = _by_principal_components(roots, covariances, objective.smallest_scales)
    return MixtureParameters(parameters.weights, parameters.means, *own)


def _by_principal_components(
    rows: Iterable[np.ndarray], covariances: FactorMap, least: Float[np.ndarray, " s"]
) -> tuple[Float[np.ndarray, "k d"], FactoredCorrelations]:
    """Return scales and correlations; the products of each of ``rows`` are a covariance matrix."""
    found = [first_factors(each, covariances.n_factors) for each in rows]
    scales, signals = (np.array(part) for part in zip(*found, strict=True))
    scales = np.maximum(scales, least)
    if covariances.one_scale:
        scales = np.sqrt(np.mean(scales**2, axis=1, keepdims=True))
    return covariances.combined(np.log(scales), signals)


def statistics_for_factors(X: RowsInMemory, parameters: MixtureParameters) -> FactorStatistics:
    """Return the statistics of rows; with missing cells, by way of the scatter."""
    mixture = Analyzers.of(parameters)
    if X.has_gaps:
        return FactorStatistics.of(*sufficient_statistics(X, parameters).parts(), mixture)
    return factor_statistics(X, mixture)


def maximize_factors(
    statistics: FactorStatistics, parameters: MixtureParameters, objective: Objective
) -> MixtureParameters:
    """Return parameters with an expected log posterior no lower than before."""
    mixture = Analyzers.of(parameters)
    shift = _best_shift(statistics, mixture, objective)
    moved = statistics.about(shift, mixture)
    counts = moved.counts + objective.mode_prior.concentration
    scales, correlations = update_factors(moved, mixture, objective)
    means = parameters.means + mixture.scales * shift
    return MixtureParameters(counts / counts.sum(), means, scales, correlations)


def _best_shift(
    statistics: FactorStatistics, mixture: Analyzers, objective: Objective
) -> Float[np.ndarray, "k d"]:
    """Return the shift s of the means over D.

    It solves (N (I + A A')^-1 + D T D) s = (I + A A')^-1 S1 + D T (loc - mu), with S1 the sums over
    D, and T the precision of the prior; by Woodbury's identity with a system of q equations.
    """
    counts = statistics.counts[:, None]
    if not objective.uses_prior:
        with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
            return statistics.sums / counts
    prior, signals = objective.mode_prior, mixture.signals
    pull = mixture.scales * prior.precision * (prior.loc - mixture.means)
    of_prior = mixture.scales**2 * prior.precision
    together = counts + of_prior

    def times(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return np.einsum("kqd,kd->kq", rows, vectors)

    def along(rows: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return np.einsum("kqd,kq->kd", rows, vectors)

    def solved(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        return np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0]

    target = statistics.sums - along(
        signals, solved(mixture.precisions, times(signals, statistics.sums))
    )
    target = (target + pull) / together
    system = (signals * (of_prior / together)[:, None, :]) @ signals.swapaxes(1, 2)
    system += np.eye(signals.shape[1])
    inner = counts * solved(system, times(signals, target))
    return target + along(signals, inner) / together


def update_factors(
    statistics: FactorStatistics, mixture: Analyzers, objective: Objective
) -> tuple[Float[np.ndarray, "k d"], FactoredCorrelations]:
    """Return scales and correlations, given statistics about the new means."""
    covariances, prior = objective.layout.covariances, objective.mode_prior.covariances
    assert isinstance(covariances, FactorMap)
    pooled, n_matrices = covariances.pooled, covariances.n_matrices
    counts, squares, cross = map(pooled, (statistics.counts, statistics.squares, statistics.cross))
    log_scales = np.empty((n_matrices, covariances.n_scales))
    signals = np.empty((n_matrices, *mixture.signals.shape[1:]))
    for matrix in range(n_matrices):
        signal, along = _best_in_span(counts[matrix], cross[matrix], mixture.signals[matrix], prior)
        sizes = 1.0 + np.sum(signal**2, axis=1)  # the diagonal of V, which is diagonal now
        own_cross = along / sizes[:, None]
        products = np.diag(counts[matrix] / sizes) + own_cross @ (signal / sizes[:, None]).T
        scales = mixture.scales[matrix]
        # A regression on the factors: A D, over the old D.
        system = products + np.diag(pulls(signal, prior))
        coefficients = np.linalg.solve(system, own_cross)
        residuals = squares[matrix] - np.sum(coefficients * own_cross, axis=0)
        residuals = np.maximum(residuals, 0.0) * scales**2
        old = np.log(scales[: covariances.n_scales])
        log_scales[matrix] = _best_scales(residuals, counts[matrix], old, objective)
        signals[matrix] = coefficients * (scales / np.exp(log_scales[matrix]))
    return covariances.combined(log_scales, signals)


def _best_in_span(
    count: float,
    cross: Float[np.ndarray, "q d"],
    signals: Float[np.ndarray, "q d"],
    prior: CovariancePrior,
) -> tuple[Float[np.ndarray, "q d"], Float[np.ndarray, "q d"]]:
    """Return the best A whose columns are in the span of those of the old A, and its A'S.

    ``cross`` is V^-1 A'S of the old A. EM by itself moves slowly here: the scores of the factors
    that it regresses on have the scale of the old loadings (Liu, Rubin & Wu, 1998, expand
    parameters for this reason). The best columns are orthogonal: the likelihood depends on A A'
    only, and the prior is largest, given A A', where squared lengths are its eigenvalues. In the
    basis of eigenvectors of S the lengths are independent of each other.
    """
    left, lengths, basis = np.linalg.svd(signals, full_matrices=False)
    kept = lengths > _LEAST_LENGTH * max(1.0, lengths[0])
    # With A' = left diag(lengths) basis, V^-1 A'S is left diag(lengths / (1 + lengths^2)) basis S.
    stretch = np.divide(1.0 + lengths**2, lengths, out=np.zeros_like(lengths), where=kept)
    along = stretch[:, None] * (left.T @ cross)
    projected = along @ basis.T / max(count, _LEAST_COUNT)
    variances, rotation = np.linalg.eigh(0.5 * (projected + projected.T))
    best = np.sqrt(_best_signals(count, variances, signals.shape[1], prior))
    change = best[:, None] * np.where(kept, rotation.T, 0.0)
    return change @ basis, change @ along


def _best_signals(
    count: float, variances: Float[np.ndarray, " q"], size: int, prior: CovariancePrior
) -> Float[np.ndarray, " q"]:
    """Return the squared length x of the column of A along each eigenvector of S.

    It maximizes -N log(1 + x) / 2 + N v x / (1 + x) / 2 - c log(b + x / 2), with v the eigenvalue
    of S over N. The derivative is zero where a quadratic is; the optimum may also be at zero.
    """
    power, rate = prior.signal_shape + 0.5 * size, prior.signal_rate
    excess = count * (variances - 1.0)
    square, linear = 0.5 * count + power, 0.5 * excess - count * rate - 2.0 * power
    constant = rate * excess - power
    root = np.sqrt(np.maximum(linear**2 + 4.0 * square * constant, 0.0))
    found = np.maximum(0.5 * (linear + root) / max(square, _LEAST_COUNT), _LEAST_SIGNAL)

    def gain(x: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        of_rows = 0.5 * count * (variances * x / (1 + x) - np.log1p(x))
        return of_rows - power * np.log1p(0.5 * x / rate)

    return np.where(gain(found) > 0.0, found, _LEAST_SIGNAL)


def _best_scales(
    residuals: Float[np.ndarray, " d"],
    count: float,
    old: Float[np.ndarray, " s"],
    objective: Objective,
) -> Float[np.ndarray, " s"]:
    """Return the logarithms of the scales of one matrix, given the residuals of the regression."""
    prior, lowest = objective.mode_prior.covariances, np.log(objective.smallest_scales)
    if old.size < residuals.size:
        count, residuals = count * residuals.size, residuals.sum(keepdims=True)
    if not objective.uses_prior:
        with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
            return np.maximum(0.5 * np.log(residuals / count), lowest)
    return np.array([
        best_log_scale(old[place], count, residual, prior, place, lowest[place])
        for place, residual in enumerate(residuals)
    ])  # fmt: skip


def factors_from_responsibilities(
    X: RowsInMemory, resp: Float[np.ndarray, "n k"], objective: Objective
) -> MixtureParameters:
    """Return parameters that fit complete rows with given responsibilities."""
    covariances = objective.layout.covariances
    assert isinstance(covariances, FactorMap)
    shares = resp * X.counts[:, None]
    counts = shares.sum(axis=0)
    center = X.values.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = center + np.nan_to_num((shares.T @ (X.values - center)) / counts[:, None])
    centered = []
    for component in range(counts.size):
        own = shares[:, component] > _LEAST_SHARE
        rows = (X.values[own] - means[component]) * np.sqrt(shares[own, component])[:, None]
        centered.append(rows / np.sqrt(counts[component] + 1.0))
    if covariances.tied:
        centered = [np.concatenate(centered) / np.sqrt(max(1, counts.size))]
    own = _by_principal_components(centered, covariances, 10 * objective.smallest_scales)
    return MixtureParameters((counts + 1) / (counts + 1).sum(), means, *own)
