"""A point estimate as a tree of one chain of one draw, so that what a fit answers, it answers.

Public functions of a tree call one of these first. Only they know that estimates are accepted.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from bayesgmm.errors import SchemaError
from bayesgmm.estimation.draws import draws_tree
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.schema import CHAIN, DRAW, FEATURE, record, validate

type Fitted = xr.DataTree | PointEstimate
"""What public functions of a tree accept."""


def as_tree(tree: Fitted) -> xr.DataTree:
    """Return what is asked as a tree, checked: a fit as it is, an estimate written as one.

    Raises
    ------
    SchemaError
        If it is neither, or an estimate of which every component collapsed.
    """
    if isinstance(tree, PointEstimate):
        return _tree_of(tree)
    validate(tree)
    return tree


def with_draws(tree: Fitted, who: str) -> xr.DataTree:
    """Return the tree of a fit, for ``who`` asks about its draws.

    Raises
    ------
    SchemaError
        If it is a point estimate, or no fit.
    """
    if not isinstance(tree, PointEstimate):
        validate(tree)
    if isinstance(tree, PointEstimate) or is_point(tree):
        raise SchemaError(
            f"{who} asks about posterior draws, and a point estimate has none: it has one set of "
            "parameters and no chains. bayesgmm.refine(estimate) draws from the posterior, "
            "starting there; bayesgmm.fit(X, spec) does both."
        )
    return tree


def is_point(tree: xr.DataTree) -> bool:
    """Whether a tree holds the one set of parameters of a point estimate."""
    return str(record(tree).get("engine", "")).startswith("EM(")


def repeated_point(tree: xr.DataTree, n_draws: int) -> xr.DataTree:
    """Return a point estimate so many times, one for each table or allocation to be drawn.

    Trees with draws of their own stay as they are.
    """
    if not is_point(tree):
        return tree
    many = tree.copy()
    one = tree["posterior"].to_dataset().isel({DRAW: [0] * n_draws})
    many["posterior"] = xr.DataTree(one.assign_coords({DRAW: range(n_draws)}))
    return many


def _tree_of(point: PointEstimate) -> xr.DataTree:
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
