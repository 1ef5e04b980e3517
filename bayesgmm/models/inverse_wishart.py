"""Priors of covariance matrices as PyMC variables: inverse-Wishart, and a scale mixture of them.

Axes: covariance matrices, ``(..., d, d)``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.distributions.distribution import Continuous, SymbolicRandomVariable
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.logprob.transforms import Transform
from pymc.pytensorf import normalize_rng_param
from pytensor.tensor import TensorVariable
from pytensor.tensor.random.utils import normalize_size_param

from bayesgmm.models.correlations import CorrelationTransform


class InverseWishartRV(SymbolicRandomVariable):
    """A random covariance matrix."""

    name = "inverse_wishart"
    extended_signature = "[rng],[size],(),(d,d)->[rng],(d,d)"
    _print_name = ("InverseWishart", "\\operatorname{InverseWishart}")

    @classmethod
    def rv_op(
        cls, freedom: Any, scale: Any, *, size: Any = None, rng: Any = None
    ) -> TensorVariable:
        """Build the graph that draws ``size`` matrices.

        With scale = L L' and T T' ~ Wishart(nu, I) by Bartlett's decomposition (1933), the
        matrix W' W, W = T^-1 L', follows the inverse-Wishart distribution.
        """
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        freedom, scale = pt.as_tensor(freedom), pt.as_tensor(scale)
        batch = () if rv_size_is_none(size) else tuple(size)
        root = pt.linalg.cholesky(scale, lower=True)
        final_rng, draws = _bartlett(rng, freedom, root, scale.type.shape[-1], batch)
        inputs = [rng, size, freedom, scale]
        return cls(inputs=inputs, outputs=[final_rng, draws])(*inputs)


def _bartlett(
    rng: Any, freedom: TensorVariable, root: TensorVariable, n: int, batch: tuple[Any, ...]
) -> tuple[Any, TensorVariable]:
    """Draw inverse-Wishart matrices with scale root root', a root for all or one for each."""
    next_rng, squares = pt.random.chisquare(
        freedom - np.arange(n), size=(*batch, n), rng=rng, return_next_rng=True
    )
    final_rng, noise = pt.random.normal(size=(*batch, n, n), rng=next_rng, return_next_rng=True)
    triangle = noise * np.tri(n, k=-1) + pt.sqrt(squares)[..., None] * np.eye(n)
    root = pt.broadcast_to(root.mT, triangle.shape)
    whitened = pt.linalg.solve_triangular(triangle, root, lower=True, b_ndim=2)
    return final_rng, whitened.mT @ whitened


class HuangWandRV(SymbolicRandomVariable):
    """A random covariance matrix with half-t scales."""

    name = "huang_wand"
    extended_signature = "[rng],[size],(),(d)->[rng],(d,d)"
    _print_name = ("HuangWand", "\\operatorname{HuangWand}")

    @classmethod
    def rv_op(cls, freedom: Any, rate: Any, *, size: Any = None, rng: Any = None) -> TensorVariable:
        """Build the graph that draws ``size`` matrices, mixing scales first."""
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        freedom, rate = pt.as_tensor(freedom), pt.as_tensor(rate)
        n, batch = rate.type.shape[-1], () if rv_size_is_none(size) else tuple(size)
        next_rng, mixing = pt.random.gamma(
            0.5, scale=2 / rate, size=(*batch, n), rng=rng, return_next_rng=True
        )
        root = pt.sqrt(mixing)[..., None] * np.eye(n)
        final_rng, draws = _bartlett(next_rng, freedom + n - 1, root, n, batch)
        inputs = [rng, size, freedom, rate]
        return cls(inputs=inputs, outputs=[final_rng, draws])(*inputs)


