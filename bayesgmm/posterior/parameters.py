"""Reading parameters and rows out of a tree, as the plain arrays that numerics take."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import DATA


def read_parameters(group: xr.DataTree | xr.Dataset) -> MixtureParameters:
    """Return the parameters in a group of the tree, with its batch axes."""
    correlations = group["correlations"].values if "correlations" in group else None
    return MixtureParameters(
        group["weights"].values, group["means"].values, group["scales"].values, correlations
    )


def read_rows(tree: xr.DataTree) -> Float[np.ndarray, "n d"]:
    """Return the observed rows, in the units of the data."""
    return np.ascontiguousarray(tree["observed_data"][DATA].values)
