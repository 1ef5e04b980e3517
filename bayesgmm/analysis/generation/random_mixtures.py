"""Random mixtures with a given overlap.

Means are uniform on the unit hypercube, and covariance matrices Wishart with d + 1 degrees of
freedom, with limited eccentricity; all are multiplied by one factor that gives the overlap (Maitra
and Melnykov, 2010, section 2.2). For an average and a maximum together, the pair that has the
maximum keeps its matrices, and those of all others get a factor of their own.

References
----------
Maitra, R. and Melnykov, V. (2010). Simulating data to study performance of finite mixture modeling
and clustering algorithms. Journal of Computational and Graphical Statistics 19, 354-376.
Melnykov, V., Chen, W.-C. and Maitra, R. (2012). MixSim: an R package for simulating data to study
performance of clustering algorithms. Journal of Statistical Software 51 (12).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.overlap import pairwise_overlap
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure

_TRIES = 100
"""Mixtures to draw before an overlap counts as unattainable."""

_ROUNDEST = 0.9
"""Largest eccentricity, sqrt(1 - smallest / largest eigenvalue), as in MixSim."""

_STEP, _FARTHEST = 2.0, 24.0  # in logarithms of the factor of the covariance matrices
_TOLERANCE = 1e-13  # of that logarithm

Measure = Callable[[MixtureParameters], float]


@dataclass(frozen=True)
class Asked:
    """How much pairs of components overlap: on average, at most, or both."""

    average: float | None
    most: float | None


def average_overlap(mixture: MixtureParameters) -> float:
    """Return the mean over all pairs."""
    return float(_of_pairs(mixture).mean())


def largest_overlap(mixture: MixtureParameters) -> float:
    """Return that of the pair that overlaps most."""
    return float(_of_pairs(mixture).max())


def draw_mixture(
    weights: Float[np.ndarray, " k"],
    n_features: int,
    structure: CovarianceStructure,
    asked: Asked,
    rng: np.random.Generator,
) -> MixtureParameters:
    """Draw a mixture with given weights.

    Raises
    ------
    SpecificationError
        If none of a hundred mixtures can attain the overlap.
    """
    for _ in range(_TRIES):
        mixture = _brought_to(asked, _draw(weights, n_features, structure, rng))
        if mixture is not None:
            return mixture
    raise SpecificationError(
        f"No mixture of {weights.size} components in {n_features} features with these weights was "
        f"found that overlaps as asked (overlap={asked.average}, max_overlap={asked.most}), in "
        f"{_TRIES} attempts. Use less overlap, only one of the two limits, or a tied "
        "structure, which can attain any overlap."
    )


def _brought_to(asked: Asked, mixture: MixtureParameters) -> MixtureParameters | None:
    """Scale covariance matrices; ``None`` if no factor gives the overlap."""
    everyone = np.arange(mixture.n_components)
    if asked.most is None:
        assert asked.average is not None
        return _scaled_to(asked.average, average_overlap, mixture, everyone)
    with_most = _scaled_to(asked.most, largest_overlap, mixture, everyone)
    if asked.average is None or with_most is None:
        return with_most
    overlaps = pairwise_overlap(with_most) - np.eye(everyone.size)
    pair = np.unravel_index(overlaps.argmax(), overlaps.shape)
    found = _scaled_to(asked.average, average_overlap, with_most, np.setdiff1d(everyone, pair))
    suits = found is not None and largest_overlap(found) <= asked.most + 1e-9
    return found if suits else None


def _scaled_to(
    asked: float, measure: Measure, mixture: MixtureParameters, chosen: np.ndarray
) -> MixtureParameters | None:
    """Multiply the covariance matrices of some components until a measure has the given value."""

    def with_factor(logarithm: float) -> MixtureParameters:
        scales = mixture.scales.copy()
        scales[chosen] *= np.exp(0.5 * logarithm)
        return replace(mixture, scales=scales)

    def excess(logarithm: float) -> float:
        return measure(with_factor(logarithm)) - asked

    here, there = 0.0, 0.0
    direction = -_STEP if excess(0.0) > 0 else _STEP
    # The average overlap usually increases with the factor, to a limit that may be too small.
    if direction > 0 and chosen.size == mixture.n_components and excess(_FARTHEST) < 0:
        return None
    while (excess(there) > 0) == (direction < 0):
        here, there = there, there + direction
        if abs(there) > _FARTHEST:
            return None
    if here == there:
        return mixture
    return with_factor(brentq(excess, *sorted((here, there)), xtol=_TOLERANCE))


def _draw(
    weights: Float[np.ndarray, " k"],
    d: int,
    structure: CovarianceStructure,
    rng: np.random.Generator,
) -> MixtureParameters:
    """Draw means and covariance matrices, the structure obeyed."""
    k = weights.size
    factors = rng.standard_normal((structure.n_matrices(k), d, d + 1))
    matrices = _rounded(factors @ np.swapaxes(factors, 1, 2) / (d + 1))
    variances = np.diagonal(matrices, axis1=1, axis2=2)
    if structure.isotropic:
        variances = np.broadcast_to(variances.mean(axis=1, keepdims=True), variances.shape)
    means = rng.random((k, d))
    if not structure.correlated:
        scales = np.broadcast_to(np.sqrt(variances), (k, d))
        return MixtureParameters(weights, means, np.array(scales))
    return MixtureParameters.from_covariances(
        weights, means, np.array(np.broadcast_to(matrices, (k, d, d)))
    )


def _rounded(matrices: Float[np.ndarray, "k d d"]) -> Float[np.ndarray, "k d d"]:
    """Limit the eccentricity of matrices by raising their small eigenvalues."""
    values, vectors = np.linalg.eigh(matrices)
    largest = values[:, -1:]
    widest = largest - values[:, :1]
    shrink = np.minimum(1.0, _ROUNDEST**2 * largest / np.where(widest > 0, widest, 1.0))
    values = largest - shrink * (largest - values)
    return (vectors * values[:, None, :]) @ np.swapaxes(vectors, 1, 2)


def _of_pairs(mixture: MixtureParameters) -> Float[np.ndarray, " pairs"]:
    return pairwise_overlap(mixture)[np.triu_indices(mixture.n_components, 1)]
