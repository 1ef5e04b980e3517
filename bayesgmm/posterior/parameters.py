"""Reading a tree: parameters and rows as plain arrays, and what it remembers of its making."""

from __future__ import annotations

import json
from ast import literal_eval

import numpy as np
import xarray as xr
from jaxtyping import Int

from bayesgmm.data.dataset import Dataset
from bayesgmm.data.standardize import Scaling
from bayesgmm.errors import SchemaError
from bayesgmm.numerics.likeness import alike
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import (
    COMPONENT,
    DATA,
    DERIVED,
    EXCHANGEABLE,
    FEATURE,
    PLAUSIBILITY,
    ROW,
    ROW_WEIGHT,
    record,
)

_SAME = 1e-9
"""Relative difference of numbers that are one shared number, written out several times."""


def read_parameters(group: xr.DataTree | xr.Dataset) -> MixtureParameters:
    """Return the parameters in a group of the tree, with its batch axes."""
    correlations = group["correlations"].values if "correlations" in group else None
    return MixtureParameters(
        group["weights"].values, group["means"].values, group["scales"].values, correlations
    )


def read_data(tree: xr.DataTree) -> Dataset:
    """Return the rows of the fit with all that was known of them, on the scale of the tree."""
    observed = tree["observed_data"]
    names = tuple(str(name) for name in observed[FEATURE].values)
    known = tree["constant_data"] if "constant_data" in tree.children else {}
    more = {}
    if ROW_WEIGHT in known:
        more["weights"] = known[ROW_WEIGHT].values
    if PLAUSIBILITY in known:
        with np.errstate(divide="ignore"):
            more["plausibilities"] = np.log(known[PLAUSIBILITY].values)
    return Dataset(observed[DATA].values, names, observed[ROW].values, **more)


def read_spec(tree: xr.DataTree) -> MixtureSpec:
    """Return the spec that was fitted, every hyperparameter a number in the units of the data.

    Raises
    ------
    SchemaError
        If the tree is a mixture made from a fit, or its draws came without a spec.
    """
    expect_fitted(tree)
    if not knows_prior(tree):
        raise SchemaError(
            "The prior of these draws is not known, as they came without a spec, and this needs "
            "it. If the draws are of the very model that a spec describes, give it: "
            "bayesgmm.from_draws(draws, X, spec)."
        )
    return MixtureSpec.from_json(json.dumps(record(tree)["spec"]))


def knows_prior(tree: xr.DataTree) -> bool:
    """Whether the tree says which prior its draws have, so that their target can be computed."""
    return record(tree).get("spec") is not None


def read_layout(tree: xr.DataTree) -> Layout:
    """Return how many parameters are free: by the spec, or where there is none, by the draws."""
    draws = read_parameters(tree["posterior"])
    if knows_prior(tree):
        return layout_of(read_spec(tree), draws.n_features)
    return draws_layout(draws)


def draws_layout(draws: MixtureParameters) -> Layout:
    """Return how many parameters are free in draws: what is equal in all of them is shared."""
    k, d, scales, correlations = (
        draws.n_components, draws.n_features, draws.scales, draws.correlations
    )  # fmt: skip
    tied = np.allclose(scales, scales[..., :1, :], rtol=_SAME, atol=0)
    if correlations is not None:
        tied = tied and np.allclose(correlations, correlations[..., :1, :, :], rtol=0, atol=_SAME)
    isotropic = correlations is None and np.allclose(scales, scales[..., :1], rtol=_SAME, atol=0)
    return Layout(k, d, 1 if tied else k, 1 if isotropic else d, correlations is not None)


def alike_components(tree: xr.DataTree) -> Int[np.ndarray, " k"]:
    """Number groups of components that nothing but their names tells apart."""
    n_components = tree["posterior"].sizes[COMPONENT]
    if not record(tree).get(EXCHANGEABLE, True):
        return np.arange(n_components)
    expect_fitted(tree)
    hyperparameters = np.ones((n_components, 1))
    if knows_prior(tree):
        hyperparameters = read_spec(tree).of_each_component(tree["posterior"].sizes[FEATURE])
    return alike(hyperparameters, read_data(tree).plausibilities)


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
