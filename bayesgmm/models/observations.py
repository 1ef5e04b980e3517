"""The distribution of one row of a Gaussian mixture, with its allocation marginalized.

    log p(x) = logsumexp_k [log w_k + log N(x | mu_k, Sigma_k)]

``pm.Mixture`` is not used: over multivariate normals it solves one small triangular system per
row and component, and over batched univariate normals it draws a label per feature instead of
one per row. Here a row has one label, and every component is one batched solve over all rows.

Axes: rows ``(..., d)``, weights ``(k,)``, means ``(k, d)``, factors ``(k, d, d)`` (lower
Cholesky factors of the covariances) or ``(k, d)`` (standard deviations).

Rows with missing cells, sample weights or labels have the density

    log p(x_i) = w_i logsumexp_k [log w_k + log q_ik + log N(x_io | mu_ko, Sigma_koo)]

The features o of row i are observed, the others integrated out; w_i says how often the row counts,
and q_ik is the label likelihood of component k (Côme et al., 2009). Draws are complete rows without
labels. Missing cells are NaN in the observed value; PyMC's own treatment,
to sample every missing cell, is not used.

Features are standardized by component; a missing feature has deviation zero, and its rows and
columns of the correlation matrices are those of the identity. So missing features do not change
shapes, and all patterns are factorized in one batch: a graph that loops over many patterns would
take minutes to compile.

Axes: rows ``(n, d)``, patterns ``(p, d)``, true where a feature is observed; others as
above.

References
----------
Côme, E., Oukhellou, L., Denoeux, T. and Aknin, P. (2009). Learning from partially supervised data
using mixture models and belief functions. Pattern Recognition 42, 334-348.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import Distribution, SymbolicRandomVariable
from pymc.distributions.shape_utils import rv_size_is_none
from pymc.pytensorf import normalize_rng_param
from pytensor.gradient import disconnected_grad
from pytensor.tensor import TensorVariable
from pytensor.tensor.random.utils import normalize_size_param

from bayesgmm.data.dataset import Dataset
from bayesgmm.schema import COMPONENT, FEATURE, LABEL_LIKELIHOOD, ROW, ROW_WEIGHT

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


class MixtureRowRV(SymbolicRandomVariable):
    """A random row: a label from the weights, then the mean of that component plus noise."""

    @staticmethod
    @abstractmethod
    def colored(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
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
        rows = means[labels] + cls.colored(noise, factors[labels])
        inputs = [rng, size, weights, means, factors, *annotations]
        return cls(inputs=inputs, outputs=[final_rng, rows])(*inputs)


class CorrelatedRowRV(MixtureRowRV):
    """A random row of a mixture whose features are correlated within components."""

    name = "correlated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d,d)->[rng],(d)"
    _print_name = ("CorrelatedRow", "\\operatorname{CorrelatedRow}")

    @staticmethod
    def colored(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
        """Return L z for every row."""
        return (factors * noise[..., None, :]).sum(axis=-1)


class UncorrelatedRowRV(MixtureRowRV):
    """A random row of a mixture whose features are independent within components."""

    name = "uncorrelated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d)->[rng],(d)"
    _print_name = ("UncorrelatedRow", "\\operatorname{UncorrelatedRow}")

    @staticmethod
    def colored(noise: TensorVariable, factors: TensorVariable) -> TensorVariable:
        """Return sigma z for every row."""
        return factors * noise


def mean_row(
    row: TensorVariable, _size: Any, weights: TensorVariable, means: TensorVariable, *_others: Any
) -> TensorVariable:
    """Return the mean of the mixture, in the shape of the rows: where an unobserved row starts."""
    return pt.broadcast_to(weights @ means, row.shape)


class RowDistribution(Distribution):
    """Base class of the distributions of rows."""

    @classmethod
    def dist(cls, *parameters: Any, **options: Any) -> TensorVariable:
        """Return rows that belong to no model; parameters as ``logp`` takes them."""
        return super().dist([pt.as_tensor(part) for part in parameters], **options)


class CorrelatedRow(RowDistribution):
    """Rows of a mixture with weights, means and Cholesky factors of the covariances."""

    rv_type = CorrelatedRowRV
    rv_op = CorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

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


class UncorrelatedRow(RowDistribution):
    """Rows of a mixture with weights, means and standard deviations."""

    rv_type = UncorrelatedRowRV
    rv_op = UncorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

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
    """Marginalize the allocations of whitened deviations, axes (component, row, feature)."""
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


PATTERN, PATTERN_OF_ROW, OBSERVED = "pattern", "pattern_of_row", "is_observed"
"""A dim, the pattern that each row has along it, and the features that are observed in each."""


class AnnotatedCorrelatedRowRV(CorrelatedRowRV):
    """A random row, with its sample weight, its label log likelihoods and its pattern."""

    name = "annotated_correlated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d,d),(),(k),(),(p,d)->[rng],(d)"
    _print_name = ("AnnotatedCorrelatedRow", "\\operatorname{AnnotatedCorrelatedRow}")


class AnnotatedUncorrelatedRowRV(UncorrelatedRowRV):
    """A random row, with its sample weight and its label log likelihoods."""

    name = "annotated_uncorrelated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d),(),(k)->[rng],(d)"
    _print_name = ("AnnotatedUncorrelatedRow", "\\operatorname{AnnotatedUncorrelatedRow}")


class AnnotatedCorrelatedRow(RowDistribution):
    """Rows of a mixture with weights, means and Cholesky factors of the covariances."""

    rv_type = AnnotatedCorrelatedRowRV
    rv_op = AnnotatedCorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        cholesky: TensorVariable,
        sample_weight: TensorVariable,
        label_likelihood: TensorVariable,
        pattern: TensorVariable,
        patterns: TensorVariable,
    ) -> TensorVariable:
        """Return the log density of what is observed of each row, times its weight."""
        scales = pt.sqrt((cholesky**2).sum(axis=-1))
        standardized, constants = _standardized(value, weights, means, scales)
        whitening = _marginal_whitening(cholesky / scales[..., None], patterns)
        whitened = (whitening[pattern] * standardized[..., None, :]).sum(axis=-1)
        diagonals = pt.diagonal(whitening, axis1=-2, axis2=-1)
        constants += pt.log(diagonals).sum(axis=-1)[pattern]
        return _annotated_density(value, constants, whitened, sample_weight, label_likelihood)


class AnnotatedUncorrelatedRow(RowDistribution):
    """Rows of a mixture with weights, means and standard deviations."""

    rv_type = AnnotatedUncorrelatedRowRV
    rv_op = AnnotatedUncorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
        sample_weight: TensorVariable,
        label_likelihood: TensorVariable,
    ) -> TensorVariable:
        """Return the log density of what is observed of each row, times its weight."""
        standardized, constants = _standardized(value, weights, means, scales)
        return _annotated_density(value, constants, standardized, sample_weight, label_likelihood)


def declare_annotations(
    distribution: type[CorrelatedRow] | type[UncorrelatedRow], data: Dataset
) -> tuple[type[Distribution], tuple[TensorVariable, ...]]:
    """Declare weights, labels and patterns of rows as data of the model on the context stack.

    Returns
    -------
    distribution : type
        The distribution of annotated rows that belongs to that of plain ones.
    annotations : tuple of TensorVariable
        Its parameters after those of plain rows. What is the same for all rows is a constant.
    """
    annotations = (_sample_weight(data), _label_likelihood(data))
    if distribution is UncorrelatedRow:
        return AnnotatedUncorrelatedRow, annotations
    return AnnotatedCorrelatedRow, (*annotations, *_patterns(data))


def _sample_weight(data: Dataset) -> TensorVariable:
    if not data.weights.size:
        return pt.constant(1.0)
    return pm.Data(ROW_WEIGHT, data.weights, dims=ROW)


def _label_likelihood(data: Dataset) -> TensorVariable:
    if not data.label_log_likelihoods.size:
        return pt.ones(1)
    return pm.Data(LABEL_LIKELIHOOD, np.exp(data.label_log_likelihoods), dims=(ROW, COMPONENT))


def _patterns(data: Dataset) -> tuple[TensorVariable, TensorVariable]:
    """Return the number of each row's pattern, and the patterns."""
    if not data.has_gaps:
        return pt.constant(0), pt.ones((1, data.n_features), dtype=bool)
    patterns, numbers = np.unique(~np.isnan(data.values), axis=0, return_inverse=True)
    pattern = pm.Data(PATTERN_OF_ROW, numbers, dims=ROW)
    coords = {PATTERN: range(len(patterns))}
    return pattern, pm.Data(OBSERVED, patterns, dims=(PATTERN, FEATURE), coords=coords)


