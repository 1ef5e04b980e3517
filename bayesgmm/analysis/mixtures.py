"""The mixtures of a source: a fit, a prior, an estimate, or given parameters; and their checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
from jaxtyping import Shaped

from bayesgmm.data.dataset import default_names
from bayesgmm.data.readers import expect_distinct
from bayesgmm.data.standardize import Scaling
from bayesgmm.errors import DataError, SchemaError, SpecificationError
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.options import expect_one_of
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE, validate
from bayesgmm.tree.fit import Fit, read_parameters, spread_evenly

_TOLERANCE = 1e-6
"""Tolerance of the sum of weights, and of the symmetry and diagonal of correlation matrices: the
rounding error of numbers with seven digits."""


def check_parameters(given: MixtureParameters) -> MixtureParameters:
    """Check that parameters are a valid mixture, and return them as arrays of floats.

    Raises
    ------
    SpecificationError
        If an array has an invalid shape or invalid numbers; the message names it.
    """
    arrays = {name: _numbers(name, getattr(given, name)) for name in ("weights", "means", "scales")}
    if given.correlations is not None:
        arrays["correlations"] = _numbers("correlations", given.correlations)
    parameters = MixtureParameters(**_of_one_shape(arrays))
    _expect_weights(parameters.weights)
    if not np.all(parameters.scales > 0):
        raise SpecificationError(
            "MixtureParameters: scales are standard deviations and must be above zero; the "
            f"smallest is {parameters.scales.min():g}."
        )
    if parameters.correlations is not None:
        _expect_correlations(np.asarray(parameters.correlations))
    return parameters


def _numbers(name: str, value: object) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise SpecificationError(
            f"MixtureParameters: {name} must be an array of numbers, not {value!r}."
        ) from None
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise SpecificationError(
            f"MixtureParameters: {name} must hold finite numbers, and at least one."
        )
    return array


def _of_one_shape(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    means = arrays["means"]
    if means.ndim < 2:
        raise SpecificationError(
            "MixtureParameters: means must have one row for each component and one column for "
            f"each feature, not the shape {means.shape}."
        )
    expected = {
        "weights": means.shape[:-1],
        "means": means.shape,
        "scales": means.shape,
        "correlations": (*means.shape, means.shape[-1]),
    }
    for name, array in arrays.items():
        if array.shape != expected[name]:
            raise SpecificationError(
                f"MixtureParameters: with means of shape {means.shape}, {name} must have the "
                f"shape {expected[name]}, not {array.shape}."
            )
    return arrays


def _expect_weights(weights: np.ndarray) -> None:
    totals = weights.sum(axis=-1)
    worst = totals.flat[np.abs(totals - 1.0).argmax()]
    if weights.min() < 0 or abs(worst - 1.0) > _TOLERANCE:
        raise SpecificationError(
            "MixtureParameters: weights must be zero or more and sum to one; the smallest is "
            f"{weights.min():g}, and they sum to {worst:g}. Divide them by their sum."
        )


def _expect_correlations(matrices: np.ndarray) -> None:
    diagonals = np.diagonal(matrices, axis1=-2, axis2=-1)
    uneven = np.abs(matrices - np.swapaxes(matrices, -1, -2)).max()
    if uneven > _TOLERANCE or np.abs(diagonals - 1.0).max() > _TOLERANCE:
        raise SpecificationError(
            "MixtureParameters: correlations must be symmetric matrices with ones on the "
            "diagonal. For covariance matrices use MixtureParameters.from_covariances."
        )
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        least = np.linalg.eigvalsh(matrices)[..., 0].min()
        raise SpecificationError(
            "MixtureParameters: correlations must be positive definite; the smallest eigenvalue "
            f"is {least:.1e}. Is one feature a sum of others?"
        ) from None


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

    def thinned(self, n_draws: int) -> Mixtures:
        """Return about ``n_draws`` of them, as many from each chain and spread evenly over it."""
        chosen = spread_evenly(self.draws.size, n_draws, self.chains.size)
        if chosen.size == self.draws.size:
            return self
        parameters = self.parameters.draw((slice(None), chosen))
        return replace(self, parameters=parameters, draws=self.draws[chosen])


def read_mixtures(source: Any, uncertainty: Uncertainty = "posterior") -> Mixtures:
    """Return the mixtures of a source.

    Parameters
    ----------
    source : xarray.DataTree, PointEstimate or MixtureParameters
        A fit; a tree with a group ``prior``, as ``prior_predictive`` returns it; or parameters,
        whose features are called x0, x1, and so on.
    uncertainty : {"posterior", "point"}
        All draws of a fit, or its point estimate. A source without draws is one point.

    Raises
    ------
    SpecificationError
        If ``source`` is none of these, has batch axes other than one for draws, or holds
        invalid parameters.
    SchemaError
        If it is a tree of another kind.
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
        raise SchemaError("The tree has no point estimate. Use uncertainty='posterior'.")
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
    parameters = check_parameters(given)
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

    For results from any source, with or without a scaling: far from zero (at an offset of 1e8, say)
    differences lose digits unless rows and means are centered first.
    """
    parameters = mixtures.parameters
    shares = parameters.weights[..., None] / np.prod(parameters.batch_shape, dtype=int)
    over_all = tuple(range(parameters.means.ndim - 1))
    rough = parameters.means.mean(axis=over_all)
    centered = parameters.means - rough
    shift = (shares * centered).sum(axis=over_all)
    squares = parameters.scales**2 + (centered - shift) ** 2
    scaling = Scaling(rough + shift, np.sqrt((shares * squares).sum(axis=over_all)))
    return scaling, scaling.standardize_parameters(parameters)


def asked_features(argument: str, asked: Any, known: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of the features named by an argument: one, or a sequence.

    Raises
    ------
    DataError
        If a feature is unknown or named twice.
    SpecificationError
        If the argument names none.
    """
    names = [asked] if isinstance(asked, str) or not isinstance(asked, Iterable) else list(asked)
    # Columns whose names are integers are named by these, as text.
    names = [str(name) if isinstance(name, Integral) else name for name in names]
    if not names or not all(isinstance(name, str) for name in names):
        raise SpecificationError(
            f"{argument} must be a name or a list of names, of {list(known)}; not {asked!r}."
        )
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(f"{argument}: unknown features {unknown}; there are {list(known)}.")
    expect_distinct(names)
    return tuple(known.index(name) for name in names)


def others_than(features: Sequence[int], n_features: int) -> tuple[int, ...]:
    """Return the remaining features, in their order."""
    return tuple(index for index in range(n_features) if index not in features)
