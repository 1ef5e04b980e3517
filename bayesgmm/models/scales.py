"""Each scale prior as a PyMC variable."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import pymc as pm
from pytensor.tensor import TensorVariable

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.hyperparameters import collapsed, expanded
from bayesgmm.priors.scales import (
    Exponential,
    Gamma,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    ScalePrior,
)


@singledispatch
def declare_scale(prior: ScalePrior, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    """Declare standard deviations under a prior, in the model on the context stack.

    Parameters
    ----------
    prior : ScalePrior
        Resolved: none of its hyperparameters is ``None``.
    name : str
        Name of the variable.
    size : int
        Number of scales in one covariance matrix: the last axis of the variable, or 1 where it
        has none.
    **declaration
        ``dims`` and ``initval`` of the variable.

    Returns
    -------
    TensorVariable
        The random variable, in the units of the data.

    Raises
    ------
    SpecificationError
        If a prior is unknown here, or has the wrong number of hyperparameters.
    """
    raise SpecificationError(
        f"{type(prior).__name__} has no PyMC distribution; "
        "register one with bayesgmm.models.scales.declare_scale.register."
    )


@declare_scale.register
def _(prior: HalfT, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    scale = _numbers(prior, "scale", size)
    return pm.HalfStudentT(name, nu=prior.degrees_of_freedom, sigma=scale, **declaration)


@declare_scale.register
def _(prior: HalfNormal, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    return pm.HalfNormal(name, sigma=_numbers(prior, "scale", size), **declaration)


@declare_scale.register
def _(prior: LogNormal, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    loc, scale = _numbers(prior, "loc", size), _numbers(prior, "scale", size)
    return pm.LogNormal(name, mu=loc, sigma=scale, **declaration)


@declare_scale.register
def _(prior: Exponential, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    return pm.Exponential(name, lam=_numbers(prior, "rate", size), **declaration)


@declare_scale.register
def _(prior: Gamma, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    shape, rate = _numbers(prior, "shape", size), _numbers(prior, "rate", size)
    return pm.Gamma(name, alpha=shape, beta=rate, **declaration)


@declare_scale.register
def _(prior: InverseGamma, name: str, *, size: int, **declaration: Any) -> TensorVariable:
    shape, scale = _numbers(prior, "shape", size), _numbers(prior, "scale", size)
    return pm.InverseGamma(name, alpha=shape, beta=scale, **declaration)


def _numbers(prior: ScalePrior, parameter: str, size: int) -> np.ndarray:
    """Return a hyperparameter with an axis of features only if the features differ.

    A scale that all features share is a number without axes, and its prior must be one too.
    """
    value = expanded(type(prior).__name__, parameter, getattr(prior, parameter), size)
    return np.asarray(collapsed(value))
