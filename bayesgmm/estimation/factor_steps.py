"""EM for mixtures of factor analyzers: starts and M-step.

Means are maximized given covariances, with the factors integrated out. Loadings and uniquenesses
follow given the factors, and have a closed form feature by feature: a regression on the factors
(Ghahramani & Hinton, 1996; the alternating ECM algorithm of McLachlan & Peel, 2000, section 8.2). The
t prior of the columns of A is a normal one whose precision is averaged in the E-step.

References
----------
Ghahramani, Z. and Hinton, G. E. (1996). The EM algorithm for mixtures of factor analyzers.
Technical report CRG-TR-96-1, University of Toronto.

McLachlan, G. J. and Peel, D. (2000). Finite Mixture Models. Wiley.
"""

from __future__ import annotations

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
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import sufficient_statistics
from bayesgmm.numerics.unconstrained import FactorMap
from bayesgmm.parameters import MixtureParameters

_LEAST_SHARE = 1e-6  # responsibilities below are left out of a start
_FIRST_STEPS = 3  # of loadings and uniquenesses, after a start


def statistics_for_factors(X: RowsInMemory, parameters: MixtureParameters) -> FactorStatistics:
    """Return the statistics of rows; with missing cells, by way of the scatter."""
    mixture = Analyzers.of(parameters)
    if X.has_gaps:
        return FactorStatistics.of(sufficient_statistics(X, parameters), mixture)
    return factor_statistics(X, mixture)


def maximize_factors(
    statistics: FactorStatistics, parameters: MixtureParameters, objective: Objective
) -> MixtureParameters:
    """Return parameters with an expected log posterior no lower than before."""
    mixture = Analyzers.of(parameters)
    shift = _best_shift(statistics, mixture, objective)
    moved = statistics.about(shift, mixture)
    counts = moved.counts + objective.mode_prior.concentration
    scales, correlations = _updated(moved, mixture, objective)
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


def _updated(
    statistics: FactorStatistics, mixture: Analyzers, objective: Objective
) -> tuple[Float[np.ndarray, "k d"], object]:
    """Return scales and correlations, given statistics about the new means."""
    covariances, prior = objective.layout.covariances, objective.mode_prior.covariances
    assert isinstance(covariances, FactorMap)
    lowest, pooled = np.log(objective.smallest_scales), covariances.pooled
    counts, products = pooled(statistics.counts), pooled(statistics.products(mixture))
    squares, cross = pooled(statistics.squares), pooled(statistics.cross)
    log_scales = np.empty((covariances.n_matrices, covariances.n_scales))
    signals = np.empty((covariances.n_matrices, *mixture.signals.shape[1:]))
    for matrix, scales in enumerate(mixture.scales[: covariances.n_matrices]):
        system = products[matrix] + np.diag(pulls(mixture.signals[matrix], prior))
        coefficients = np.linalg.solve(system, cross[matrix])  # A D over the old D
        residuals = squares[matrix] - np.sum(coefficients * cross[matrix], axis=0)
        residuals = np.maximum(residuals, 0.0) * scales**2
        count = counts[matrix]
        if covariances.one_scale:
            residuals, count = residuals.sum(keepdims=True), count * scales.size
        old = np.log(scales[: covariances.n_scales])
        if objective.uses_prior:
            for place, residual in enumerate(residuals):
                log_scales[matrix, place] = best_log_scale(
                    old[place], count, residual, prior, place, lowest[place]
                )
        else:
            with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
                log_scales[matrix] = np.maximum(0.5 * np.log(residuals / count), lowest)
        signals[matrix] = coefficients * (scales / np.exp(log_scales[matrix]))
    return covariances.combined(log_scales, signals)


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
    found = [first_factors(rows, covariances.n_factors) for rows in centered]
    least = 10 * objective.smallest_scales
    scales = np.maximum(np.array([scale for scale, _ in found]), least)
    if covariances.one_scale:
        scales = np.sqrt(np.mean(scales**2, axis=1, keepdims=True))
    parameters = MixtureParameters(
        (counts + 1) / (counts + 1).sum(), means,
        *covariances.combined(np.log(scales), np.array([signals for _, signals in found])),
    )  # fmt: skip
    # A component without rows keeps weight, scales and loadings; its mean is the center.
    return parameters
