"""Modes of mixture densities, and the minima between them, found along ridgelines.

Every mode of w1 N(mu1, S1) + w2 N(mu2, S2) lies on the curve

    x(a) = [(1-a) S1^-1 + a S2^-1]^-1 [(1-a) S1^-1 mu1 + a S2^-1 mu2],  0 <= a <= 1,

and is a mode of the density along it (Ray and Lindsay, 2005). In coordinates in which S1 is the
identity, S2 diagonal with entries l_j, mu1 zero and mu2 = delta, and with t = log(a / (1-a)), the
curve is x_j = delta_j / (1 + l_j exp(-t)). The curves between all components are the paths here;
the density along them is that of the whole mixture.

Axes: draws, pairs of components p, points of a curve m, features d, components k.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.statistics import (
    PrecisionForm,
    component_log_densities,
    each_mixture,
    log_densities,
)
from bayesgmm.parameters import MixtureParameters

_STEPS = 256
"""On one curve, 0.07 in t each unless one component is much narrower than the other: two modes
are seen from 1.0003 times the distance at which they part."""

_MARGIN = 8.0  # beyond t = 0 and t = log(l_j) by so much, x is almost at one of the means

_ROUNDING = 1e-9
"""In log densities: differences that rounding may leave between points of equal height."""

_NUMBERS_AT_ONCE = 200_000  # in an array of the work


@dataclass(frozen=True, eq=False)
class Landscape:
    """Heights along ridgelines between the components of many mixtures; log densities throughout.

    Attributes
    ----------
    tops : array, shape (draws, k)
        The highest peak that is reached from the mean of a component without descending.
    dips : array, shape (draws, k, k)
        The lowest point on the path between two components, minus the lower of the two peaks on
        it; zero if there is only one peak.
    floors : array, shape (draws, k, k)
        The lowest point on the best path between two means, which may pass other means.
    shares : array, shape (draws, k, k)
        ``shares[s, i, j]``: contribution of component j to the density at the mean of i.
    """

    tops: Float[np.ndarray, "draws k"]
    dips: Float[np.ndarray, "draws k k"]
    floors: Float[np.ndarray, "draws k k"]
    shares: Float[np.ndarray, "draws k k"]

    def modes(self, ratio: float) -> Int[np.ndarray, "draws k"]:
        """Return, for every component, the component of its mode.

        A component shares the mode of another one with a higher density at its mean if the density
        between them nowhere drops below ``ratio`` times the lower peak. If that holds for
        several, it joins the one that contributes most to the density at its own mean. As each
        joins only one, with a higher density, a component between two modes never connects them.
        """
        slack = math.log(ratio) - 2 * _ROUNDING
        open_to = (self.dips >= slack) | (self.floors >= self.tops[:, :, None] + slack)
        open_to &= _higher(np.logaddexp.reduce(self.shares, axis=2))
        joined = np.where(open_to, self.shares, -np.inf).argmax(axis=2)
        own = np.arange(self.tops.shape[1])
        heads = np.where(open_to.any(axis=2), joined, own)
        for _ in own[1:].tolist():
            heads = np.take_along_axis(heads, heads, axis=1)
        return heads


def _higher(heights: Float[np.ndarray, "draws k"]) -> Bool[np.ndarray, "draws k k"]:
    """Return whether j is higher than i; the first one in case of ties."""
    ranks = np.argsort(np.argsort(-heights, axis=1, kind="stable"), axis=1)
    return ranks[:, None, :] < ranks[:, :, None]


def survey(draws: MixtureParameters) -> Landscape:
    """Return the landscapes of many mixtures (one batch axis)."""
    n_draws, k, d = draws.means.shape
    numbers_each = max(1, math.comb(k, 2)) * max(_STEPS * d, d * d)
    at_once = max(1, _NUMBERS_AT_ONCE // numbers_each)
    blocks = [slice(start, start + at_once) for start in range(0, n_draws, at_once)]
    found: list[Landscape | None] = [None] * len(blocks)

    def look(number: int) -> None:
        found[number] = _landscape(draws.draw((blocks[number],)))

    for_each(len(blocks), look)
    return Landscape(
        *(
            np.concatenate([getattr(each, name) for each in found])
            for name in ("tops", "dips", "floors", "shares")
        )
    )


def _landscape(draws: MixtureParameters) -> Landscape:
    n_draws, k, d = draws.means.shape
    i, j = pairs = np.triu_indices(k, 1)
    points = ridgelines(draws, pairs)
    heights = np.empty(points.shape[:-1])
    shares = np.empty((n_draws, k, k))
    for (number,), mixture in each_mixture(draws):
        shares[number] = component_log_densities(draws.means[number], mixture)
        heights[number] = log_densities(points[number].reshape(-1, d), mixture).reshape(
            heights.shape[1:]
        )
    at_means = np.logaddexp.reduce(shares, axis=2)
    tops = np.broadcast_to(at_means[..., None], shares.shape).copy()
    tops[:, i, j], tops[:, j, i], between = _profile(heights)
    dips = np.zeros(shares.shape)
    dips[:, i, j] = dips[:, j, i] = between - np.minimum(tops[:, i, j], tops[:, j, i])
    floors = at_means[..., None] * np.eye(k)
    floors[:, i, j] = floors[:, j, i] = heights.min(axis=-1)
    return Landscape(tops.max(axis=2), dips, _over_all_ways(floors), shares)


def ridgelines(
    draws: MixtureParameters, pairs: tuple[np.ndarray, np.ndarray]
) -> Float[np.ndarray, "draws p m d"]:
    """Return points along the curves between pairs of components, from mean to mean."""
    i, j = pairs
    form, difference = PrecisionForm.of(draws), draws.means[:, j] - draws.means[:, i]
    if form.correlated:
        roots = draws.cholesky
        turn, ratios, _ = np.linalg.svd(form.factors[:, i] @ roots[:, j])
        white = np.einsum("spij,spj->spi", form.factors[:, i], difference)
        delta, back = np.einsum("spij,spi->spj", turn, white), roots[:, i] @ turn
    else:
        delta, ratios = difference * form.factors[:, i], form.factors[:, i] / form.factors[:, j]
        back = draws.scales[:, i][..., None] * np.eye(draws.n_features)
    along = _shares_of_the_way(2.0 * np.log(np.maximum(ratios, np.finfo(float).tiny)))
    walked = (along * delta[..., None, :]) @ np.swapaxes(back, -1, -2)
    return draws.means[:, i][:, :, None] + walked


def _shares_of_the_way(
    log_ratios: Float[np.ndarray, "draws p d"],
) -> Float[np.ndarray, "draws p m d"]:
    """Return x_j / delta_j at points that are even in t, and at both ends."""
    low = np.minimum(log_ratios.min(axis=-1), 0.0) - _MARGIN
    high = np.maximum(log_ratios.max(axis=-1), 0.0) + _MARGIN
    t = np.linspace(low, high, _STEPS + 1, axis=-1)[..., None]
    inner = 1.0 / (1.0 + np.exp(log_ratios[..., None, :] - t))
    ends = np.zeros_like(inner[..., :1, :])
    return np.concatenate([ends, inner, ends + 1.0], axis=-2)


def _profile(heights: Float[np.ndarray, "draws p m"]) -> tuple[np.ndarray, ...]:
    """Return the first peak from either end of each path, and the lowest point between the two."""
    # The first place after the first top, and the last place before the last one: where they
    # have passed each other, there is one top only.
    last, places = heights.shape[-1] - 1, np.arange(heights.shape[-1])
    after, before = _place_after_top(heights), last - _place_after_top(heights[..., ::-1])
    first, second = _top(heights, places < after), _top(heights, places > before)
    between = -_top(-heights, (places >= after) & (places <= before))
    one_top, top = (after > before)[..., 0], np.maximum(first, second)
    return tuple(np.where(one_top, top, found) for found in (first, second, between))


def _place_after_top(heights: np.ndarray) -> np.ndarray:
    """Return the first place that lies below one before it; where there is none, the length."""
    fallen = heights < np.maximum.accumulate(heights, axis=-1) - _ROUNDING
    place = np.where(fallen.any(axis=-1), fallen.argmax(axis=-1), heights.shape[-1])
    return place[..., None]


def _top(heights: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the largest allowed height, of the parabola through it and the points beside it."""
    at = np.where(allowed, heights, -np.inf).argmax(axis=-1)[..., None]
    inside = np.clip(at, 2, heights.shape[-1] - 3)  # the ends are not even in t
    before, here, after = (
        np.take_along_axis(heights, inside + shift, axis=-1)[..., 0] for shift in (-1, 0, 1)
    )
    bend, slope = 2.0 * here - before - after, 0.5 * (after - before)
    peaked = (inside == at)[..., 0] & (bend > 0) & (abs(slope) <= bend)
    vertex = here + np.where(peaked, 0.5 * slope**2 / np.where(peaked, bend, 1.0), 0.0)
    return np.where(peaked, vertex, np.take_along_axis(heights, at, axis=-1)[..., 0])


def _over_all_ways(floors: Float[np.ndarray, "draws k k"]) -> Float[np.ndarray, "draws k k"]:
    """Return the maximum of the minima of all paths over any means."""
    for over in range(floors.shape[1]):
        by_way = np.minimum(floors[:, :, over, None], floors[:, None, over, :])
        floors = np.maximum(floors, by_way)
    return floors
