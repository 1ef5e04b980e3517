"""The M-step: parameters that raise the objective, from sufficient statistics alone.

Weights have a closed form, and so have means given covariances. Covariances have one without
priors and with an inverse-Wishart prior; with others they are solved numerically on the statistics
of one matrix. Conditional steps like these keep the ascent monotone (ECM; Meng & Rubin, 1993).

References
----------
Meng, X.-L. and Rubin, D. B. (1993). Maximum likelihood estimation via the ECM algorithm: a
general framework. Biometrika 80, 267-278.
"""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from jaxtyping import Float

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.factor_steps import maximize_factors, update_factors
from bayesgmm.numerics.factor_analyzers import Analyzers, FactorStatistics
from bayesgmm.numerics.kernels.covariances import expected_log_posterior
from bayesgmm.numerics.kernels.maximize import best_covariance, best_log_scale
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.quasi_newton import highest_point
from bayesgmm.numerics.statistics import SufficientStatistics
from bayesgmm.parameters import Correlations, FactoredCorrelations, MixtureParameters
from bayesgmm.priors.covariances import (
    CorrelatedStructure,
    CovarianceStructure,
    DiagonalStructure,
)
from bayesgmm.priors.factors import Factors
from bayesgmm.priors.inverse_wishart import InverseWishartStructure

_MOST_FEATURES = 24  # of matrices for which all curvatures are kept; at more, steps are many
_STEPS, _LEAST_GAIN = 40, 1e-10


