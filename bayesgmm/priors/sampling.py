"""Draws from the prior of a spec, for prior predictive checks and calibration."""

from __future__ import annotations

import math
from dataclasses import replace
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
from bayesgmm.priors.hyperparameters import as_tuples, collapsed
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.number import F_FREEDOM, DynamicDirichlet
from bayesgmm.priors.scales import Gamma, HalfT, InverseGamma
from bayesgmm.priors.spec import MixtureSpec, layout_of
from bayesgmm.priors.wishart import Wishart


def draw_parameters(
    spec: MixtureSpec, n_features: int, n_draws: int, rng: np.random.Generator
) -> MixtureParameters:
    """Draw mixtures from the prior of a resolved spec; the batch axis is the draws.

    If the number of components is unknown, those that a draw lacks are copies of its first one with
    next to no weight, as in a fit.
    """
    if spec.infers_number:
        return _draw_of_different_numbers(spec, n_features, n_draws, rng)
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


def _draw_of_different_numbers(
    spec: MixtureSpec, n_features: int, n_draws: int, rng: np.random.Generator
) -> MixtureParameters:
    probabilities = np.exp(spec.n_components.log_probabilities())
    numbers = rng.choice(probabilities.size, n_draws, p=probabilities / probabilities.sum()) + 1
    drawn = []
    for number in numbers:
        one = draw_hyperparameters(spec, n_features, rng).given(int(number))
        mixture = draw_parameters(one, n_features, 1, rng).draw((0,))
        places = np.minimum(np.arange(numbers.max()), number)
        places[number:] = 0
        lacking = np.arange(numbers.max()) >= number
        own = mixture.correlations
        drawn.append((
            np.where(lacking, np.finfo(float).tiny, mixture.weights[places]),
            mixture.means[places],
            mixture.scales[places],
            None if own is None else np.asarray(own)[places],
        ))  # fmt: skip
    *parts, matrices = zip(*drawn, strict=True)
    weights, means, scales = (np.array(part) for part in parts)
    correlations = None if matrices[0] is None else np.array(matrices)
    return MixtureParameters(weights, means, scales, correlations)


def draw_hyperparameters(
    spec: MixtureSpec, n_features: int, rng: np.random.Generator
) -> MixtureSpec:
    """Return the spec with numbers for the hyperparameters that have a prior, drawn from it."""
    weights, structure = spec.weights, spec.covariances
    if isinstance(weights, DynamicDirichlet) and weights.alpha is None:
        spec = replace(spec, weights=DynamicDirichlet(float(stats.f(*F_FREEDOM).rvs(None, rng))))
    prior = structure.hyperprior
    if isinstance(prior, Gamma):
        assert isinstance(structure, SeparatedStructure)
        assert isinstance(structure.scales, InverseGamma)
        size = structure.n_scales(n_features)
        scale = collapsed(prior.draw(rng, (size,)))
        scales = replace(structure.scales, scale=scale)
        spec = replace(spec, covariances=replace(structure, scales=scales))
    elif isinstance(prior, Wishart):
        assert prior.degrees_of_freedom is not None
        law = stats.wishart(prior.degrees_of_freedom, prior.matrix(n_features))
        if n_features == 1:  # of any degrees of freedom above 0
            law = stats.gamma(0.5 * prior.degrees_of_freedom, scale=2 * prior.matrix(1)[0, 0])
        matrix = np.reshape(law.rvs(random_state=rng), (n_features, n_features))
        assert isinstance(structure, InverseWishartStructure)
        spec = replace(spec, covariances=replace(structure, scale_matrix=as_tuples(matrix)))
    return spec


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
