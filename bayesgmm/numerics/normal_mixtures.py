"""One-dimensional normal mixtures: distribution function, quantiles, highest-density intervals.

The posterior predictive distribution of a feature is one of them: with s draws of k components it
has s k components, each weight divided by s. Nothing here is approximated by moments or by
simulation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.kernels import normal_mixtures as kernels
from bayesgmm.numerics.rows import as_compiled
from bayesgmm.parameters import MixtureParameters

_REACH = 9.0  # standard deviations: beyond lies less than 1e-18 of a normal distribution
_STEP = 0.25  # standard deviations between two points at which the density is looked at
_ABOVE_ENDS = 1e-6  # the least log threshold, over the density at the outermost points


@dataclass(frozen=True, eq=False)
class NormalMixture:
    """A mixture of m normal distributions.

    Attributes
    ----------
    weights, means, scales : arrays, shape (m,)
        The weights sum to one.
    """

    weights: Float[np.ndarray, " m"]
    means: Float[np.ndarray, " m"]
    scales: Float[np.ndarray, " m"]

    @classmethod
    def predictive(cls, draws: MixtureParameters, feature: int) -> NormalMixture:
        """Return the distribution of one feature, averaged over all draws."""
        weights = draws.weights / np.prod(draws.batch_shape, dtype=int)
        parts = (weights, draws.means[..., feature], draws.scales[..., feature])
        weights, means, scales = (as_compiled(part.ravel()) for part in parts)
        some = weights > 0
        return cls(weights[some], means[some], scales[some])

    def cdf(self, points: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the probability of no more than each point."""
        output = np.empty(points.shape)
        kernels.write_cdf(as_compiled(points), *self._arrays, output)
        return output

    def densities(
        self, points: Float[np.ndarray, " n"]
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Return density and derivative of the density at each point."""
        densities, slopes = np.empty((2, points.size))
        kernels.write_densities(as_compiled(points), *self._arrays, densities, slopes)
        return densities, slopes

    def quantiles(self, probabilities: Float[np.ndarray, " q"]) -> Float[np.ndarray, " q"]:
        """Return the points below which the probabilities lie."""
        output = np.empty(probabilities.shape)
        probabilities = as_compiled(probabilities)
        kernels.write_quantiles(
            probabilities, FAMILY.quantiles(probabilities), *self._arrays, output
        )
        return output

    @property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.weights, self.means, self.scales


@dataclass(frozen=True, eq=False)
class Intervals:
    """Where a density is at least ``threshold``.

    Attributes
    ----------
    lower, upper : arrays, shape (i,)
        The ends of the intervals, in increasing order.
    threshold : float
    """

    lower: Float[np.ndarray, " i"]
    upper: Float[np.ndarray, " i"]
    threshold: float


def highest_density_intervals(mixture: NormalMixture, probability: float) -> Intervals:
    """Return the smallest set with a given probability: where the density exceeds a threshold.

    Between neighboring turning points the density is monotone, so that the ends of the intervals
    are simple roots; the probability inside falls as the threshold rises (Hyndman, 1996).
    """
    points = _turning_points(mixture)
    heights, _ = mixture.densities(points)
    ends, peak = heights[[0, -1]].max(), heights.max()
    low, high = np.log(max(ends, np.finfo(float).tiny)) + _ABOVE_ENDS, np.log(peak)

    def intervals(log_threshold: float) -> Intervals:
        return _above(np.exp(log_threshold), points, heights, mixture)

    def excess(log_threshold: float) -> float:
        found = intervals(log_threshold)
        return float((mixture.cdf(found.upper) - mixture.cdf(found.lower)).sum()) - probability

    if excess(low) <= 0:  # all but what rounding cannot tell from nothing
        return intervals(low)
    return intervals(brentq(excess, low, high, xtol=1e-13, rtol=1e-14))


def _above(
    threshold: float, points: np.ndarray, heights: np.ndarray, mixture: NormalMixture
) -> Intervals:
    """Return the intervals between points at which the density crosses the threshold."""
    inside = heights > threshold
    ends = [
        kernels.crossing(threshold, points[at], points[at + 1], *mixture._arrays)
        for at in np.flatnonzero(inside[1:] != inside[:-1])
    ]
    # The first and the last point are below every threshold: ends come in pairs.
    return Intervals(np.array(ends[::2]), np.array(ends[1::2]), threshold)


def _turning_points(mixture: NormalMixture) -> Float[np.ndarray, " n"]:
    """Return points between which the density is monotone, its ends included."""
    points = _spread_points(mixture)
    slopes = np.sign(mixture.densities(points)[1])
    turns = [
        kernels.turning_point(points[at], points[at + 1], *mixture._arrays)
        for at in np.flatnonzero(slopes[1:] * slopes[:-1] < 0)
    ]
    return np.unique(np.concatenate([points, turns]))


def _spread_points(mixture: NormalMixture) -> Float[np.ndarray, " n"]:
    """Return points as close as the narrowest component around each of them needs."""
    steps = np.arange(-_REACH, _REACH + _STEP, _STEP)
    points = (mixture.means[:, None] + mixture.scales[:, None] * steps).ravel()
    gaps = np.repeat(0.5 * _STEP * mixture.scales, steps.size)
    order = np.argsort(points, kind="stable")
    chosen = np.empty(points.size)
    count = kernels.thinned_points(points[order], gaps[order], chosen)
    return np.append(chosen[:count], points[order[-1]] + gaps[order[-1]])
