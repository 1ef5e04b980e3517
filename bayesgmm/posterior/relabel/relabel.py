"""Relabelling a whole tree: permutations found, applied, kept, and components put in order."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import xarray as xr

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.likeness import has_twins
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.posterior.relabel.ecr import ECR
from bayesgmm.posterior.relabel.order import (
    BY_WEIGHT,
    Direction,
    OrderBy,
    expect_order,
    order_of,
    reorder,
)
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations, in_raw_order
from bayesgmm.schema import COMPONENT, DATA, FEATURE


@runtime_checkable
class Relabelling(Protocol):
    """A way to find one permutation for every draw."""

    def permutations(self, fit: Fit) -> Permutations:
        """Return permutations of the raw draws of a fit."""


def relabel(
    tree: Fitted, method: Relabelling | None = None, *, order_by: Direction = BY_WEIGHT
) -> xr.DataTree:
    """Name the components of all draws again, by another method, from their raw order.

    :func:`bayesgmm.fit` has already done so with :class:`ECR`. All chains are relabelled
    together, with every variable that has a ``component`` axis. The verdict that ``fit`` stored
    goes, as it speaks of the old names; nothing else changes. No draw is dropped:
    ``tree["relabelling"]`` holds for each its permutation from the order of the engine, the
    ``margin`` by which it was the best, and its ``agreement`` with the point estimate.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned; it is not changed. An
        estimate has nothing to match, and its components are only put in order.
    method : optional
        ``ECR()`` by default; ``IterativeECR()``, ``Stephens()``, ``PRA()``, ``PointProcess()``
        or ``OrderBy()``.
    order_by : str or mapping, default "weights"
        How the components are numbered then: by posterior mean weight, largest first, or by the
        mean of a feature, smallest first, or by a weighted sum of some of these. ``OrderBy``
        numbers them by its own quantity.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.
    SpecificationError
        If the method is none, or the prior itself tells the components apart: to move labels
        would then change the posterior.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.relabel(bg.example_fit(), bg.Stephens())
    >>> tree["relabelling"].attrs["method"]
    'Stephens()'
    """
    fit = Fit.of(tree)
    method = ECR() if method is None else method
    expect_relabelling(fit, method)
    expect_order(order_by, tuple(fit.tree["observed_data"][DATA][FEATURE].values))
    if fit.is_point:  # there is nothing to match, only an order to be chosen
        return reorder(
            fit.tree, order_of(fit, method.by if isinstance(method, OrderBy) else order_by)
        )
    return relabelled(in_raw_order(fit), method, order_by)


def relabelled(raw: xr.DataTree, method: Relabelling, order_by: Direction) -> xr.DataTree:
    """Return a tree in the raw order of its engine relabelled and with components in order."""
    tree = apply_permutations(raw, method.permutations(Fit(raw)))
    key = method.by if isinstance(method, OrderBy) else order_by
    return reorder(tree, order_of(Fit(tree), key))


def expect_relabelling(fit: Fit, method: Relabelling) -> None:
    """Raise unless this is a way of relabelling, and the fit can be relabelled."""
    if isinstance(method, type) or not isinstance(method, Relabelling):
        raise SpecificationError(
            f"method must be a way of relabelling such as ECR(), not {method!r}."
        )
    if fit.posterior.sizes[COMPONENT] > 1 and not has_twins(fit.groups):
        raise SpecificationError(
            "The priors of weights or means, or the labels of rows, tell the components apart, so "
            "their names mean something already; relabelling would change the posterior."
        )
