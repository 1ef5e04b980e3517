"""The rows that a question is about: those of the fit, or new ones with the same features."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.analysis.thinning import thinned
from bayesgmm.data.dataset import Dataset, read_like
from bayesgmm.errors import DataError
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.parameters import read_data, read_parameters, read_scaling
from bayesgmm.schema import COMPONENT, FEATURE, ROW, validate


def asked_rows(tree: xr.DataTree, X: Any | None) -> Dataset:
    """Return the rows of the fit where ``X`` is ``None``, or else ``X`` checked against it."""
    validate(tree)
    observed = tree["observed_data"]
    names = [str(name) for name in observed[FEATURE].values]
    if X is not None:
        return read_like(X, names)
    if observed.sizes[ROW] == 0:
        raise DataError(
            "A conditional mixture has no rows of its own. Pass X, rows with the features "
            f"{names}; or ask the fit that it was made from."
        )
    return read_data(tree)


def on_standard_scale(
    tree: xr.DataTree, data: Dataset, *, n_draws: int | None = None
) -> tuple[Dataset, MixtureParameters, Float[np.ndarray, " n"]]:
    """Return rows, draws and the log Jacobian of each row for computing where numbers are near one.

    Densities are exact in any unit, but far from zero (an offset of 1e8, say) the differences
    between rows and means lose digits unless both are centred first. All draws, or about
    ``n_draws`` that are spread evenly over the chains.
    """
    scaling, chosen = read_scaling(tree), thinned(tree["posterior"], n_draws)
    draws = scaling.standardize_parameters(read_parameters(chosen))
    return scaling.standardize(data), draws, scaling.log_jacobians(data)


def component_names(tree: xr.DataTree) -> np.ndarray:
    """Return the coordinate of the components."""
    return tree["posterior"][COMPONENT].values


def with_rows(tree: xr.DataTree, positions: Int[np.ndarray, " m"]) -> xr.DataTree:
    """Return the tree with some of its rows, and with all that is known of these, to ask about."""
    some = tree.copy()
    for name in ("observed_data", "constant_data"):
        group = tree[name].to_dataset()
        if ROW in group.dims:
            some[name] = xr.DataTree(group.isel({ROW: positions}))
    return some
