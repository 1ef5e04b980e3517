"""Checks of mixture parameters that somebody wrote down."""

from __future__ import annotations

import numpy as np

from bayesgmm.errors import SpecificationError
from bayesgmm.parameters import MixtureParameters

_TOLERANCE = 1e-6
"""By which weights may miss one, and correlation matrices symmetry and their diagonal: what is
left of numbers that were written down with seven digits."""


def expect_mixture(given: MixtureParameters) -> MixtureParameters:
    """Return parameters as arrays of floats, if they make a mixture.

    Raises
    ------
    SpecificationError
        Naming the first array whose shape or numbers are not possible.
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
        _expect_correlations(parameters.correlations)
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
