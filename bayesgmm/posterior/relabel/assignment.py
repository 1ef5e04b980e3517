"""The optimal assignment of the components of a draw to labels, and its margin."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.numerics.exchangeability import with_forbidden_swaps

_MOST_TRIED = 3  # components up to which trying every permutation is the quickest way


@dataclass(frozen=True)
class Assignments:
    """For each of many draws, the permutation with the smallest cost.

    Attributes
    ----------
    orders : integer array, shape (draws, k)
        ``orders[s, j]`` is the component of draw s that takes place j.
    costs : array, shape (draws,)
        Of these permutations.
    margins : array, shape (draws,)
        One minus the ratio of the smallest to the second smallest cost: near 1 if the best
        permutation is clear, 0 if two are equally good.
    """

    orders: Int[np.ndarray, "draws k"]
    costs: Float[np.ndarray, " draws"]
    margins: Float[np.ndarray, " draws"]


def assign(
    costs: Float[np.ndarray, "draws k k"], groups: Int[np.ndarray, " k"] | None = None
) -> Assignments:
    """Minimize the sum of ``costs[s, j, order[j]]``, none of them negative, over permutations.

    With groups, only over permutations within groups.
    Up to three components every permutation is tried; beyond, the Hungarian method finds the best
    (Kuhn, 1955), and again with each of its pairs forbidden in turn the second best.
    """
    size = costs.shape[-1]
    if groups is not None:
        costs = with_forbidden_swaps(costs, groups)
    if size == 1:
        n_draws = costs.shape[0]
        return Assignments(np.zeros((n_draws, 1), np.int64), costs[:, 0, 0], np.ones(n_draws))
    orders, best, second = _by_trying(costs) if size <= _MOST_TRIED else _by_hungarian(costs)
    return Assignments(orders, best, margins(best, second))


def margins(
    best: Float[np.ndarray, " draws"], second: Float[np.ndarray, " draws"]
) -> Float[np.ndarray, " draws"]:
    """Return one minus the ratio of two costs; 0 if both are zero."""
    ratios = np.divide(best, second, out=np.ones_like(best), where=second > 0)
    return np.clip(1.0 - ratios, 0.0, 1.0)


def _by_trying(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    size = costs.shape[-1]
    candidates = np.array(list(permutations(range(size))))
    totals = costs[:, np.arange(size), candidates].sum(axis=-1)
    rank = np.argsort(totals, axis=1, kind="stable")[:, :2]
    best, second = np.take_along_axis(totals, rank, axis=1).T
    return candidates[rank[:, 0]], best, second


def _by_hungarian(costs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_draws, size, _ = costs.shape
    places = np.arange(size)
    orders = np.empty((n_draws, size), dtype=np.int64)
    best, second = np.empty(n_draws), np.empty(n_draws)
    forbidden = costs.sum(axis=(1, 2)) + 1.0  # more than any permutation costs
    for number, cost in enumerate(costs):
        _, order = linear_sum_assignment(cost)
        orders[number], best[number] = order, cost[places, order].sum()
        second[number] = min(
            _without(cost, int(place), int(order[place]), forbidden[number]) for place in places
        )
    return orders, best, second


def _without(cost: np.ndarray, place: int, component: int, forbidden: float) -> float:
    """Return the smallest cost of the permutations without one pair."""
    changed = cost.copy()
    changed[place, component] = forbidden
    rows, columns = linear_sum_assignment(changed)
    return float(changed[rows, columns].sum())