def _standardized(
    value: TensorVariable, weights: TensorVariable, means: TensorVariable, scales: TensorVariable
) -> tuple[TensorVariable, TensorVariable]:
    """Return deviations in units of scales, axes (row, component, feature), zero where missing.

    Also log w_k minus the logarithms of the scales of observed features, axes (row, component).
    """
    rows = value.reshape((-1, value.shape[-1]))
    observed = ~pt.isnan(rows)
    filled = pt.switch(observed, rows, 0.0)
    deviations = (filled[:, None, :] - means) / scales
    constants = pt.log(weights) - observed.astype(value.dtype) @ pt.log(scales).T
    return observed[:, None, :] * deviations, constants


def _marginal_whitening(cholesky: TensorVariable, patterns: TensorVariable) -> TensorVariable:
    """Return inverse Cholesky factors of correlation matrices with missing features cut out.

    Parameters
    ----------
    cholesky : shape (k, d, d)
        Of whole correlation matrices.
    patterns : shape (p, d)

    Returns
    -------
    TensorVariable, shape (p, k, d, d)
        Rows and columns of missing features are those of the identity.
    """
    eye = np.eye(cholesky.type.shape[-1])
    kept = patterns[:, :, None] * patterns[:, None, :]
    correlations = pt.switch(kept[:, None], cholesky @ cholesky.mT, eye)
    factors = pt.linalg.cholesky(correlations, lower=True)
    identities = pt.broadcast_to(eye, correlations.shape)
    return pt.linalg.solve_triangular(factors, identities, lower=True, b_ndim=2)


def _annotated_density(
    value: TensorVariable,
    constants: TensorVariable,
    whitened: TensorVariable,
    sample_weight: TensorVariable,
    label_likelihood: TensorVariable,
) -> TensorVariable:
    """Marginalize the allocations, and multiply by the weights of the rows."""
    joint = constants + pt.log(label_likelihood) - 0.5 * (whitened**2).sum(axis=-1)
    density = log_sum_exp(joint.T).reshape(value.shape[:-1])
    return sample_weight * (density - HALF_LOG_2_PI * (~pt.isnan(value)).sum(axis=-1))
