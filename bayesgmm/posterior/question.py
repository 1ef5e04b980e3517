"""What a fit was asked, and where its engine started, read back from the tree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.figures import read_starts
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.posterior.parameters import read_data, read_parameters, read_spec
from bayesgmm.schema import COMPONENT, RIVAL


def read_problem(tree: xr.DataTree) -> Problem:
    """Return the rows of a fit, with all that was known of them, and its spec.

    Raises
    ------
    SchemaError
        If the tree is a mixture made from a fit.
    """
    return Problem(_named_data(tree), read_spec(tree))


def read_point_estimate(tree: xr.DataTree) -> PointEstimate:
    """Return the estimate that the engine started from, in the units of the data.

    Of its ascent the tree keeps the end, and of the other optima the best.

    Raises
    ------
    SchemaError
        If the tree holds no estimate.
    """
    group = tree["point_estimate"]
    starts = read_starts(group)
    objective = float(group["objective"])
    return PointEstimate(
        parameters=read_parameters(group),
        log_likelihood=float(group["log_likelihood"]),
        objective=objective,
        trace=np.array([objective]),
        status=Status(group.attrs["status"]),
        starts=starts,
        rivals=(read_parameters(tree[RIVAL]),) if RIVAL in tree.children else (),
    )


def _named_data(tree: xr.DataTree) -> Dataset:
    """Return the rows, with the names that labels gave to components."""
    data, names = read_data(tree), tree["posterior"][COMPONENT].values
    if np.issubdtype(names.dtype, np.integer):
        return data
    return replace(data, component_names=tuple(map(str, names)))
