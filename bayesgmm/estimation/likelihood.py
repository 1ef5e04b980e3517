"""The ascent of the likelihood alone: compiled from start to end, see ``numerics/kernels/em.py``.

It stops short of matrices that are nearly singular, where Python looks more closely.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.estimation.objective import Objective
from bayesgmm.estimation.path import Path
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.numerics.blocks import SHORT
from bayesgmm.numerics.kernels.em import CONVERGED, LIMIT, THIN, climb, mixture_at
from bayesgmm.numerics.kernels.em_starts import best_split, write_partition
from bayesgmm.numerics.statistics import as_compiled
from bayesgmm.parameters import MixtureParameters

_STATUS = {CONVERGED: Status.CONVERGED, LIMIT: Status.ITERATION_LIMIT, THIN: Status.COLLAPSED}


def suits_compiled_steps(X: Float[np.ndarray, "n d"], objective: Objective) -> bool:
    """Whether there are no priors, and so few rows that one core passes over them."""
    return not objective.uses_prior and X.shape[0] <= SHORT


def compiled_steps(
    X: Float[np.ndarray, "n d"],
    position: Float[np.ndarray, " p"],
    objective: Objective,
    *,
    tolerance: float,
    limit: int,
) -> Path:
    """Climb the likelihood until convergence, the limit, or a matrix that is nearly singular.

    The latter is called a collapse here, and may be none.
    """
    layout, position, trace = objective.layout, position.copy(), np.empty(limit + 1)
    status, n_values, n_passes = climb(
        as_compiled(X), position, objective.mixture_prior, layout.correlated,
        objective.smallest_scales, tolerance, limit, trace,
    )  # fmt: skip
    heights = trace[:n_values].tolist()
    height = heights[-1] if heights else -np.inf
    return Path(parameters_at(position, objective), height, heights, _STATUS[status], n_passes)


def parameters_at(position: Float[np.ndarray, " p"], objective: Objective) -> MixtureParameters:
    """Return the parameters at a position; as ``Layout.unpack`` for many, sooner."""
    layout = objective.layout
    weights, means, scales, correlations = mixture_at(
        position, objective.mixture_prior, layout.n_features, layout.correlated
    )
    return MixtureParameters(weights, means, scales, correlations if layout.correlated else None)


def position_of_partition(
    X: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], objective: Objective
) -> Float[np.ndarray, " p"] | None:
    """Return where to start from a partition of the rows; ``None`` where it has no spread.

    Components with few rows are widened a little, so that they are no dead end.
    """
    position = np.empty(objective.layout.size)
    return position if write_partition(
        as_compiled(X), labels, objective.mixture_prior, objective.layout.correlated,
        objective.smallest_scales, position,
    ) else None  # fmt: skip


def position_of_split(
    X: Float[np.ndarray, "n d"], shares: Float[np.ndarray, "n m"], objective: Objective
) -> Float[np.ndarray, " p"] | None:
    """Return where to start when the best component to split is split; ``None`` if all collapse.

    ``shares`` are responsibilities of one component less than the objective has.
    """
    position = np.empty(objective.layout.size)
    value = best_split(
        as_compiled(X), as_compiled(shares), objective.mixture_prior,
        objective.layout.correlated, objective.smallest_scales, position,
    )  # fmt: skip
    return position if np.isfinite(value) else None
