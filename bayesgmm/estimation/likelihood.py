"""Maximum likelihood in compiled code, see ``numerics/kernels/em.py``.

It stops at nearly singular matrices, which are handled in Python.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.point_estimate import Path, Status
from bayesgmm.numerics.blocks import SHORT
from bayesgmm.numerics.kernels.em import CONVERGED, LIMIT, THIN, mixture_at
from bayesgmm.numerics.kernels.em import climb as run_em
from bayesgmm.numerics.kernels.em_starts import partition_moments, write_halves, write_moments
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.rows import RowsInMemory, as_compiled
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters

_STATUS = {CONVERGED: Status.CONVERGED, LIMIT: Status.ITERATION_LIMIT, THIN: Status.COLLAPSED}


class Maximized(Protocol):
    """What compiled steps ask of a function: an ``Objective``, or a ``Surrogate`` of one."""

    @property
    def layout(self) -> Layout:
        """Sizes of the free parameters."""

    @property
    def mixture_prior(self) -> MixturePrior:
        """The priors as compiled code takes them."""

    @property
    def smallest_scales(self) -> Float[np.ndarray, " s"]:
        """Where a free scale counts as zero."""


def suits_compiled_steps(X: RowsInMemory, objective: Objective) -> bool:
    """Whether there are no priors, nothing is missing, and rows are few enough for one core."""
    if objective.uses_prior or objective.layout.covariances.n_factors:
        return False
    return X.n_rows <= SHORT and X.is_plain


def compiled_steps(
    X: RowsInMemory,
    position: Float[np.ndarray, " p"],
    objective: Objective,
    *,
    tolerance: float,
    limit: int,
) -> Path:
    """Maximize the likelihood until convergence, the limit, or a nearly singular matrix.

    The latter is called a collapse here, and may not be one.
    """
    return optimize_best(X, position[None].copy(), objective, tolerance=tolerance, limit=limit)


def best_of_halves(
    X: RowsInMemory, resp: Float[np.ndarray, "n m"], objective: Objective
) -> MixtureParameters | None:
    """Return where to start when the best component to split is split; ``None`` if all collapse.

    ``resp`` are responsibilities of one component less than the objective has.
    """
    positions = np.empty((2 * resp.shape[1], objective.layout.size))
    n_positions = write_halves(
        X.arrays[0], as_compiled(resp), objective.mixture_prior,
        objective.layout.covariances.correlated, objective.smallest_scales, positions,
    )  # fmt: skip
    if n_positions == 0:
        return None
    path = optimize_best(X, positions[:n_positions], objective, tolerance=0.5, limit=0, screening=1)
    return None if path.status is Status.COLLAPSED else path.parameters


def optimize_best(
    X: RowsInMemory,
    starts: Float[np.ndarray, "s p"],
    objective: Maximized,
    *,
    tolerance: float,
    limit: int,
    screening: int = 0,
    goal: float = -np.inf,
) -> Path:
    """Optimize from the best of some positions after some steps; they are overwritten.

    A run that will not reach ``goal`` is stopped.
    """
    trace = np.empty(limit + 1)
    status, n_values, n_passes = run_em(
        X.arrays, starts, objective.mixture_prior, objective.layout.covariances.correlated,
        objective.smallest_scales, tolerance, limit, screening, goal, trace,
    )  # fmt: skip
    heights = trace[:n_values].tolist()
    height = heights[-1] if heights else -np.inf
    return Path(parameters_at(starts[0], objective), height, heights, _STATUS[status], n_passes)


def parameters_at(position: Float[np.ndarray, " p"], objective: Maximized) -> MixtureParameters:
    """Return the parameters at a position; as ``Layout.unpack`` for many, sooner."""
    layout = objective.layout
    weights, means, scales, correlations = mixture_at(
        position, objective.mixture_prior, layout.n_features, layout.covariances.correlated
    )
    return MixtureParameters(
        weights, means, scales, correlations if layout.covariances.correlated else None
    )


def position_of_partition(
    X: RowsInMemory, labels: Int[np.ndarray, " n"], objective: Objective
) -> Float[np.ndarray, " p"] | None:
    """Return where to start from a partition of the rows; ``None`` where it has no spread.

    Components with few rows are widened a little, so that they can grow.
    """
    counts, means, scatter, usable = partition_moments(
        X.arrays[0], labels, objective.spec.n_components, objective.smallest_scales
    )
    return position_with(counts, means, scatter, objective) if usable else None


def position_of(
    parameters: MixtureParameters, objective: Objective
) -> Float[np.ndarray, " p"] | None:
    """Return the position of parameters; ``None`` at the edge of the space."""
    weights, means, covariances = parameters.weights, parameters.means, parameters.covariances
    return position_with(weights, means, weights[:, None, None] * covariances, objective)


def position_with(
    counts: Float[np.ndarray, " k"],
    means: Float[np.ndarray, "k d"],
    scatter: Float[np.ndarray, "k d d"],
    objective: Maximized,
) -> Float[np.ndarray, " p"] | None:
    """Return the best position for these moments; ``None`` where one is not of full rank."""
    position, layout = np.empty(objective.layout.size), objective.layout
    is_inside = write_moments(
        as_compiled(counts), as_compiled(means), as_compiled(scatter), objective.mixture_prior,
        layout.covariances.correlated, objective.smallest_scales, position,
    )  # fmt: skip
    return position if is_inside else None
