"""Application of permutations to all variables with a ``component`` axis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.numerics.exchangeability import with_forbidden_swaps
from bayesgmm.posterior.relabel.assignment import Assignments
from bayesgmm.posterior.relabel.rows import RowsInDraws
from bayesgmm.schema import CHAIN, COMPONENT, DIAGNOSIS, DRAW
from bayesgmm.tree.fit import Fit, Fitted


@dataclass(frozen=True)
class Permutations:
    """One permutation of the components for every draw.

    Attributes
    ----------
    orders : integer array, shape (chain, draw, k)
        ``orders[c, s, j]`` is the component of the raw draw that takes place j.
    agreement : array, shape (chain, draw)
        Fraction of the rows that the relabeled draw allocates as the point estimate does.
    method : str
        The relabeling method.
    margin : array, shape (chain, draw), optional
        Margin: one minus the ratio of the cost of this permutation to that of the second
        best. ``None`` where there was no choice.
    figures : dict, optional
        Further statistics of the method.
    """

    orders: Int[np.ndarray, "chain draw k"]
    agreement: Float[np.ndarray, "chain draw"]
    method: str
    margin: Float[np.ndarray, "chain draw"] | None = None
    figures: dict[str, float] = field(default_factory=dict)

    @classmethod
    def identity(cls, tree: xr.DataTree) -> Permutations:
        """Return permutations that leave every draw as it is."""
        shape = tree["posterior"]["weights"].shape
        orders = np.broadcast_to(np.arange(shape[-1]), shape).copy()
        return cls(
            orders, np.ones(shape[:-1]), method="none: prior or labels tell components apart"
        )

    @classmethod
    def of(
        cls, found: Assignments, rows: RowsInDraws, method: str, **figures: float
    ) -> Permutations:
        """Return what was found, with its agreement with the point estimate."""
        batch, fractions = rows.draws.batch_shape, _disagreeing(found, rows) / rows.X.n_rows
        own = np.trace(fractions, axis1=1, axis2=2)
        return cls(
            found.orders.reshape(*batch, -1),
            (1.0 - own).reshape(batch),
            method,
            found.margins.reshape(batch),
            figures,
        )


def named_as_pivot(found: Assignments, rows: RowsInDraws) -> Assignments:
    """Permute the labels of all draws in common, for the best agreement with the point estimate."""
    costs = with_forbidden_swaps(_disagreeing(found, rows).sum(axis=0), rows.groups)
    labels, places = linear_sum_assignment(costs)
    return replace(found, orders=found.orders[:, places[np.argsort(labels)]])


def _disagreeing(found: Assignments, rows: RowsInDraws) -> Float[np.ndarray, "draws k k"]:
    """Count the rows with label j in the point estimate that are not in place l of a draw."""
    by_component = rows.disagreement(rows.pivot_labels)
    return np.take_along_axis(by_component, found.orders[:, None, :], axis=2)


def apply_permutations(tree: xr.DataTree, permutations: Permutations) -> xr.DataTree:
    """Return the tree with every draw's components in the given order, and store the permutations.

    The group ``relabeling`` holds the permutations from the raw order of the engine.
    """
    posterior, by_draw = tree["posterior"], (CHAIN, DRAW)
    orders = xr.DataArray(
        permutations.orders,
        dims=(*by_draw, COMPONENT),
        coords={name: posterior[name] for name in (*by_draw, COMPONENT)},
    )
    relabeling = xr.Dataset({"permutation": orders, "agreement": (by_draw, permutations.agreement)})
    if permutations.margin is not None:
        relabeling["margin"] = (by_draw, permutations.margin)
    relabeling.attrs.update(method=permutations.method, **permutations.figures)
    groups = {
        name: permuted(node.to_dataset(), permutations.orders)
        for name, node in tree.children.items()
        if name != DIAGNOSIS  # it refers to the previous labels
    }
    groups["relabeling"] = relabeling
    relabeled = xr.DataTree.from_dict(groups)
    relabeled.attrs.update(tree.attrs)
    return relabeled


def undo_relabeling(mixture: Fitted) -> xr.DataTree:
    """Return the tree with every draw's components in the raw order of the engine.

    To inspect the effect of relabeling, or to apply other methods.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit`, :func:`bayesgmm.estimate` or :func:`bayesgmm.relabel` returned;
        it is not changed.

    Returns
    -------
    xarray.DataTree
        Only variables of draws are permuted, not the point estimate.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> raw = bg.undo_relabeling(bg.example_fit())
    >>> raw["relabeling"]["permutation"].values[0, 0]
    array([0, 1, 2])
    """
    tree = Fit.of(mixture).tree
    orders = tree["relabeling"]["permutation"].values
    back = Permutations(np.argsort(orders, axis=-1), np.ones(orders.shape[:-1]), "none")
    raw = apply_permutations(tree, back)
    raw["relabeling"]["permutation"][:] = np.arange(orders.shape[-1])
    return raw


def permuted(group: xr.Dataset, orders: Int[np.ndarray, "chain draw k"]) -> xr.Dataset:
    """Permute the component axis of the variables of draws, for each draw."""
    moved = {}
    for name, variable in group.data_vars.items():
        if {CHAIN, DRAW, COMPONENT} <= set(variable.dims):
            first = variable.transpose(CHAIN, DRAW, COMPONENT, ...)
            index = orders.reshape(*orders.shape, *(1,) * (first.ndim - orders.ndim))
            values = np.take_along_axis(first.values, index, axis=2)
            moved[name] = first.copy(data=values).transpose(*variable.dims)
    return group.assign(moved)
