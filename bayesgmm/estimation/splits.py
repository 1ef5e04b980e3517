"""From an estimate with k components to starting points with k + 1: one component is split.

A component is cut in half, across its longest axis or the one along which its rows are least like
a normal distribution. The objective selects the split: all are split in turn, a few steps
of EM follow, and the best one is continued. Ueda, Nakano,
Ghahramani & Hinton (2000) rank the components by a measure of fit instead; steps of EM cost
little more, and use the objective itself.

References
----------
Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture models.
Neural Computation 12, 2109-2128.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.likelihood import best_of_halves, suits_compiled_steps
from bayesgmm.estimation.optimization import em_steps
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.kernels.em_starts import split_axes
from bayesgmm.numerics.rows import RowsInMemory, as_compiled
from bayesgmm.parameters import MixtureParameters

_STEPS = 2  # of EM, until the splits are compared
_HALF = 2 / math.pi
"""Half a standard normal distribution has the mean sqrt(2 / pi) and the variance 1 - 2 / pi."""


def best_split(
    X: RowsInMemory,
    parameters: MixtureParameters,
    resp: Float[np.ndarray, "n k"],
    objective: Objective,
) -> MixtureParameters | None:
    """Return parameters with one component more, or ``None`` where every split collapses.

    ``resp`` are the responsibilities of the components before; ``objective`` is that of the
    larger mixture.
    """
    if suits_compiled_steps(X, objective):
        return best_of_halves(X, resp, objective)
    best, highest = None, -np.inf
    if X.weights.size:
        resp = resp * X.weights[:, None]
    axes = split_axes(filled(X).arrays[0], as_compiled(resp))[-1]
    for component, number in np.ndindex(*axes.shape[:2]):
        if not axes[component, number].any():
            continue
        start = split(parameters, component, axes[component, number], objective)
        path = em_steps(X, start, objective, tolerance=0.0, limit=_STEPS)
        if path.status is not Status.COLLAPSED and path.trace[-1] > highest:
            best, highest = path.parameters, path.trace[-1]
    return best


def split(
    parameters: MixtureParameters,
    component: int,
    axis: Float[np.ndarray, " d"],
    objective: Objective,
) -> MixtureParameters:
    """Return a mixture in which a component has become its two halves across an axis."""
    structure = objective.layout.covariances
    covariances, step = parameters.covariances, math.sqrt(_HALF) * axis
    if not structure.tied:  # where they are tied, the others need the variance
        covariances = covariances.copy()
        covariances[component] -= _thinning(covariances[component], step)
    again = np.append(np.arange(parameters.n_components), component)
    weights, means = parameters.weights[again], parameters.means[again]
    weights[[component, -1]] *= 0.5
    means[component] -= step
    means[-1] += step
    whole = MixtureParameters.from_covariances(weights, means, covariances[again])
    if structure.isotropic:
        whole.scales[:] = np.sqrt(np.mean(whole.scales**2, axis=1, keepdims=True))
    if structure.correlated:
        return whole
    return MixtureParameters(weights, means, whole.scales)


def _thinning(
    covariance: Float[np.ndarray, "d d"], step: Float[np.ndarray, " d"]
) -> Float[np.ndarray, "d d"]:
    """Decrease of a covariance matrix when its distribution is cut in half.

    No more than the share that half a normal distribution loses along the axis: the matrix of a
    structure may be narrower there than the rows are.
    """
    along = float(step @ np.linalg.solve(covariance, step))
    return np.outer(step, step) * min(1.0, _HALF / along)
