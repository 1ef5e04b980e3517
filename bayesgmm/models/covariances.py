"""Covariance structures and scale priors as PyMC variables.

A structure declares its free variables, scales and correlations or covariance matrices, in their
natural shape, expands them per component (``scales``, ``correlations``, ``covariances``), and
returns the distribution of the rows.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor import TensorVariable

from bayesgmm.errors import SpecificationError
from bayesgmm.models.correlations import CorrelationCholesky
from bayesgmm.models.inverse_wishart import HuangWand, InverseWishart
from bayesgmm.models.observations import CorrelatedRow, UncorrelatedRow
from bayesgmm.numerics.unconstrained import FactorMap, made_regular
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.covariances import (
    CorrelatedStructure,
    CovarianceStructure,
    DiagonalStructure,
    SeparatedStructure,
)
from bayesgmm.priors.factors import SIGNAL_SHAPE, Factors
from bayesgmm.priors.hyperparameters import collapsed, expanded
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.scales import (
    Exponential,
    Gamma,
    HalfNormal,
    HalfT,
    InverseGamma,
    LogNormal,
    ScalePrior,
)
from bayesgmm.schema import COMPONENT, FACTOR, FEATURE, FEATURE_BIS, PARAMETER_DIMS


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
        "register one with bayesgmm.models.covariances.declare_scale.register."
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


NOISE_SCALES = "noise_scales"
"""The variable of the square roots of uniquenesses."""

RowDistribution = type[CorrelatedRow] | type[UncorrelatedRow]


@singledispatch
def declare_covariances(
    structure: CovarianceStructure,
    *,
    shape: tuple[int, int],
    initial: MixtureParameters | None = None,
) -> tuple[RowDistribution, TensorVariable]:
    """Declare the covariances of the components, in the model on the context stack.

    Parameters
    ----------
    structure : CovarianceStructure
        Resolved: none of its hyperparameters is ``None``.
    shape : tuple of int
        (k, d), the numbers of components and features.
    initial : MixtureParameters, optional
        Where samplers start.

    Returns
    -------
    distribution : type
        The distribution of the rows, from :mod:`bayesgmm.models.observations`.
    factors : TensorVariable
        Its last parameter: Cholesky factors, shape (k, d, d), or scales, shape (k, d).
    """
    raise SpecificationError(
        f"{type(structure).__name__} has no PyMC model; "
        "register one with bayesgmm.models.covariances.declare_covariances.register."
    )


@declare_covariances.register
def _(
    structure: DiagonalStructure,
    *,
    shape: tuple[int, int],
    initial: MixtureParameters | None = None,
) -> tuple[RowDistribution, TensorVariable]:
    scales = _declare_scales(structure, shape, initial)
    _record("covariances", scales[:, :, None] ** 2 * pt.eye(shape[1]))
    return UncorrelatedRow, scales


@declare_covariances.register
def _(
    structure: CorrelatedStructure,
    *,
    shape: tuple[int, int],
    initial: MixtureParameters | None = None,
) -> tuple[RowDistribution, TensorVariable]:
    if structure.is_joint and shape[1] > 1:
        return _written_out(structure, _declare_joint(structure, shape, initial), shape)
    scales = _declare_scales(structure, shape, initial)
    if shape[1] == 1:  # one feature has nothing to be correlated with
        _record("correlations", pt.ones((*shape, 1)))
        _record("covariances", scales[:, :, None] ** 2)
        return UncorrelatedRow, scales
    correlations, cholesky = _declare_correlations(structure, shape, initial)
    _record("correlations", correlations)
    _record("covariances", scales[:, :, None] * correlations * scales[:, None, :])
    return CorrelatedRow, scales[:, :, None] * cholesky


@declare_covariances.register
def _(
    structure: InverseWishartStructure,
    *,
    shape: tuple[int, int],
    initial: MixtureParameters | None = None,
) -> tuple[RowDistribution, TensorVariable]:
    return _written_out(structure, _declare_inverse_wishart(structure, shape, initial), shape)


@declare_covariances.register
def _(
    structure: Factors,
    *,
    shape: tuple[int, int],
    initial: MixtureParameters | None = None,
) -> tuple[RowDistribution, TensorVariable]:
    layout = structure.covariance_map(*shape)
    if not isinstance(layout, FactorMap):  # one feature has nothing to be correlated with
        scales = _declare_scales(structure, shape, initial)
        _record("covariances", scales[:, :, None] ** 2)
        return UncorrelatedRow, scales
    start = None
    if initial is not None:
        assert isinstance(initial.correlations, FactoredCorrelations)
        start = layout.taken_apart(initial.scales, initial.correlations)
    component = () if structure.tied else (COMPONENT,)
    assert structure.scales is not None
    noise = declare_scale(
        structure.scales,
        NOISE_SCALES,
        size=structure.n_scales(shape[1]),
        dims=_natural_dims(structure),
        initval=None if start is None else _natural(structure, np.exp(start[0])),
    )
    aligned = noise[..., None] if structure.isotropic else noise
    signals = pm.MvStudentT(
        "signals",
        nu=2 * SIGNAL_SHAPE,
        mu=np.zeros(shape[1]),
        scale=np.eye(shape[1]) / structure.n_factors,
        shape=(*shape[: 0 if structure.tied else 1], structure.n_factors, shape[1]),
        dims=(*component, FACTOR, FEATURE),
        initval=None if start is None else start[1][0] if structure.tied else start[1],
    )
    noise = pt.broadcast_to(aligned, shape)
    loadings = _record(
        "loadings",
        pt.broadcast_to(signals.mT, (*shape, structure.n_factors)) * noise[:, :, None],
    )
    _record("uniquenesses", noise**2)
    covariances = loadings @ loadings.mT + (noise**2)[:, :, None] * pt.eye(shape[1])
    _record("scales", pt.sqrt(pt.diagonal(covariances, axis1=-2, axis2=-1)))
    return CorrelatedRow, pt.linalg.cholesky(covariances, lower=True)


def _written_out(
    structure: CovarianceStructure, free: TensorVariable, shape: tuple[int, int]
) -> tuple[RowDistribution, TensorVariable]:
    """Record what free covariance matrices are for every component."""
    own_scales = pt.sqrt(pt.diagonal(free, axis1=-2, axis2=-1))
    written_out = (*shape, shape[1])
    if structure.tied:
        _record("covariances", pt.broadcast_to(free, written_out))
    scales = _record("scales", pt.broadcast_to(own_scales, shape))
    if shape[1] == 1:
        _record("correlations", pt.ones(written_out))
        return UncorrelatedRow, scales
    correlations = free / (own_scales[..., :, None] * own_scales[..., None, :])
    _record("correlations", pt.broadcast_to(correlations, written_out))
    cholesky = pt.linalg.cholesky(free, lower=True)
    return CorrelatedRow, pt.broadcast_to(cholesky, written_out)


def _declare_inverse_wishart(
    structure: InverseWishartStructure, shape: tuple[int, int], initial: MixtureParameters | None
) -> TensorVariable:
    matrices = _matrices(structure, shape, initial)
    freedom, scale = structure.degrees_of_freedom, structure.matrix(shape[1])
    return InverseWishart(freedom=freedom, scale=scale, **matrices)


def _declare_joint(
    structure: CorrelatedStructure, shape: tuple[int, int], initial: MixtureParameters | None
) -> TensorVariable:
    prior, matrices = structure.scales, _matrices(structure, shape, initial)
    assert isinstance(prior, HalfT)
    return HuangWand(freedom=prior.degrees_of_freedom, rate=prior.rate(shape[1]), **matrices)


def _matrices(
    structure: CovarianceStructure, shape: tuple[int, int], initial: MixtureParameters | None
) -> dict[str, Any]:
    """Return how covariance matrices are declared in their natural shape, (k, d, d) or (d, d)."""
    component, batch = ((), ()) if structure.tied else ((COMPONENT,), shape[:1])
    given = None if initial is None else initial.covariances
    return {
        "name": "covariance" if structure.tied else "covariances",
        "batch": batch,
        "dims": (*component, FEATURE, FEATURE_BIS),
        "initval": given[0] if structure.tied and given is not None else given,
    }


def _declare_scales(
    structure: SeparatedStructure, shape: tuple[int, int], initial: MixtureParameters | None
) -> TensorVariable:
    """Declare the scales in their natural shape, and return them as (k, d)."""
    dims = _natural_dims(structure)
    assert structure.scales is not None
    free = declare_scale(
        structure.scales,
        "scales" if dims == PARAMETER_DIMS["scales"] else "scale",
        size=structure.n_scales(shape[1]),
        dims=dims,
        initval=None if initial is None else _natural(structure, initial.scales),
    )
    if dims == PARAMETER_DIMS["scales"]:
        return free
    aligned = free[..., None] if structure.isotropic else free
    return _record("scales", pt.broadcast_to(aligned, shape))


def _natural_dims(structure: SeparatedStructure) -> tuple[str, ...]:
    component = () if structure.tied else (COMPONENT,)
    return component if structure.isotropic else (*component, FEATURE)


def _natural(structure: SeparatedStructure, scales: np.ndarray) -> np.ndarray:
    """Return scales, (k, d) or (m, s), without the axes along which they are equal."""
    owned = scales[0] if structure.tied else scales
    return owned[..., 0] if structure.isotropic else owned


def _declare_correlations(
    structure: CorrelatedStructure, shape: tuple[int, int], initial: MixtureParameters | None
) -> tuple[TensorVariable, TensorVariable]:
    """Return correlation matrices and their Cholesky factors, both (k, d, d)."""
    prior, n_features = structure.correlations, shape[1]
    component, size = ((), ()) if structure.tied else ((COMPONENT,), shape[:1])
    given = None if initial is None else initial.correlations
    assert prior is not None
    free = CorrelationCholesky(
        "correlation_cholesky",
        n=n_features,
        eta=prior.eta,
        size=size,
        dims=(*component, FEATURE, FEATURE_BIS),
        initval=None
        if given is None
        else _start(np.asarray(given[0] if structure.tied else given)),
    )
    written_out = (*shape, n_features)
    return pt.broadcast_to(free @ free.mT, written_out), pt.broadcast_to(free, written_out)


def _start(correlations: np.ndarray) -> np.ndarray:
    """Return the Cholesky factors of correlation matrices, where samplers can start."""
    return np.linalg.cholesky(made_regular(correlations))


def _record(name: str, value: TensorVariable) -> TensorVariable:
    return pm.Deterministic(name, value, dims=PARAMETER_DIMS[name])
