"""The log posterior density written with SciPy, from the definitions and nothing of the package.

Densities are with respect to the natural parameters: k - 1 weights, means, standard deviations,
and the entries below the diagonal of the correlation matrices. The map to them from an
unconstrained vector is written here once more, for complex arguments too, so that its Jacobian
follows from the complex step (Squire & Trapp, 1998), exact to rounding.

References
----------
Squire, W. and Trapp, G. (1998). Using complex variables to estimate derivatives of real
functions. SIAM Review 40, 110-112.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
from scipy import special, stats

from bayesgmm.priors.covariances import CorrelatedStructure, DiagonalStructure
from bayesgmm.priors.factors import Factors
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.scales import Exponential, Gamma, HalfNormal, HalfT, InverseGamma, LogNormal
from bayesgmm.priors.spec import MixtureSpec

_STEP = 1e-30


@dataclass(frozen=True)
class Natural:
    """The free natural parameters: of m covariance matrices, each with s scales."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, d)
    scales: np.ndarray  # (m, s)
    correlations: np.ndarray | None  # (m, d, d)
    signals: np.ndarray | None = None  # (m, q, d), loadings over the scales, of factor analyzers

    def flat(self) -> np.ndarray:
        """Return what the density is a density of, as one vector."""
        parts = [self.weights[:-1], self.means.ravel(), self.scales.ravel()]
        if self.correlations is not None:
            rows, columns = np.tril_indices(self.means.shape[1], -1)
            parts.append(self.correlations[:, rows, columns].ravel())
        if self.signals is not None:
            parts.append(self.signals.ravel())
        return np.concatenate(parts)

    def covariances(self) -> np.ndarray:
        """Return the covariance matrix of every component, shape (k, d, d)."""
        k, d = self.means.shape
        scales = np.broadcast_to(self.scales, (k, d))
        matrices = np.broadcast_to(np.eye(d), (k, d, d))
        if self.correlations is not None:
            matrices = np.broadcast_to(self.correlations, (k, d, d))
        if self.signals is not None:
            matrices = matrices + np.swapaxes(self.signals, 1, 2) @ self.signals
        return scales[:, :, None] * matrices * scales[:, None, :]


def natural(spec: MixtureSpec, n_features: int, position: np.ndarray) -> Natural:
    """Read an unconstrained vector: log-ratios, means, log scales, rows of Cholesky factors."""
    k, d, structure = spec.n_components, n_features, spec.covariances
    m, s = (1 if structure.tied else k), (1 if structure.isotropic else d)
    pairs = d * (d - 1) // 2 if structure.correlated else 0
    ratios, means, log_scales, y = np.split(position, np.cumsum([k - 1, k * d, m * s]))
    exponentials = np.exp(np.append(ratios, -ratios.sum()))
    if isinstance(structure, Factors):
        return Natural(
            exponentials / exponentials.sum(),
            means.reshape(k, d),
            np.exp(log_scales).reshape(m, s),
            None,
            y.reshape(m, structure.n_factors, d) if d > 1 else None,
        )
    return Natural(
        exponentials / exponentials.sum(),
        means.reshape(k, d),
        np.exp(log_scales).reshape(m, s),
        np.array([_correlation(row, d) for row in y.reshape(m, pairs)]) if pairs else None,
    )


def _correlation(y: np.ndarray, size: int) -> np.ndarray:
    """Row i of the Cholesky factor is (y_i, 1) / sqrt(1 + |y_i|^2)."""
    factor = np.eye(size, dtype=y.dtype)
    factor[np.tril_indices(size, -1)] = y
    factor /= np.sqrt((factor**2).sum(axis=1, keepdims=True))
    return factor @ factor.T


def log_posterior(spec: MixtureSpec, X: np.ndarray, position: np.ndarray) -> float:
    """Return the log density on the unconstrained space: likelihood, priors, Jacobian."""
    parameters = natural(spec, X.shape[1], position)
    return (
        log_likelihood(spec, X, parameters)
        + log_prior(spec, parameters)
        + log_jacobian(spec, X.shape[1], position)
    )


