"""Relabeling of a tree: permutations are computed, applied and stored."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import xarray as xr

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.exchangeability import any_exchangeable
from bayesgmm.posterior.relabel.by_rows import ECR
from bayesgmm.posterior.relabel.order import (
    BY_WEIGHT,
    Direction,
    OrderBy,
    expect_order,
    order_of,
    reorder,
)
from bayesgmm.posterior.relabel.permute import Permutations, apply_permutations, undo_relabeling
from bayesgmm.schema import COMPONENT, DATA, FEATURE
from bayesgmm.tree.fit import Fit, Fitted


@runtime_checkable
class Relabeling(Protocol):
    """A method that computes one permutation for every draw."""

    def permutations(self, fit: Fit) -> Permutations:
        """Return permutations of the raw draws of a fit."""


def relabel(
    mixture: Fitted,
    method: Relabeling | None = None,
    *,
    X: Any | None = None,
    order_by: Direction = BY_WEIGHT,
    n_clusters: int | None = None,
) -> xr.DataTree:
    """Relabel the components of all draws by another method, from their raw order.

    :func:`bayesgmm.fit` has already done so with :class:`ECR`. All chains are relabeled
    together, with every variable that has a ``component`` axis. The diagnosis that ``fit`` stored
    is removed, as it refers to the old labels; nothing else changes. No draw is dropped:
    ``tree["relabeling"]`` holds for each its permutation from the order of the engine, the
    ``margin`` over the second best, and its ``agreement`` with the point estimate.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`; it is not changed. An
        estimate has no draws to match; its components are only ordered.
    method : optional
        ``ECR()`` by default; ``IterativeECR()``, ``Stephens()``, ``PRA()``, ``PointProcess()``
        or ``OrderBy()``.
    X : table with the features of the fit, optional
        Rows whose allocations are compared; those of the fit by default. A fit made with
        ``keep_rows=False`` needs them.
    order_by : str or mapping, default "weights"
        How the components are numbered then: by posterior mean weight, largest first, or by the
        mean of a feature, smallest first, or by a weighted sum of some of these. ``OrderBy``
        numbers them by its own quantity.
    n_clusters : int, optional
        Of a fit with an unknown number of components: the number of clusters whose draws are
        returned, by default the most probable one. The tree is an ordinary one of the filled
        components of these draws, as one chain; weights are divided by their sum.

    Returns
    -------
    xarray.DataTree

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``, or there is no ``X`` and the fit
        was made with ``keep_rows=False``.
    DataError
        If features of ``X`` are not those of the fit.
    SpecificationError
        If the method is unknown, or the components are not exchangeable: relabeling would
        change the posterior. If no draw has ``n_clusters``, or the number is known.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.relabel(bg.example_fit(), bg.Stephens())
    >>> tree["relabeling"].attrs["method"]
    'Stephens()'
    """
    fit = Fit.of(mixture)
    method = ECR() if method is None else method
    expect_relabeling(fit, method)
    expect_order(order_by, tuple(fit.tree["observed_data"][DATA][FEATURE].values))
    if fit.infers_number:
        from bayesgmm.posterior.relabel.clusters import most_probable, with_n_clusters

        number = most_probable(fit) if n_clusters is None else n_clusters
        return with_n_clusters(fit.over(X), number, method, order_by=order_by)
    if n_clusters is not None:
        raise SpecificationError(
            "n_clusters is for fits with an unknown number of components; this one has "
            f"{fit.posterior.sizes[COMPONENT]}. Leave it out."
        )
    if fit.is_point:  # there is nothing to match, only an order to be chosen
        return reorder(
            fit.tree, order_of(fit, method.by if isinstance(method, OrderBy) else order_by)
        )
    return relabeled(Fit(undo_relabeling(fit)).over(X), method, order_by)


def relabeled(raw: Fit, method: Relabeling, order_by: Direction) -> xr.DataTree:
    """Return the tree of a fit in the raw order of its engine, relabeled and in order."""
    tree = apply_permutations(raw.tree, method.permutations(raw))
    key = method.by if isinstance(method, OrderBy) else order_by
    return reorder(tree, order_of(Fit(tree), key))


def expect_relabeling(fit: Fit, method: Relabeling) -> None:
    """Raise if this is not a relabeling method, or the fit cannot be relabeled."""
    if isinstance(method, type) or not isinstance(method, Relabeling):
        raise SpecificationError(
            f"method must be a relabeling method such as ECR(), not {method!r}."
        )
    if fit.posterior.sizes[COMPONENT] > 1 and not any_exchangeable(fit.groups):
        raise SpecificationError(
            "The priors of weights or means, or the labels of rows, tell the components apart, so "
            "their names mean something already; relabeling would change the posterior."
        )