def maximize(
    statistics: SufficientStatistics | FactorStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> MixtureParameters:
    """Return parameters with an expected log posterior no lower than before."""
    if objective.layout.covariances.n_factors:
        if isinstance(statistics, SufficientStatistics):
            statistics = FactorStatistics.of(*statistics.parts(), Analyzers.of(parameters))
        return maximize_factors(statistics, parameters, objective)
    assert isinstance(statistics, SufficientStatistics)
    means = update_means(statistics, parameters, objective)
    moved = statistics.about(means - parameters.means)
    scales, correlations = update_covariances(
        objective.spec.covariances, moved, parameters, objective
    )
    return MixtureParameters(update_weights(statistics, objective), means, scales, correlations)


def update_weights(
    statistics: SufficientStatistics, objective: Objective
) -> Float[np.ndarray, " k"]:
    """Return the mode of the Dirichlet posterior of the weights."""
    counts = statistics.counts + objective.mode_prior.concentration
    return counts / counts.sum()


def update_means(
    statistics: SufficientStatistics, parameters: MixtureParameters, objective: Objective
) -> Float[np.ndarray, "k d"]:
    """Return the best means given the current covariances.

    The shift s of a mean solves (N Sigma^-1 + T) s = Sigma^-1 S1 + T (loc - mu), with T the
    precision of the prior. Multiplied by Sigma it needs no inverse.
    """
    loc, precision = objective.mode_prior.loc, objective.mode_prior.precision
    counts, sums = statistics.counts[:, None], statistics.sums
    if not objective.uses_prior:
        with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
            return parameters.means + sums / counts
    pull = precision * (loc - parameters.means)
    if parameters.correlations is None:
        variances = parameters.scales**2
        return parameters.means + (sums + variances * pull) / (counts + variances * precision)
    covariances = parameters.covariances
    system = counts[:, :, None] * np.eye(loc.shape[1]) + covariances * precision[:, None, :]
    target = sums + np.einsum("kij,kj->ki", covariances, pull)
    return parameters.means + np.linalg.solve(system, target[:, :, None])[:, :, 0]


@singledispatch
def update_covariances(
    structure: CovarianceStructure,
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> tuple[Float[np.ndarray, "k d"], Correlations]:
    """Return better scales and correlations, given statistics about the new means."""
    raise NotImplementedError(f"{type(structure).__name__} has no M-step")


@update_covariances.register
def _(
    structure: CorrelatedStructure,
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"] | None]:
    if parameters.correlations is None:  # one feature
        return _update_scales(statistics, parameters, objective), None
    counts, scatter = _pooled(statistics, objective)
    if objective.uses_prior:
        return _fit_covariances(counts, scatter, parameters, objective)
    return _average(counts, scatter, objective)


@update_covariances.register
def _(
    structure: Factors,
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> tuple[Float[np.ndarray, "k d"], FactoredCorrelations | None]:
    if parameters.correlations is None:  # one feature
        return _update_scales(statistics, parameters, objective), None
    mixture = Analyzers.of(parameters)
    return update_factors(FactorStatistics.of(*statistics.parts(), mixture), mixture, objective)


@update_covariances.register
def _(
    structure: InverseWishartStructure,
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"] | None]:
    if parameters.correlations is None:  # one feature
        return _update_scales(statistics, parameters, objective), None
    return _average(*_pooled(statistics, objective), objective)


@update_covariances.register
def _(
    structure: DiagonalStructure,
    statistics: SufficientStatistics,
    parameters: MixtureParameters,
    objective: Objective,
) -> tuple[Float[np.ndarray, "k d"], None]:
    return _update_scales(statistics, parameters, objective), None


def _average(
    counts: np.ndarray, scatter: np.ndarray, objective: Objective
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"]]:
    """Return scales and correlations of the scatter per row, of rows and prior rows together."""
    prior, covariances = objective.mode_prior.covariances, objective.layout.covariances
    with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
        matrices = (prior.scatter + scatter) / (prior.count + counts)[:, None, None]
        scales = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
        correlations = matrices / (scales[:, :, None] * scales[:, None, :])
    return covariances.all_scales(scales), covariances.all_matrices(correlations)


def _update_scales(
    statistics: SufficientStatistics, parameters: MixtureParameters, objective: Objective
) -> Float[np.ndarray, "k d"]:
    covariances = objective.layout.covariances
    counts, scatter = _pooled(statistics, objective)
    counts = np.repeat(counts[:, None], covariances.n_features, axis=1)
    if covariances.isotropic:
        counts, scatter = counts.sum(axis=1, keepdims=True), scatter.sum(axis=1, keepdims=True)
    if objective.uses_prior:
        scales = np.exp(_fit_log_scales(counts, scatter, parameters, objective))
    else:
        with np.errstate(invalid="ignore", divide="ignore"):  # an empty component collapses
            scales = np.sqrt(scatter / counts)
    return covariances.all_scales(scales)


def _fit_log_scales(
    counts: np.ndarray, scatter: np.ndarray, parameters: MixtureParameters, objective: Objective
) -> np.ndarray:
    prior, lowest = objective.mode_prior.covariances, np.log(objective.smallest_scales)
    result = np.log(objective.layout.covariances.free_scales(parameters.scales))
    for matrix, scale in np.ndindex(*result.shape):
        result[matrix, scale] = best_log_scale(
            result[matrix, scale],
            prior.count + counts[matrix, scale],
            prior.scatter[scale, scale] + scatter[matrix, scale],
            prior,
            scale,
            lowest[scale],
        )
    return result


def _fit_covariances(
    counts: np.ndarray, scatter: np.ndarray, parameters: MixtureParameters, objective: Objective
) -> tuple[np.ndarray, np.ndarray | None]:
    covariances, prior = objective.layout.covariances, objective.mode_prior.covariances
    lowest = np.log(objective.smallest_scales)
    log_scales = np.log(covariances.free_scales(parameters.scales))
    assert parameters.correlations is not None
    pairs = covariances.coordinates(np.asarray(parameters.correlations))
    best = best_covariance if covariances.n_features <= _MOST_FEATURES else _optimized_covariance
    for matrix in range(len(pairs)):
        log_scales[matrix], pairs[matrix] = best(
            log_scales[matrix],
            pairs[matrix],
            prior.count + counts[matrix],
            prior.scatter + scatter[matrix],
            prior,
            lowest,
        )
    return covariances.all_scales(np.exp(log_scales)), covariances.correlations(pairs)


def _optimized_covariance(
    log_scales: Float[np.ndarray, " d"],
    pairs: Float[np.ndarray, " c"],
    count: float,
    scatter: Float[np.ndarray, "d d"],
    prior: CovariancePrior,
    lowest: Float[np.ndarray, " d"],
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " c"]]:
    """Maximize like ``best_covariance``, which stores the full curvature, for many features.

    Those of d features are d (d + 1) / 2, so that its time and memory grow as d^4.
    """
    center, size = np.concatenate((log_scales, pairs)), log_scales.size
    units = np.full(center.size, 1 / math.sqrt(count + 2.0))
    units[:size] = 1 / math.sqrt(2.0 * count + 2.0)

    def expected(position: np.ndarray) -> tuple[float, np.ndarray]:
        return expected_log_posterior(position, count, scatter, prior)

    least = np.full(center.size, -np.inf)
    least[:size] = np.minimum((lowest - log_scales) / units[:size], 0.0)
    position, _ = highest_point(
        expected, center, units, lowest=least, gain=_LEAST_GAIN, max_steps=_STEPS
    )
    return position[:size], position[size:]


def _pooled(
    statistics: SufficientStatistics, objective: Objective
) -> tuple[np.ndarray, np.ndarray]:
    """Add up counts and scatter of the components that share a covariance matrix."""
    pooled = objective.layout.covariances.pooled
    return pooled(statistics.counts), pooled(statistics.scatter)