def log_jacobian(spec: MixtureSpec, n_features: int, position: np.ndarray) -> float:
    """Return log |det d natural / d position|."""
    steps = 1j * _STEP * np.eye(position.size)
    columns = [natural(spec, n_features, position + step).flat().imag for step in steps]
    return np.linalg.slogdet(np.array(columns).T / _STEP)[1]


def log_likelihood(spec: MixtureSpec, X: np.ndarray, parameters: Natural) -> float:
    """Return the sum over rows of log sum_k pi_k N(x | mu_k, Sigma_k)."""
    covariances = parameters.covariances()
    joint = joint_log_densities(X, parameters.weights, parameters.means, covariances)
    return float(special.logsumexp(joint, axis=1).sum())


def joint_log_densities(
    X: np.ndarray, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> np.ndarray:
    """Return log(pi_k N(x_i | mu_k, Sigma_k)), shape (n, k).

    SciPy is given the Cholesky factors: the eigenvalues that it would take lose digits where the
    units of the features differ.
    """
    factors = map(stats.Covariance.from_cholesky, np.linalg.cholesky(covariances))
    columns = [
        np.log(weight) + np.atleast_1d(stats.multivariate_normal(mean, factor).logpdf(X))
        for weight, mean, factor in zip(weights, means, factors, strict=True)
    ]
    return np.stack(columns, axis=1)


def log_prior(spec: MixtureSpec, parameters: Natural) -> float:
    """Return the log prior density of the natural parameters."""
    total = stats.norm(spec.means.loc, spec.means.scale).logpdf(parameters.means).sum()
    total += log_prior_of_weights(spec, parameters.weights)
    total += log_prior_of_covariances(spec.covariances, parameters)
    return float(total - wall(spec, parameters))


def wall(spec: MixtureSpec, parameters: Natural) -> float:
    """Return what keeps partial standard deviations above the resolution over sqrt(12)."""
    if isinstance(spec.covariances, InverseWishartStructure):
        return 0.0
    m, s = parameters.scales.shape
    resolution = np.broadcast_to(spec.resolution, parameters.means.shape[1])
    if s < resolution.size:
        resolution = np.sqrt(np.mean(resolution**2, keepdims=True))
    if isinstance(spec.covariances, Factors):  # of the uniquenesses
        return float(np.sum((resolution**2 / 12 / parameters.scales**2) ** 4))
    precisions = np.linalg.inv(parameters.covariances()[:m])
    partial = np.diagonal(precisions, axis1=1, axis2=2)[:, :s]
    return float(np.sum((resolution**2 / 12 * partial) ** 4))


@singledispatch
def log_prior_of_covariances(structure, parameters: Natural) -> float:
    """Return the log prior density of the scales and correlations of all free matrices."""
    raise NotImplementedError


@log_prior_of_covariances.register
def _(structure: DiagonalStructure, parameters: Natural) -> float:
    return scale_distribution(structure.scales).logpdf(parameters.scales).sum()


@log_prior_of_covariances.register
def _(structure: Factors, parameters: Natural) -> float:
    total = scale_distribution(structure.scales).logpdf(parameters.scales).sum()
    if parameters.signals is None:
        return total
    d = parameters.means.shape[1]
    column = stats.multivariate_t(np.zeros(d), np.eye(d) / structure.n_factors, df=2)
    return total + column.logpdf(parameters.signals.reshape(-1, d)).sum()


@log_prior_of_covariances.register
def _(structure: CorrelatedStructure, parameters: Natural) -> float:
    if isinstance(structure.scales, HalfT) and parameters.correlations is not None:
        n_matrices, d = parameters.scales.shape
        jacobian = d * (n_matrices * math.log(2) + np.log(parameters.scales).sum())
        free = parameters.covariances()[:n_matrices]
        return sum(huang_wand_log_density(matrix, structure.scales) for matrix in free) + jacobian
    total = scale_distribution(structure.scales).logpdf(parameters.scales).sum()
    if parameters.correlations is not None:
        eta = structure.correlations.eta
        total += sum(lkj_log_density(matrix, eta) for matrix in parameters.correlations)
    return total


@log_prior_of_covariances.register
def _(structure: InverseWishartStructure, parameters: Natural) -> float:
    """The density of the matrices, times 2^d and the product of sigma_i^d for each of them."""
    n_matrices, d = parameters.scales.shape
    jacobian = d * (n_matrices * math.log(2) + np.log(parameters.scales).sum())
    return log_prior_of_matrices(structure, parameters) + jacobian


def log_prior_of_matrices(structure: InverseWishartStructure, parameters: Natural) -> float:
    """Return the log prior density of all free matrices."""
    prior = inverse_wishart(structure, parameters.means.shape[1])
    free = parameters.covariances()[: len(parameters.scales)]
    return sum(prior.logpdf(matrix) for matrix in free)


def inverse_wishart(structure: InverseWishartStructure, d: int):
    """Return the distribution of SciPy, which takes a number, a diagonal or a matrix as well."""
    scale = np.asarray(structure.scale_matrix)
    scale = np.broadcast_to(scale, d) if scale.ndim < 2 else scale
    return stats.invwishart(structure.degrees_of_freedom, scale)


def log_prior_of_weights(spec: MixtureSpec, weights: np.ndarray) -> float:
    """Return the Dirichlet log density; one component has no free weight."""
    if spec.n_components == 1:
        return 0.0
    concentration = np.broadcast_to(spec.weights.concentration, spec.n_components)
    return float(stats.dirichlet(concentration).logpdf(weights))


def huang_wand_log_density(covariance: np.ndarray, prior: HalfT) -> float:
    """Return the log density of Sigma | psi ~ IW(nu + d - 1, diag(psi)), over psi.

    psi_j ~ Gamma(1/2, rate 1 / (2 nu scale_j^2)); each integral over psi_j is a gamma function.
    """
    d, nu = covariance.shape[0], prior.degrees_of_freedom
    rate = 1 / (2 * nu * np.broadcast_to(prior.scale, d) ** 2)
    precisions = np.diagonal(np.linalg.inv(covariance))
    given = stats.invwishart(nu + d - 1, np.eye(d)).logpdf(covariance) + 0.5 * precisions.sum()
    half = 0.5 * (nu + d)
    constants = 0.5 * np.log(rate) - special.gammaln(0.5) + special.gammaln(half)
    return float(given + np.sum(constants - half * np.log(0.5 * precisions + rate)))


def lkj_log_density(correlation: np.ndarray, eta: float) -> float:
    """Return the LKJ log density, normalized by Lewandowski, Kurowicka & Joe (2009), eq. 16."""
    d = correlation.shape[-1]
    log_normalizer = 0.0
    for k in range(1, d):
        half = eta + (d - k - 1) / 2
        log_normalizer += (2 * eta - 2 + d - k) * (d - k) * math.log(2)
        log_normalizer += (d - k) * special.betaln(half, half)
    return (eta - 1) * np.linalg.slogdet(correlation)[1] - log_normalizer


@singledispatch
def scale_distribution(prior):
    """Return the distribution of SciPy that a scale prior stands for."""
    raise NotImplementedError


@scale_distribution.register
def _(prior: HalfT):
    # Where F has 1 and nu degrees of freedom, its root is half-t: sigma^2 / scale^2 ~ F(1, nu).
    return _RootOfF(prior.degrees_of_freedom, np.asarray(prior.scale))


@dataclass(frozen=True)
class _RootOfF:
    freedom: float
    scale: np.ndarray

    def logpdf(self, sigma: np.ndarray) -> np.ndarray:
        squares = stats.f(1, self.freedom, scale=self.scale**2)
        return squares.logpdf(sigma**2) + np.log(2 * sigma)

    def cdf(self, sigma: np.ndarray) -> np.ndarray:
        return stats.f(1, self.freedom, scale=self.scale**2).cdf(sigma**2)


@scale_distribution.register
def _(prior: HalfNormal):
    return stats.halfnorm(scale=prior.scale)


@scale_distribution.register
def _(prior: LogNormal):
    return stats.lognorm(s=prior.scale, scale=np.exp(prior.loc))


@scale_distribution.register
def _(prior: Exponential):
    return stats.expon(scale=1 / np.asarray(prior.rate))


@scale_distribution.register
def _(prior: Gamma):
    return stats.gamma(prior.shape, scale=1 / np.asarray(prior.rate))


@scale_distribution.register
def _(prior: InverseGamma):
    return stats.invgamma(prior.shape, scale=prior.scale)
