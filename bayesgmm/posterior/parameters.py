"""Reading a tree: parameters and rows as plain arrays, and what it remembers of its making."""

from __future__ import annotations

import json
from ast import literal_eval

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.data.standardize import Scaling
from bayesgmm.errors import SchemaError
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import DATA, DERIVED, record


def read_parameters(group: xr.DataTree | xr.Dataset) -> MixtureParameters:
    """Return the parameters in a group of the tree, with its batch axes."""
    correlations = group["correlations"].values if "correlations" in group else None
    return MixtureParameters(
        group["weights"].values, group["means"].values, group["scales"].values, correlations
    )


def read_rows(tree: xr.DataTree) -> Float[np.ndarray, "n d"]:
    """Return the observed rows, in the units of the data."""
    return np.ascontiguousarray(tree["observed_data"][DATA].values)


def read_spec(tree: xr.DataTree) -> MixtureSpec:
    """Return the spec that was fitted, every hyperparameter a number in the units of the data."""
    expect_fitted(tree)
    return MixtureSpec.from_json(json.dumps(record(tree)["spec"]))


def expect_fitted(tree: xr.DataTree) -> None:
    """Raise a ``SchemaError`` if a tree is a mixture made from a fit, and no fit itself."""
    if DERIVED in record(tree):
        raise SchemaError(
            "This tree is a conditional or marginal mixture. It has no spec, log-likelihoods or "
            "diagnosis of its own: ask this of the fit that it was made from."
        )


def read_scaling(tree: xr.DataTree) -> Scaling:
    """Return the way to the standard scale and back."""
    return Scaling.from_plain(record(tree)["scaling"])


def read_seed(tree: xr.DataTree) -> np.random.SeedSequence:
    """Return the seed of the fit, for answers that the tree alone should determine."""
    return np.random.SeedSequence(literal_eval(record(tree)["seed"]))
