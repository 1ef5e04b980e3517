"""Single imputation of missing cells from the observed ones, where complete rows are needed."""

from __future__ import annotations

import numpy as np

from bayesgmm.numerics.kernels.patterns import marginals
from bayesgmm.numerics.patterns import Patterns
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import PrecisionForm, sufficient_statistics
from bayesgmm.parameters import MixtureParameters

_STEPS = 10  # of EM: what they are for need not be exact
_LEAST = 1e-3  # variance that a feature keeps, of what is observed of it


def filled(X: RowsInMemory) -> RowsInMemory:
    """Return the rows, missing cells predicted by the normal distribution that fits them all."""
    if not X.has_gaps:
        return X
    normal = PrecisionForm.of(_one_normal(X))
    complete = X.values.copy()
    for rows, features, size, cells in Patterns.of(X.values).each():
        _, means, _, slopes, _ = marginals(features, size, *normal.kernel_arguments())
        predicted = normal.means[0, features[size:]] + (cells - means[0]) @ slopes[0].T
        complete[np.ix_(rows, features[size:])] = predicted
    return X.with_values(complete)


def _one_normal(X: RowsInMemory) -> MixtureParameters:
    """Fit one normal distribution by a few steps of EM."""
    mean, variance = np.nanmean(X.values, axis=0), np.nanvar(X.values, axis=0)
    variance[variance == 0] = 1.0  # of a constant feature any will do
    floor = np.diag(_LEAST * variance)
    covariance = np.diag(variance)
    for _ in range(_STEPS):
        normal = MixtureParameters.from_covariances(np.ones(1), mean[None], covariance[None])
        found = sufficient_statistics(X.without_labels(), normal)
        shift = found.sums[0] / found.counts[0]
        mean = mean + shift
        covariance = found.scatter[0] / found.counts[0] - np.outer(shift, shift) + floor
    return MixtureParameters.from_covariances(np.ones(1), mean[None], covariance[None])
