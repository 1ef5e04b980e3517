"""The order of the components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Int

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.exchangeability import ordered
from bayesgmm.posterior.relabel.assignment import Assignments
from bayesgmm.posterior.relabel.permute import Permutations, named_as_pivot
from bayesgmm.posterior.relabel.rows import RowsInDraws
from bayesgmm.schema import ALTERNATIVE_MODE, CHAIN, COMPONENT, DATA, DRAW, FEATURE
from bayesgmm.tree.fit import Fit

BY_WEIGHT = "weights"

Direction = str | Mapping[str, float]
"""``"weights"``, a feature, or a coefficient for each of some features."""


@dataclass(frozen=True)
class OrderBy:
    """Number the components of every draw by one quantity.

    The simplest method, and only as good as the quantity: if the components overlap in it, draws
    of different components are mixed up (Stephens, 2000, section 3). The margins show this: the
    smallest step between neighbors, as a fraction of the whole range.

    Parameters
    ----------
    by : str or mapping, default "weights"
        ``"weights"``, largest first; or a feature, smallest mean first; or coefficients, such as
        ``{"height": 1.0, "width": -1.0}``, smallest weighted sum of the means first.

    Raises
    ------
    SpecificationError
        By :func:`bayesgmm.relabel`, if there is no such feature.

    References
    ----------
    Stephens, M. (2000). Dealing with label switching in mixture models. Journal of the Royal
    Statistical Society, Series B 62, 795-809.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.OrderBy("body_mass_g")
    OrderBy(by='body_mass_g')
    """

    by: Direction = BY_WEIGHT

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        expect_order(self.by, tuple(fit.tree["observed_data"][DATA][FEATURE].values), name="by")
        key = _key(fit.posterior.to_dataset(), self.by).transpose(CHAIN, DRAW, COMPONENT)
        values = key.values.reshape(-1, key.sizes[COMPONENT])
        rows = RowsInDraws.of(fit)
        orders = ordered(values, rows.groups)
        neighbors = rows.groups[1:] == rows.groups[:-1]
        steps = np.diff(np.take_along_axis(values, orders, axis=1), axis=1)[:, neighbors]
        margins = np.ones(steps.shape[0])
        if steps.shape[1]:
            whole = steps.sum(axis=1)
            margins = np.divide(steps.min(axis=1), whole, out=np.zeros_like(whole), where=whole > 0)
        found = Assignments(orders, np.zeros_like(margins), margins)
        return Permutations.of(named_as_pivot(found, rows), rows, method=repr(self))


def expect_order(
    order_by: Direction, feature_names: tuple[str, ...], *, name: str = "order_by"
) -> None:
    """Raise unless components can be ordered by this."""
    if isinstance(order_by, Mapping):
        unknown = [feature for feature in order_by if feature not in feature_names]
        if order_by and not unknown:
            return
    elif order_by == BY_WEIGHT or order_by in feature_names:
        return
    raise SpecificationError(
        f"{name} must be {BY_WEIGHT!r} or one of the features {list(feature_names)}, or map some "
        f"of these to coefficients, not {order_by!r}."
    )


def order_of(fit: Fit, order_by: Direction) -> Int[np.ndarray, " k"]:
    """Return the order of the components: decreasing weights, or increasing means in a direction.

    Components identified by prior or labels keep their positions.
    """
    key = _key(fit.posterior.to_dataset(), order_by).mean((CHAIN, DRAW))
    return ordered(key.values, fit.groups)


def _key(posterior: xr.Dataset, order_by: Direction) -> xr.DataArray:
    """Return the sort key of the components, increasing."""
    if isinstance(order_by, Mapping):
        features = list(order_by)
        coefficients = xr.DataArray(
            [float(order_by[feature]) for feature in features], coords={FEATURE: features}
        )
        return (posterior["means"].sel({FEATURE: features}) * coefficients).sum(FEATURE)
    if order_by == BY_WEIGHT:
        return -posterior["weights"]
    return posterior["means"].sel({FEATURE: order_by})


def reorder(tree: xr.DataTree, order: Int[np.ndarray, " k"]) -> xr.DataTree:
    """Return the tree with the components of all its groups in another order.

    The permutations in the group ``relabeling`` still lead from the raw order of the engine.
    """
    groups = {
        name: node.to_dataset().isel({COMPONENT: order}).assign_coords({COMPONENT: node[COMPONENT]})
        if COMPONENT in node.dims and name != ALTERNATIVE_MODE
        else node.to_dataset()
        for name, node in tree.children.items()
    }
    reordered = xr.DataTree.from_dict(groups)
    reordered.attrs.update(tree.attrs)
    return reordered
