"""Parts of Gaussian mixtures: marginal mixtures, conditional ones, and both at once for many rows.

With the given features o, the others m of component k are normal with mean mu_m + B (x_o - mu_o)
and covariance C, where B = S_mo S_oo^-1 and C = S_mm - B S_om; its weight is proportional to
pi_k N(x_o | mu_o, S_oo) (Ghahramani & Jordan, 1994). The Cholesky factor of a covariance matrix
that has the given features first holds all of it: with its blocks L_oo, L_mo and L_mm,
B = L_mo L_oo^-1 and C = L_mm L_mm'.

Axes: batch axes first, then components k, then features d: g given ones, t others.

References
----------
Ghahramani, Z. and Jordan, M. I. (1994). Supervised learning from incomplete data via an EM
approach. Advances in Neural Information Processing Systems 6, 120-127.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from bayesgmm.numerics.kernels.patterns import marginals
from bayesgmm.numerics.statistics import (
    FactoredForm,
    PrecisionForm,
    correlation_roots,
    each_mixture,
)
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters


def marginal_mixture(
    parameters: MixtureParameters, features: Int[np.ndarray, " m"]
) -> MixtureParameters:
    """Return the mixture of some features, in the given order; the others are integrated out."""
    correlations = parameters.correlations
    if isinstance(correlations, FactoredCorrelations):
        correlations = correlations.marginal(features)
    elif correlations is not None:
        correlations = correlations[..., features[:, None], features]
    means, scales = parameters.means[..., features], parameters.scales[..., features]
    return MixtureParameters(parameters.weights, means, scales, correlations)


def conditional_mixture(
    parameters: MixtureParameters, given: Int[np.ndarray, " g"], values: Float[np.ndarray, " g"]
) -> MixtureParameters:
    """Return the mixture of the other features, in their order, at ``values`` of the given ones.

    Where the values are too far from every component to be squared, weights are NaN.
    """
    others = np.setdiff1d(np.arange(parameters.n_features), given)
    scales = parameters.scales[..., given]
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        log_weights = np.log(parameters.weights) - np.log(scales).sum(axis=-1)
        white = (values - parameters.means[..., given]) / scales
        if parameters.correlations is None:
            weights = _normalized(log_weights - 0.5 * (white**2).sum(axis=-1))
            means, scales = parameters.means[..., others], parameters.scales[..., others]
            return MixtureParameters(weights, means, scales)
        order, size = np.concatenate([given, others]), given.size
        roots = correlation_roots(np.asarray(parameters.correlations)[..., order[:, None], order])
        white = np.linalg.solve(roots[..., :size, :size], white[..., None])[..., 0]
        log_weights -= np.log(np.diagonal(roots, axis1=-2, axis2=-1)[..., :size]).sum(axis=-1)
        weights = _normalized(log_weights - 0.5 * (white**2).sum(axis=-1))
        shifts = np.einsum("...tg,...g->...t", roots[..., size:, :size], white)
    means = parameters.means[..., others] + parameters.scales[..., others] * shifts
    lengths, correlations = _as_correlations(roots[..., size:, size:])
    return MixtureParameters(weights, means, parameters.scales[..., others] * lengths, correlations)


def _normalized(log_weights: Float[np.ndarray, "*batch k"]) -> Float[np.ndarray, "*batch k"]:
    return np.exp(log_weights - logsumexp(log_weights, axis=-1, keepdims=True))


def _as_correlations(roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scales and correlations of covariances that have these lower factors."""
    lengths = np.sqrt((roots**2).sum(axis=-1))
    units = roots / lengths[..., None]
    correlations = units @ np.swapaxes(units, -1, -2)
    diagonal = np.arange(roots.shape[-1])
    correlations[..., diagonal, diagonal] = 1.0
    return lengths, correlations


@dataclass(frozen=True, eq=False)
class Split:
    """Mixtures cut in two: some features on their own, and the others given these.

    Attributes
    ----------
    given : PrecisionForm
        The marginal mixture of the g given features.
    means : array, shape (..., k, t)
        Means of the others.
    slopes : array, shape (..., k, t, g)
        B: what the means of the others gain for each unit of the given ones.
    rests : array, shape (..., k, t, t)
        C: the covariances that are left.
    """

    given: PrecisionForm
    means: Float[np.ndarray, "*batch k t"]
    slopes: Float[np.ndarray, "*batch k t g"]
    rests: Float[np.ndarray, "*batch k t t"]


def split(
    mixture: PrecisionForm | FactoredForm, order: Int[np.ndarray, " d"], n_given: int
) -> Split:
    """Cut one mixture after the first ``n_given`` features of ``order``, a permutation of all."""
    others, arguments = order[n_given:], mixture.kernel_arguments()
    means = mixture.means[:, others]
    *marginal, slopes, rests = marginals(order, n_given, *arguments)
    if not mixture.correlated:
        slopes, rests = np.zeros((*means.shape, n_given)), np.eye(others.size) * rests[:, :, None]
    return Split(PrecisionForm(*marginal), means, slopes, rests)


def split_all(draws: MixtureParameters, order: Int[np.ndarray, " d"], n_given: int) -> Split:
    """Split many mixtures; they lie along one axis, whatever the batch axes were."""
    parts = [split(mixture, order, n_given) for _, mixture in each_mixture(draws)]
    given = [part.given.kernel_arguments() for part in parts]
    return Split(
        PrecisionForm(*(np.stack(arrays) for arrays in zip(*given, strict=True))),
        *(np.stack([getattr(part, name) for part in parts]) for name in _OF_OTHERS),
    )


_OF_OTHERS = ("means", "slopes", "rests")
