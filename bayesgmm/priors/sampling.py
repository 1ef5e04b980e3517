"""Draws from the prior of a spec, for prior predictive checks and calibration."""

from __future__ import annotations

import math
from functools import singledispatch

import numpy as np
from jaxtyping import Float
from scipy import stats

from bayesgmm.numerics.unconstrained import CovarianceMap, FactorMap
from bayesgmm.parameters import Correlations, MixtureParameters
from bayesgmm.priors.covariances import (
    CorrelatedStructure,
    CovarianceStructure,
    SeparatedStructure,
)
from bayesgmm.priors.factors import SIGNAL_SHAPE, Factors
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.scales import HalfT
from bayesgmm.priors.spec import MixtureSpec, layout_of


def draw_parameters(
    spec: MixtureSpec, n_features: int, n_draws: int, rng: np.random.Generator
) -> MixtureParameters:
    """Draw mixtures from the prior of a resolved spec; the batch axis is the draws."""
    layout = layout_of(spec, n_features).covariances
    shape = (n_draws, spec.n_components, n_features)
    loc, precision = spec.means.expanded(spec.n_components, n_features)
    free, correlations = draw_covariances(spec.covariances, layout, n_draws, rng)
    return MixtureParameters(
        weights=rng.dirichlet(spec.weights.expanded(spec.n_components), n_draws),
        means=loc + rng.standard_normal(shape) / np.sqrt(precision),
        scales=layout.all_scales(free),
        correlations=correlations,
    )


@singledispatch
def draw_covariances(
    structure: CovarianceStructure, layout: CovarianceMap, n_draws: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "draws m s"], Correlations]:
    """Draw free scales, and correlations written out for every component if there are any."""
    raise NotImplementedError(f"{type(structure).__name__} has no draws from its prior")


@draw_covariances.register
def _(
    structure: SeparatedStructure, layout: CovarianceMap, n_draws: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "draws m s"], Float[np.ndarray, "draws k d d"] | None]:
    batch, size, prior = (n_draws, layout.n_matrices), layout.n_features, structure.scales
    assert prior is not None
    if not layout.correlated:
        return prior.draw(rng, (*batch, layout.n_scales)), None
    if isinstance(prior, HalfT):
        return _draw_huang_wand(prior, layout, batch, rng)
    assert isinstance(structure, CorrelatedStructure)
    assert structure.correlations is not None
    scales, eta = prior.draw(rng, (*batch, size)), structure.correlations.eta
    return scales, layout.correlations(_draw_coordinates(eta, size, batch, rng))


@draw_covariances.register
def _(
    structure: Factors, layout: CovarianceMap, n_draws: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "draws m s"], Correlations]:
    batch, prior = (n_draws, layout.n_matrices), structure.scales
    assert prior is not None
    scales = prior.draw(rng, (*batch, layout.n_scales))
    if not isinstance(layout, FactorMap):  # one feature
        return scales, None
    precisions = rng.standard_gamma(SIGNAL_SHAPE, (*batch, layout.n_factors))
    precisions *= structure.n_factors / SIGNAL_SHAPE
    signals = rng.standard_normal((*batch, layout.n_factors, layout.n_features))
    signals /= np.sqrt(precisions)[..., None]
    all_scales, correlations = layout.combined(np.log(scales), signals)
    return all_scales[:, : layout.n_matrices], correlations


def _draw_huang_wand(
    prior: HalfT, layout: CovarianceMap, batch: tuple[int, int], rng: np.random.Generator
) -> tuple[Float[np.ndarray, "draws m s"], Float[np.ndarray, "draws k d d"] | None]:
    """Draw scales and correlations jointly, see :func:`bayesgmm.priors.covariances.huang_wand`."""
    size = layout.n_features
    mixing = rng.standard_gamma(0.5, (*batch, size)) / (0.5 * prior.rate(size))
    wishart = stats.invwishart(prior.degrees_of_freedom + size - 1, np.eye(size))
    unit = wishart.rvs(math.prod(batch), rng).reshape(*batch, size, size)
    deviations, correlations = _separated(unit, layout)
    return deviations * np.sqrt(mixing), correlations


@draw_covariances.register
def _(
    structure: InverseWishartStructure,
    layout: CovarianceMap,
    n_draws: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, "draws m s"], Float[np.ndarray, "draws k d d"] | None]:
    size, shape = layout.n_features, (n_draws, layout.n_matrices)
    prior = stats.invwishart(structure.degrees_of_freedom, structure.matrix(size))
    matrices = prior.rvs(n_draws * layout.n_matrices, rng).reshape(*shape, size, size)
    return _separated(matrices, layout)


def _separated(
    matrices: Float[np.ndarray, "draws m d d"], layout: CovarianceMap
) -> tuple[Float[np.ndarray, "draws m s"], Float[np.ndarray, "draws k d d"] | None]:
    """Return the scales of covariance matrices, and their correlations for every component."""
    scales = np.sqrt(np.diagonal(matrices, axis1=-2, axis2=-1))
    if not layout.correlated:
        return scales, None
    correlations = matrices / (scales[..., :, None] * scales[..., None, :])
    return scales, layout.all_matrices(correlations)


def _draw_coordinates(
    eta: float, size: int, batch: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """Draw correlation coordinates y under LKJ(eta), row after row.

    The density of y factorizes over rows of length i = 1, ..., size - 1 into
    (1 + |y_i|^2)^(-(2 eta - 1 + size) / 2), a multivariate t with 2 eta - 1 + size - i degrees
    of freedom: a normal vector over the root of a chi-square.
    """
    rows = []
    for length in range(1, size):
        normal = rng.standard_normal((*batch, length))
        chi_square = rng.chisquare(2 * eta - 1 + size - length, (*batch, 1))
        rows.append(normal / np.sqrt(chi_square))
    return np.concatenate(rows, axis=-1)
