"""Covariance matrices without what their structure repeats, as scikit-learn shapes them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bayesgmm.priors.covariances import CovarianceStructure


def compact(
    covariances: Float[np.ndarray, "k d d"], structure: CovarianceStructure
) -> Float[np.ndarray, ...]:
    """Return covariances without the axes along which a structure repeats or forbids entries.

    The axis of components goes where they share one matrix, one of features where there are no
    correlations, and both where all features share one variance: full (k, d, d), tied (d, d),
    diagonal (k, d), spherical (k,), tied diagonal (d,) and tied spherical ().

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.covariances import compact
    >>> compact(np.array([2.0 * np.eye(3), 3.0 * np.eye(3)]), bg.Spherical())
    array([2., 3.])
    """
    entries = covariances[0] if structure.tied else covariances
    if structure.isotropic:
        return entries[..., 0, 0]
    if not structure.correlated:
        return np.diagonal(entries, axis1=-2, axis2=-1)
    return entries
