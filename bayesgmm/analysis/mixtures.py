"""The mixtures that a question is about: those of a fit, a prior, an estimate, or given ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from jaxtyping import Shaped

from bayesgmm.analysis.given import expect_mixture
from bayesgmm.data.dataset import default_names
from bayesgmm.data.standardize import Scaling
from bayesgmm.errors import SchemaError, SpecificationError
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.options import expect_one_of
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.fit import Fit, read_parameters
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE, validate

Uncertainty = Literal["posterior", "point"]


@dataclass(frozen=True, eq=False)
class Mixtures:
    """One mixture or many, with the names of their parts.

    Attributes
    ----------
    parameters : MixtureParameters
        With batch axes ``(chain, draw)``, in the units of the data.
    features : tuple of d strings
    components, chains, draws : arrays
        Their coordinates.
    """

    parameters: MixtureParameters
    features: tuple[str, ...]
    components: Shaped[np.ndarray, " k"]
    chains: Shaped[np.ndarray, " chain"]
    draws: Shaped[np.ndarray, " draw"]


def read_mixtures(source: Any, uncertainty: Uncertainty = "posterior") -> Mixtures:
    """Return the mixtures of a source.

    Parameters
    ----------
    source : xarray.DataTree, PointEstimate or MixtureParameters
        A fit; a tree with a group ``prior``, as ``prior_predictive`` returns it; or parameters,
        whose features are called x0, x1, and so on.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate. What has no draws is one point.

    Raises
    ------
    SpecificationError
        If ``source`` is none of these, has batch axes other than one for draws, or holds
        numbers that make no mixture.
    SchemaError
        If it is another tree.
    """
    expect_one_of("uncertainty", uncertainty, get_args(Uncertainty))
    if isinstance(source, PointEstimate | Fit):
        source = Fit.of(source).tree
    if isinstance(source, MixtureParameters):
        return _given(source)
    if not isinstance(source, xr.DataTree):
        raise SpecificationError(
            "Expected a tree that bayesgmm.fit returned, a PointEstimate or MixtureParameters, "
            f"not {type(source).__name__!r}."
        )
    if "posterior" not in source.children and "prior" in source.children:
        return _of_group(source["prior"], source["prior"])
    validate(source)
    if uncertainty == "posterior":
        return _of_group(source["posterior"], source["posterior"])
    point = source["point_estimate"]
    if "weights" not in point:
        raise SchemaError("The tree has no point estimate. Ask with uncertainty='posterior'.")
    return _of_group(point, source["posterior"])


def _of_group(group: xr.DataTree, named: xr.DataTree) -> Mixtures:
    parameters = read_parameters(group)
    has_draws = DRAW in group.dims
    return Mixtures(
        parameters if has_draws else parameters.draw((None, None)),
        tuple(str(name) for name in named[FEATURE].values),
        named[COMPONENT].values,
        group[CHAIN].values if has_draws else np.zeros(1, dtype=int),
        group[DRAW].values if has_draws else np.zeros(1, dtype=int),
    )


def _given(given: MixtureParameters) -> Mixtures:
    parameters = expect_mixture(given)
    if len(parameters.batch_shape) > 1:
        raise SpecificationError(
            f"Parameters may have one batch axis, the draws; these have {parameters.batch_shape}."
        )
    batched = parameters.draw((None,) if parameters.batch_shape else (None, None))
    return Mixtures(
        batched,
        default_names(parameters.n_features),
        np.arange(parameters.n_components),
        np.zeros(1, dtype=int),
        np.arange(batched.batch_shape[1]),
    )


def on_own_scale(mixtures: Mixtures) -> tuple[Scaling, MixtureParameters]:
    """Return the scale on which the average of all mixtures has mean zero and unit spread.

    For answers about any source, whether or not it remembers a scaling: far from zero (an offset
    of 1e8, say) differences lose digits unless rows and means are centred first.
    """
    parameters = mixtures.parameters
    shares = parameters.weights[..., None] / np.prod(parameters.batch_shape, dtype=int)
    over_all = tuple(range(parameters.means.ndim - 1))
    rough = parameters.means.mean(axis=over_all)
    centred = parameters.means - rough
    shift = (shares * centred).sum(axis=over_all)
    squares = parameters.scales**2 + (centred - shift) ** 2
    scaling = Scaling(rough + shift, np.sqrt((shares * squares).sum(axis=over_all)))
    return scaling, scaling.standardize_parameters(parameters)
