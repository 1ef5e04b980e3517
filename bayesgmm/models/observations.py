"""The distribution of one row of a Gaussian mixture, with its allocation summed out.

    log p(x) = logsumexp_k [log w_k + log N(x | mu_k, Sigma_k)]

``pm.Mixture`` is not used: over multivariate normals it solves one small triangular system per
row and component, and over batched univariate normals it draws a label per feature instead of
one per row. Here a row has one label, and every component is one batched solve over all rows.

Axes: rows ``(..., d)``, weights ``(k,)``, means ``(k, d)``, factors ``(k, d, d)`` (lower
Cholesky factors of the covariances) or ``(k, d)`` (standard deviations).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import pytensor.tensor as pt
from pymc.distributions.distribution import Distribution, SymbolicRandomVariable
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.pytensorf import normalize_rng_param
from pytensor.gradient import disconnected_grad
from pytensor.tensor import TensorVariable
from pytensor.tensor.random.utils import normalize_size_param

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class MixtureRowRV(SymbolicRandomVariable):
    """A random row: a label from the weights, then the mean of that component plus noise."""

    @staticmethod
    @abstractmethod
    def coloured(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
        """Give standard normal rows the covariance of their factors, one factor per row."""

    @classmethod
    def rv_op(
        cls,
        weights: TensorVariable,
        means: TensorVariable,
        factors: TensorVariable,
        *annotations: TensorVariable,
        size: Any = None,
        rng: Any = None,
    ) -> TensorVariable:
        """Build the graph that draws ``size`` independent rows, whole whatever the annotations."""
        rng, size = normalize_rng_param(rng), normalize_size_param(size)
        next_rng, labels = pt.random.categorical(
            weights, size=None if rv_size_is_none(size) else size, rng=rng, return_next_rng=True
        )
        final_rng, noise = pt.random.normal(
            size=(*labels.shape, means.shape[-1]), rng=next_rng, return_next_rng=True
        )
        rows = means[labels] + cls.coloured(noise, factors[labels])
        inputs = [rng, size, weights, means, factors, *annotations]
        return cls(inputs=inputs, outputs=[final_rng, rows])(*inputs)


class CorrelatedRowRV(MixtureRowRV):
    """A random row of a mixture whose features are correlated within components."""

    name = "correlated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d,d)->[rng],(d)"
    _print_name = ("CorrelatedRow", "\\operatorname{CorrelatedRow}")

    @staticmethod
    def coloured(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
        """Return L z for every row."""
        return (factors * noise[..., None, :]).sum(axis=-1)


class UncorrelatedRowRV(MixtureRowRV):
    """A random row of a mixture whose features are independent within components."""

    name = "uncorrelated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d)->[rng],(d)"
    _print_name = ("UncorrelatedRow", "\\operatorname{UncorrelatedRow}")

    @staticmethod
    def coloured(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
        """Return sigma z for every row."""
        return factors * noise


def mean_row(
    row: TensorVariable, _size: Any, weights: TensorVariable, means: TensorVariable, *_others: Any
) -> TensorVariable:
    """Return the mean of the mixture, in the shape of the rows: where an unobserved row starts."""
    return pt.broadcast_to(weights @ means, row.shape)


class CorrelatedRow(Distribution):
    """Rows of a mixture with weights, means and Cholesky factors of the covariances."""

    rv_type = CorrelatedRowRV
    rv_op = CorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @classmethod
    def dist(cls, weights: Any, means: Any, cholesky: Any, **options: Any) -> TensorVariable:
        """Return rows that belong to no model."""
        parameters = [pt.as_tensor(part) for part in (weights, means, cholesky)]
        return super().dist(parameters, **options)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        cholesky: TensorVariable,
    ) -> TensorVariable:
        """Return the log density of each row."""
        deviations = _deviations(value, means)
        whitened = pt.linalg.solve_triangular(cholesky, deviations.mT, lower=True, b_ndim=2).mT
        scales = pt.diagonal(cholesky, axis1=-2, axis2=-1)
        return _summed_out(value, weights, whitened, scales)


class UncorrelatedRow(Distribution):
    """Rows of a mixture with weights, means and standard deviations."""

    rv_type = UncorrelatedRowRV
    rv_op = UncorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @classmethod
    def dist(cls, weights: Any, means: Any, scales: Any, **options: Any) -> TensorVariable:
        """Return rows that belong to no model."""
        parameters = [pt.as_tensor(part) for part in (weights, means, scales)]
        return super().dist(parameters, **options)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
    ) -> TensorVariable:
        """Return the log density of each row."""
        whitened = _deviations(value, means) / scales[:, None, :]
        return _summed_out(value, weights, whitened, scales)


def _deviations(value: TensorVariable, means: TensorVariable) -> TensorVariable:
    """Return rows minus means, axes (component, row, feature)."""
    rows = value.reshape((-1, value.shape[-1]))
    return rows[None, :, :] - means[:, None, :]


def _summed_out(
    value: TensorVariable,
    weights: TensorVariable,
    whitened: TensorVariable,
    scales: TensorVariable,
) -> TensorVariable:
    """Sum the allocations out of whitened deviations, axes (component, row, feature)."""
    constants = pt.log(weights) - pt.log(scales).sum(axis=-1)
    joint = constants[:, None] - 0.5 * (whitened**2).sum(axis=-1)
    density = log_sum_exp(joint) - HALF_LOG_2_PI * value.shape[-1]
    return density.reshape(value.shape[:-1])


def log_sum_exp(joint: TensorVariable) -> TensorVariable:
    """Return the log of the sum of exponentials over the components, the first axis.

    Written out, because ``pt.logsumexp`` is stable only after a rewrite that fast compilation
    modes leave out. The shift cancels, so no gradient needs to flow through it.
    """
    largest = disconnected_grad(joint.max(axis=0))
    return largest + pt.log(pt.exp(joint - largest).sum(axis=0))
