"""One-dimensional normal mixtures of any number of components: distribution, density, quantiles.

Axes: m components, with ``weights``, ``means`` and ``scales`` (m,); weights sum to one.
"""

from __future__ import annotations

import math

import numpy as np

from bayesgmm.numerics.kernels.compiling import compiled, inlined
from bayesgmm.numerics.kernels.exponential import exponential

_ROOT_HALF, _ROOT_TAU = math.sqrt(0.5), math.sqrt(2.0 * math.pi)
_MOST_STEPS = 200  # bisection needs fewer to exhaust a bracket
_EXACT = 1e-14  # relative error of a probability, that of rounding in sums
# The last step, relative to the probability or to the first bracket: the remaining error is of the
# order of its square.
_LAST = 1e-7
_NEGLIGIBLE = 1e-17  # responsibilities too small to change any digit of the result


@inlined
def _tail(x, upper, weights, means, scales):
    """Return the probability above x, or that of at most x."""
    sign, total = _ROOT_HALF if upper else -_ROOT_HALF, 0.0
    for i in range(weights.shape[0]):
        total += weights[i] * math.erfc(sign * (x - means[i]) / scales[i])
    return 0.5 * total


@inlined
def _density_and_slope(x, weights, means, scales):
    """Return the density at x and its derivative."""
    density, slope = 0.0, 0.0
    for i in range(weights.shape[0]):
        z = (x - means[i]) / scales[i]
        height = weights[i] / scales[i] * exponential(-0.5 * z * z)
        density += height
        slope -= height * z / scales[i]
    return density / _ROOT_TAU, slope / _ROOT_TAU


@compiled
def write_cdf(points, weights, means, scales, output):
    """Write the distribution function at each point into ``output`` (n,)."""
    for number in range(points.shape[0]):
        output[number] = _tail(points[number], False, weights, means, scales)


@compiled
def write_densities(points, weights, means, scales, densities, slopes):
    """Write the density and its derivative at each point into ``densities``, ``slopes`` (n,)."""
    for number in range(points.shape[0]):
        densities[number], slopes[number] = _density_and_slope(
            points[number], weights, means, scales
        )


@inlined
def _next(x, step, low, high):
    """Return x - step if it is within the bracket, otherwise the middle of the bracket."""
    moved = x - step
    return moved if low < moved < high else 0.5 * (low + high)


@compiled
def quantile(probability, normal_quantile, start, weights, means, scales):
    """Return the quantile of a probability; ``normal_quantile`` is that of N(0, 1).

    It lies between the smallest and the largest quantile of the components. Halley's method is used
    within this bracket, which every step narrows, on the smaller tail, so that no digits cancel.
    """
    low, high = math.inf, -math.inf
    for i in range(weights.shape[0]):
        own = means[i] + scales[i] * normal_quantile
        low, high = min(low, own), max(high, own)
    upper = probability > 0.5
    goal = 1.0 - probability if upper else probability
    x = min(max(start, low), high)
    for _ in range(_MOST_STEPS):
        excess = _tail(x, upper, weights, means, scales) - goal
        if abs(excess) <= _EXACT * goal:
            return x
        if upper:
            excess = -excess
        if excess > 0:
            high = x
        else:
            low = x
        density, slope = _density_and_slope(x, weights, means, scales)
        step = math.inf
        if density > 0:
            step = excess / density
            step /= min(max(1.0 - 0.5 * step * slope / density, 0.5), 2.0)
        if abs(step) * density <= _LAST * goal:
            return min(max(x - step, low), high)
        x = _next(x, step, low, high)
    return x


@compiled
def write_quantiles(probabilities, normal_quantiles, weights, means, scales, output):
    """Write the quantile of each probability into ``output`` (q,)."""
    mean, spread = _moments(weights, means, scales)
    for number in range(probabilities.shape[0]):
        start = mean + spread * normal_quantiles[number]
        output[number] = quantile(
            probabilities[number], normal_quantiles[number], start, weights, means, scales
        )


@inlined
def _moments(weights, means, scales):
    """Return mean and standard deviation."""
    mean, variance = 0.0, 0.0
    for i in range(weights.shape[0]):
        mean += weights[i] * means[i]
    for i in range(weights.shape[0]):
        variance += weights[i] * (scales[i] ** 2 + (means[i] - mean) ** 2)
    return mean, math.sqrt(variance)


@compiled
def crossing(height, low, high, weights, means, scales):
    """Return where the density, monotone between two points, has a given height."""
    rising = _density_and_slope(high, weights, means, scales)[0] > height
    x, least = 0.5 * (low + high), _LAST * (high - low)
    for _ in range(_MOST_STEPS):
        density, slope = _density_and_slope(x, weights, means, scales)
        if (density > height) == rising:
            high = x
        else:
            low = x
        if abs(density - height) <= _EXACT * height:
            return x
        step = (density - height) / slope if slope != 0 else math.inf
        if abs(step) <= least:
            return min(max(x - step, low), high)
        x = _next(x, step, low, high)
    return x


@compiled
def turning_point(low, high, weights, means, scales):
    """Return where the slope of the density changes sign between two points, by bisection."""
    sign = _density_and_slope(low, weights, means, scales)[1] > 0
    for _ in range(_MOST_STEPS):
        x = 0.5 * (low + high)
        if x <= low or x >= high:
            return x
        if (_density_and_slope(x, weights, means, scales)[1] > 0) == sign:
            low = x
        else:
            high = x
    return 0.5 * (low + high)


@compiled
def thinned_points(points, gaps, output):
    """Write the sorted points at least their gap from the last one written; return the number."""
    count = 0
    for number in range(points.shape[0]):
        if count == 0 or points[number] - output[count - 1] >= gaps[number]:
            output[count] = points[number]
            count += 1
    return count


@compiled
def write_regression(
    X, responsibilities, given_means, slopes, means, scales, probabilities, normal_quantiles, output
):
    """Write summaries of one target given each row, averaged over many mixtures.

    They are its mean, its standard deviation, the standard deviation of the conditional mean over
    mixtures, and quantiles. Axes: n rows, s mixtures, k components, g given features, q quantiles.
    ``responsibilities`` are (s, n, k), ``given_means`` and ``slopes`` (s, k, g), ``means`` and
    ``scales`` of the target (s, k). ``output`` is (n, 3 + q), NaN for rows without
    responsibilities.
    """
    (s, n, k), size = responsibilities.shape, slopes.shape[2]
    weights, centers, widths = np.empty(s * k), np.empty(s * k), np.empty(s * k)
    for row in range(n):
        count, mean, squares = 0, 0.0, 0.0
        for draw in range(s):
            expected = 0.0
            for component in range(k):
                responsibility = responsibilities[draw, row, component]
                if not responsibility > _NEGLIGIBLE:
                    continue
                center = means[draw, component]
                for j in range(size):
                    center += slopes[draw, component, j] * (
                        X[row, j] - given_means[draw, component, j]
                    )
                weights[count], centers[count] = responsibility / s, center
                widths[count] = scales[draw, component]
                expected += responsibility * center
                count += 1
            change = expected - mean
            mean += change / (draw + 1)
            squares += change * (expected - mean)
        if count == 0:
            output[row] = np.nan
            continue
        output[row, 2] = math.sqrt(squares / s)
        _describe(
            weights[:count], centers[:count], widths[:count],
            probabilities, normal_quantiles, output[row],
        )  # fmt: skip


@inlined
def _describe(weights, means, scales, probabilities, normal_quantiles, output):
    output[0], output[1] = _moments(weights, means, scales)
    write_quantiles(probabilities, normal_quantiles, weights, means, scales, output[3:])
