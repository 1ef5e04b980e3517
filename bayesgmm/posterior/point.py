"""A point estimate as a tree of one chain of one draw."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.errors import SchemaError
from bayesgmm.estimation.draws import draws_tree
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.schema import CHAIN, DRAW, FEATURE


def tree_of_point(point: PointEstimate) -> xr.DataTree:
    """Return the tree that stands for an estimate.

    Raises
    ------
    SchemaError
        If it does not know its rows, or every component of it collapsed.
    """
    problem = point.problem
    if problem is None:
        raise SchemaError(
            "This PointEstimate does not know its rows and its spec. Pass what bayesgmm.estimate "
            "returned."
        )
    if point.status is Status.COLLAPSED:
        raise SchemaError(f"EM found no estimate: {point.explanation}.")
    scaling, draws = problem.scaling, point.parameters.draw((None, None))
    tree = draws_tree(
        draws,
        data=problem.data,
        spec=problem.spec,
        start=point,
        chain_starts=point.parameters.draw((None,)),
        sample_stats={"objective": point.trace[None, -1:]},
        scaling=scaling.to_plain(),
        partial=False,
        **point.record,
    )
    units = {"shift": (FEATURE, scaling.shift), "factor": (FEATURE, scaling.factor)}
    tree["constant_data"] = xr.DataTree(
        tree["constant_data"]
        .to_dataset()
        .assign(units)
        .assign_coords({FEATURE: list(problem.data.feature_names)})
    )
    order = tree["posterior"]["weights"].copy(data=np.arange(draws.n_components)[None, None])
    tree["relabelling"] = xr.DataTree(
        xr.Dataset(
            {"permutation": order, "agreement": ((CHAIN, DRAW), [[1.0]])},
            attrs={"method": "none: one set of parameters"},
        )
    )
    return tree
