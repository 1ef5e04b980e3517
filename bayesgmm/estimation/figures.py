"""What a point estimate says beside its parameters, as variables of the tree, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesgmm.errors import SchemaError
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status
from bayesgmm.schema import START, START_DISTANCES, START_OBJECTIVES

if TYPE_CHECKING:
    import xarray as xr


def figures_of(point: PointEstimate) -> dict[str, Any]:
    """Write log-likelihood and objective, and what the starts of EM led to, if it ran."""
    figures = {"log_likelihood": point.log_likelihood, "objective": point.objective}
    if point.status is Status.DRAW:
        return figures
    return {
        **figures,
        START_OBJECTIVES: (START, point.starts.objectives),
        START_DISTANCES: (START, point.starts.distances),
    }


def read_starts(estimate: xr.DataTree) -> Starts:
    """Return what the starts of EM led to, from the group of the point estimate.

    Raises
    ------
    SchemaError
        If the group does not hold it.
    """
    if START_OBJECTIVES not in estimate or START_DISTANCES not in estimate:
        raise SchemaError(
            "The tree does not say what the starts of EM led to, as trees of older versions and "
            "of mixtures made from a fit do not. Use bayesgmm.fit."
        )
    return Starts(estimate[START_OBJECTIVES].values, estimate[START_DISTANCES].values)