class CovarianceTransform(Transform):
    """The map from all covariance matrices of a variable to one unconstrained vector.

    The vector holds the logarithms of all standard deviations, then the correlation coordinates
    of all matrices, see :class:`~bayesgmm.models.correlations.CorrelationTransform`.
    """

    name = "separated"
    ndim_supp = 1

    def __init__(self, n: int, batch: tuple[int, ...]) -> None:
        self.n, self.batch = n, batch
        # One feature has nothing to be correlated with.
        self.correlations = CorrelationTransform(n) if n > 1 else None

    def forward(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return the unconstrained vector."""
        scales = pt.sqrt(pt.diagonal(value, axis1=-2, axis2=-1))
        parts = [pt.log(scales).ravel()]
        if self.correlations is not None:
            factor = pt.linalg.cholesky(value, lower=True) / scales[..., None]
            parts.append(self.correlations.forward(factor).ravel())
        return pt.concatenate(parts)

    def backward(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return the covariance matrices, shape (..., d, d)."""
        log_scales, coordinates = self._parts(value)
        factor = pt.exp(log_scales)[..., None]
        if self.correlations is not None:
            factor = factor * self.correlations.backward(coordinates)
        return factor @ factor.mT

    def log_jac_det(self, value: TensorVariable, *_parameters: Any) -> TensorVariable:
        """Return log |det| of the derivatives of the entries on and below the diagonals.

        For every matrix it is 2^d times the product of all sigma_i^(d + 1) and, for the diagonal
        of the Cholesky factor of its correlation matrix, all C_ii^(d + 1).
        """
        log_scales, coordinates = self._parts(value)
        logarithms = log_scales.sum()
        if self.correlations is not None:
            factors = self.correlations.backward(coordinates)
            logarithms += pt.log(pt.diagonal(factors, axis1=-2, axis2=-1)).sum()
        n_scales = self.n * math.prod(self.batch)
        return (self.n + 1) * logarithms + n_scales * math.log(2)

    def _parts(self, value: TensorVariable) -> tuple[TensorVariable, TensorVariable]:
        n_scales = self.n * math.prod(self.batch)
        log_scales = value[:n_scales].reshape((*self.batch, self.n))
        n_pairs = self.n * (self.n - 1) // 2
        return log_scales, value[n_scales:].reshape((*self.batch, n_pairs))


class CovarianceMatrices(Continuous):
    """Covariance matrices; not to be used itself."""

    def __new__(cls, name: str, *, batch: tuple[int, ...], **declaration: Any) -> TensorVariable:
        """Declare ``batch`` matrices in the model on the context stack."""
        n_features = next(np.shape(each)[-1] for each in declaration.values() if np.ndim(each))
        transform = CovarianceTransform(n_features, batch)
        return super().__new__(cls, name, size=batch, default_transform=transform, **declaration)


class InverseWishart(CovarianceMatrices):
    """Covariance matrices with density c |Sigma|^(-(nu + d + 1) / 2) exp(-tr(Psi Sigma^-1) / 2)."""

    rv_type = InverseWishartRV
    rv_op = InverseWishartRV.rv_op

    @classmethod
    def dist(cls, freedom: Any, scale: Any, **options: Any) -> TensorVariable:
        """Return matrices that belong to no model."""
        return super().dist([pt.as_tensor(freedom), pt.as_tensor(scale)], **options)

    @staticmethod
    def support_point(
        matrix: TensorVariable, _size: Any, freedom: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Return the mode in the shape of the matrices."""
        return pt.broadcast_to(scale / (freedom + scale.shape[-1] + 1), matrix.shape)

    @staticmethod
    def logp(
        value: TensorVariable, freedom: TensorVariable, scale: TensorVariable
    ) -> TensorVariable:
        """Return the log density of each matrix."""
        n, half = scale.shape[-1], 0.5 * freedom
        of_scale, of_value = (pt.linalg.cholesky(matrix, lower=True) for matrix in (scale, value))
        root = pt.broadcast_to(of_scale, value.shape)
        whitened = pt.linalg.solve_triangular(of_value, root, lower=True, b_ndim=2)
        constant = freedom * _log_diagonal(of_scale) - half * n * math.log(2)
        constant -= n * (n - 1) / 4 * math.log(math.pi)
        constant -= pt.gammaln(half - pt.arange(n) / 2).sum()
        exponent = 0.5 * (whitened**2).sum(axis=(-2, -1))
        return constant - (freedom + n + 1) * _log_diagonal(of_value) - exponent


class HuangWand(CovarianceMatrices):
    """Covariance matrices with half-t scales and correlations that are flat for nu = 2.

    The density is c |Sigma|^(-(nu + 2 d) / 2) prod_j ((Sigma^-1)_jj + rate_j)^(-(nu + d) / 2).

    References
    ----------
    Huang, A. and Wand, M. P. (2013). Simple marginally noninformative prior distributions for
    covariance matrices. Bayesian Analysis 8, 439-452.
    """

    rv_type = HuangWandRV
    rv_op = HuangWandRV.rv_op

    @classmethod
    def dist(cls, freedom: Any, rate: Any, **options: Any) -> TensorVariable:
        """Return matrices that belong to no model."""
        return super().dist([pt.as_tensor(freedom), pt.as_tensor(rate)], **options)

    @staticmethod
    def support_point(
        matrix: TensorVariable, _size: Any, freedom: TensorVariable, rate: TensorVariable
    ) -> TensorVariable:
        """Return diagonal matrices with the scales of the half-t distributions."""
        return pt.broadcast_to(pt.diag(1 / (freedom * rate)), matrix.shape)

    @staticmethod
    def logp(
        value: TensorVariable, freedom: TensorVariable, rate: TensorVariable
    ) -> TensorVariable:
        """Return the log density of each matrix."""
        n = rate.shape[-1]
        wishart, beta = freedom + n - 1, (freedom + n) / 2
        constant = n * (pt.gammaln(beta) - 0.5 * math.log(math.pi)) + 0.5 * pt.log(rate).sum()
        constant -= n * (n - 1) / 4 * math.log(math.pi)
        constant -= pt.gammaln((wishart - pt.arange(n)) / 2).sum()
        factor = pt.linalg.cholesky(value, lower=True)
        mixed = (beta * pt.log(partial_precisions(factor) + rate)).sum(axis=-1)
        return constant - (freedom + 2 * n) * _log_diagonal(factor) - mixed


def partial_precisions(factor: TensorVariable) -> TensorVariable:
    """Return the diagonal of the inverse of each matrix, given its Cholesky factor."""
    identity = pt.broadcast_to(pt.eye(factor.shape[-1]), factor.shape)
    whitened = pt.linalg.solve_triangular(factor, identity, lower=True, b_ndim=2)
    return (whitened**2).sum(axis=-2)


def _log_diagonal(factor: TensorVariable) -> TensorVariable:
    return pt.log(pt.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
