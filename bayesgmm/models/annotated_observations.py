"""The distribution of rows of which less, or more, is known than their cells say.

    log p(x_i) = w_i logsumexp_k [log w_k + log q_ik + log N(x_io | mu_ko, Sigma_koo)]

The features o of row i are observed, the others integrated out; w_i says how often the row counts,
and q_ik how plausible component k is for it (Côme et al., 2009). Draws are whole rows, of which
nothing else is known. Where cells are missing the observed value is NaN; PyMC's own way with those,
to sample every missing cell, is kept out.

Features are standardised by component, so that a row lacks a feature where its deviation is zero
and where rows and columns of correlation matrices are those of the identity. So the features that
rows lack change no shape, and all patterns are factorised in one batch: a graph that went from one
pattern to the next would take minutes to compile where there are many.

Axes: rows ``(n, d)``, patterns ``(p, d)``, true where a feature is observed; others as in
``observations.py``.

References
----------
Côme, E., Oukhellou, L., Denoeux, T. and Aknin, P. (2009). Learning from partially supervised data
using mixture models and belief functions. Pattern Recognition 42, 334-348.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.distribution import Distribution
from pytensor.tensor import TensorVariable

from bayesgmm.data.dataset import Dataset
from bayesgmm.models.observations import (
    HALF_LOG_2_PI,
    CorrelatedRow,
    CorrelatedRowRV,
    UncorrelatedRow,
    UncorrelatedRowRV,
    log_sum_exp,
    mean_row,
)
from bayesgmm.schema import COMPONENT, FEATURE, PLAUSIBILITY, ROW, ROW_WEIGHT

PATTERN, PATTERN_OF_ROW, OBSERVED = "pattern", "pattern_of_row", "is_observed"
"""A dim, the pattern that each row has along it, and the features that are observed in each."""


class AnnotatedCorrelatedRowRV(CorrelatedRowRV):
    """A random row, with its sample weight, its plausibilities and its pattern."""

    name = "annotated_correlated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d,d),(),(k),(),(p,d)->[rng],(d)"
    _print_name = ("AnnotatedCorrelatedRow", "\\operatorname{AnnotatedCorrelatedRow}")


class AnnotatedUncorrelatedRowRV(UncorrelatedRowRV):
    """A random row, with its sample weight and its plausibilities."""

    name = "annotated_uncorrelated_row"
    extended_signature = "[rng],[size],(k),(k,d),(k,d),(),(k)->[rng],(d)"
    _print_name = ("AnnotatedUncorrelatedRow", "\\operatorname{AnnotatedUncorrelatedRow}")


class AnnotatedCorrelatedRow(Distribution):
    """Rows of a mixture with weights, means and Cholesky factors of the covariances."""

    rv_type = AnnotatedCorrelatedRowRV
    rv_op = AnnotatedCorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @classmethod
    def dist(cls, *parameters: Any, **options: Any) -> TensorVariable:
        """Return rows that belong to no model; parameters as ``logp`` takes them."""
        return super().dist([pt.as_tensor(part) for part in parameters], **options)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        cholesky: TensorVariable,
        sample_weight: TensorVariable,
        plausibility: TensorVariable,
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
        return _summed_out(value, constants, whitened, sample_weight, plausibility)


class AnnotatedUncorrelatedRow(Distribution):
    """Rows of a mixture with weights, means and standard deviations."""

    rv_type = AnnotatedUncorrelatedRowRV
    rv_op = AnnotatedUncorrelatedRowRV.rv_op
    support_point = staticmethod(mean_row)

    @classmethod
    def dist(cls, *parameters: Any, **options: Any) -> TensorVariable:
        """Return rows that belong to no model; parameters as ``logp`` takes them."""
        return super().dist([pt.as_tensor(part) for part in parameters], **options)

    @staticmethod
    def logp(
        value: TensorVariable,
        weights: TensorVariable,
        means: TensorVariable,
        scales: TensorVariable,
        sample_weight: TensorVariable,
        plausibility: TensorVariable,
    ) -> TensorVariable:
        """Return the log density of what is observed of each row, times its weight."""
        standardized, constants = _standardized(value, weights, means, scales)
        return _summed_out(value, constants, standardized, sample_weight, plausibility)


def declare_annotations(
    distribution: type[CorrelatedRow] | type[UncorrelatedRow], data: Dataset
) -> tuple[type[Distribution], tuple[TensorVariable, ...]]:
    """Declare what is known of rows as data of the model on the context stack.

    Returns
    -------
    distribution : type
        The distribution of annotated rows that belongs to that of plain ones.
    annotations : tuple of TensorVariable
        Its parameters after those of plain rows. What is the same for all rows is a constant.
    """
    annotations = (_sample_weight(data), _plausibility(data))
    if distribution is UncorrelatedRow:
        return AnnotatedUncorrelatedRow, annotations
    return AnnotatedCorrelatedRow, (*annotations, *_patterns(data))


def _sample_weight(data: Dataset) -> TensorVariable:
    if not data.weights.size:
        return pt.constant(1.0)
    return pm.Data(ROW_WEIGHT, data.weights, dims=ROW)


def _plausibility(data: Dataset) -> TensorVariable:
    if not data.plausibilities.size:
        return pt.ones(1)
    return pm.Data(PLAUSIBILITY, np.exp(data.plausibilities), dims=(ROW, COMPONENT))


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


def _summed_out(
    value: TensorVariable,
    constants: TensorVariable,
    whitened: TensorVariable,
    sample_weight: TensorVariable,
    plausibility: TensorVariable,
) -> TensorVariable:
    """Sum the allocations out, and count each row as often as its weight says."""
    joint = constants + pt.log(plausibility) - 0.5 * (whitened**2).sum(axis=-1)
    density = log_sum_exp(joint.T).reshape(value.shape[:-1])
    return sample_weight * (density - HALF_LOG_2_PI * (~pt.isnan(value)).sum(axis=-1))
