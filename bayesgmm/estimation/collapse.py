"""Collapse of a component to a point, a line or a plane: which one, and on which rows.

There the likelihood is unbounded. Axes: components k, features d.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.density import SMALLEST_SCALE
from bayesgmm.estimation.point_estimate import Collapse
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters

_MARGIN = 1.001  # scales stop at the smallest, give or take a rounding
_LEAST_EIGENVALUE = 1e-13
"""Of a correlation matrix that is told from a singular one: a thousand roundings."""

_THIN = 1e-7
"""Eigenvalue below which a component is thin: beside its own width, and that of the rows.

Where a component takes in an outlier at a million standard deviations, all else in it is rightly
very thin beside that, but as wide as the rows are; and where all rows lie close to a plane, so do
those of every component.
"""

_SHARE = 0.5  # a row counts for every component at least half as probable as the most probable


def has_collapsed(
    parameters: MixtureParameters, smallest: Float[np.ndarray, " s"], X: RowsInMemory
) -> bool:
    """Whether a component is (nearly) a point, a line or a plane, relative to the rows."""
    # Also where a scale is NaN: an empty component has no statistics.
    if not np.all(parameters.scales > _MARGIN * smallest):
        return True
    return bool(np.any(_singular(parameters, smallest, X)))


def made_finite(
    parameters: MixtureParameters, smallest: Float[np.ndarray, " s"]
) -> MixtureParameters:
    """Return collapsed parameters without zeros and NaN, and with matrices of full rank.

    They are still collapsed, up to a negligible factor.
    """
    scales = np.fmax(parameters.scales, smallest)  # the number, where the other is NaN
    correlations = parameters.correlations
    if isinstance(correlations, FactoredCorrelations):
        is_finite = np.isfinite(correlations.uniquenesses)
        correlations = FactoredCorrelations(
            np.where(is_finite[..., None], correlations.loadings, 0.0),
            np.where(is_finite, correlations.uniquenesses, 1.0),
        )
    elif correlations is not None:
        identity = np.broadcast_to(np.eye(scales.shape[1]), correlations.shape)
        correlations = np.where(np.isfinite(correlations), correlations, identity)
        correlations = (1 - _LEAST_EIGENVALUE) * correlations + _LEAST_EIGENVALUE * identity
    means = np.nan_to_num(parameters.means)  # on the standard scale, where zero is the center
    return replace(parameters, means=means, scales=scales, correlations=correlations)


def collapse_of(
    data: Dataset, parameters: MixtureParameters, smallest: Float[np.ndarray, " s"]
) -> Collapse:
    """Return which components of collapsed parameters are flat, with features and rows."""
    flat = parameters.scales <= _MARGIN * smallest
    culprits = np.flatnonzero(flat.any(axis=1) | _singular(parameters, smallest, data.fitted_rows))
    resp = responsibilities(data.rows, parameters)
    members = resp >= _SHARE * resp.max(axis=1, keepdims=True)
    names = np.array(data.feature_names)
    return Collapse(
        tuple(int(component) for component in culprits),
        tuple(tuple(names[flat[component]].tolist()) for component in culprits),
        tuple(data.row_names[members[:, component]] for component in culprits),
    )


def _singular(
    parameters: MixtureParameters, smallest: Float[np.ndarray, " s"], X: RowsInMemory
) -> Bool[np.ndarray, " k"]:
    if parameters.correlations is None:
        return np.zeros(parameters.n_components, dtype=bool)
    if isinstance(parameters.correlations, FactoredCorrelations):
        own = parameters.scales * np.sqrt(parameters.correlations.uniquenesses)
        return ~np.all(own > _MARGIN * smallest, axis=1)
    least = _smallest_eigenvalues(parameters.correlations)
    if np.all(least > _THIN):
        return np.zeros(least.size, dtype=bool)
    widths = parameters.scales * SMALLEST_SCALE / smallest  # beside the typical spread of rows
    covariances = parameters.correlations * widths[:, :, None] * widths[:, None, :]
    thick = (least > _THIN) | (_smallest_eigenvalues(covariances) > _THIN)
    # Three times: once the limit, once what makes them finite, and a rounding.
    regular = least > 3 * _LEAST_EIGENVALUE  # so that NaN is not
    doubtful = np.flatnonzero(regular & ~thick)
    if doubtful.size:
        thick[doubtful] = _are_like_all_rows(parameters.reordered(doubtful), X)
    return ~(thick & regular)


def _are_like_all_rows(parameters: MixtureParameters, X: RowsInMemory) -> Bool[np.ndarray, " k"]:
    """Whether components are no thinner than the table is: where columns nearly repeat each other.

    Then the likelihood has a maximum, however large the condition number.
    """
    values = filled(X).values
    scales = np.std(values, axis=0)
    if not np.all(scales > 0):
        return np.zeros(parameters.n_components, dtype=bool)
    correlations = np.corrcoef(values.T)
    if _smallest_eigenvalues(correlations[None])[0] <= _LEAST_EIGENVALUE:
        return np.zeros(parameters.n_components, dtype=bool)
    root = np.linalg.cholesky(correlations)
    whitened = np.linalg.solve(root, parameters.cholesky / scales[:, None])
    return np.linalg.svd(whitened, compute_uv=False)[:, -1] ** 2 > _THIN


def _smallest_eigenvalues(matrices: Float[np.ndarray, "k d d"]) -> Float[np.ndarray, " k"]:
    return np.linalg.eigvalsh(matrices)[:, 0]
