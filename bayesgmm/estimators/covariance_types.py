"""Covariance types by name, and the shapes in which scikit-learn shows covariance matrices.

Shown are (k, d, d), (k, d) or (k,); where all components share one matrix, (d, d), (d,) or ().
Below this floor there is a leading axis of m matrices in any case, see
``estimation/regularized.py``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from bayesgmm.priors.catalogue import SPELLINGS, structures_by_likelihood
from bayesgmm.priors.covariances import CovarianceStructure

STRUCTURES = structures_by_likelihood()
"""The structures that maximum likelihood tells apart."""

STRUCTURES |= {spelling: STRUCTURES[name] for spelling, name in SPELLINGS.items()}


def shown(structure: CovarianceStructure, matrices: Float[np.ndarray, "m ..."]) -> np.ndarray:
    """Return matrices in the shape that users see."""
    if structure.isotropic:
        matrices = matrices[:, 0]
    return matrices[0] if structure.tied else matrices


def compact(
    covariances: Float[np.ndarray, "k d d"], structure: CovarianceStructure
) -> Float[np.ndarray, ...]:
    """Return whole matrices, one for each component, in the shape that users see.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesgmm as bg
    >>> from bayesgmm.estimators.covariance_types import compact
    >>> compact(np.array([2.0 * np.eye(3), 3.0 * np.eye(3)]), bg.Spherical())
    array([2., 3.])
    """
    if not structure.correlated:
        covariances = np.diagonal(covariances, axis1=-2, axis2=-1)
    return shown(structure, covariances)


def shape_shown(structure: CovarianceStructure, k: int, d: int) -> tuple[int, ...]:
    """Return that shape."""
    features = (d, d) if structure.correlated else () if structure.isotropic else (d,)
    return features if structure.tied else (k, *features)


def hidden(structure: CovarianceStructure, matrices: Float[np.ndarray, ...]) -> np.ndarray:
    """Return matrices that a user gave with all their axes."""
    matrices = matrices[None] if structure.tied else matrices
    return matrices[:, None] if structure.isotropic else matrices


def n_parameters(structure: CovarianceStructure, k: int, d: int) -> int:
    """Return the number of free parameters of a mixture."""
    each = d * (d + 1) // 2 if structure.correlated else structure.n_scales(d)
    return structure.n_matrices(k) * each + k * d + k - 1
