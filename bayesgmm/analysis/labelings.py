"""One of the equivalent labelings of a mixture whose components are exchangeable.

The posterior density is the same for every order of exchangeable components. ``Labeling`` takes
one: the order in which the components are most probable under independent normal distributions,
one for each place. Where they are in this order is a region of positions that holds every mixture
once, even if components coincide or are empty; its copies, one for each order, fill the space.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.optimize import linear_sum_assignment

from bayesgmm.estimation.density import Target
from bayesgmm.numerics.exchangeability import any_exchangeable, with_forbidden_swaps
from bayesgmm.numerics.statistics import work_of_pass
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import Fit

_MOST_TRIED = 5  # components up to which trying every order of many draws is the quickest way


@dataclass(frozen=True, eq=False)
class Labeling:
    """Normal distributions of log weights, means and log scales, one for each place.

    Attributes
    ----------
    groups : integer array, shape (k,)
        Which components are exchangeable.
    centers, widths : arrays, shape (k, c)
    """

    groups: Int[np.ndarray, " k"]
    centers: Float[np.ndarray, "k c"]
    widths: Float[np.ndarray, "k c"]

    @classmethod
    def of(cls, groups: Int[np.ndarray, " k"], draws: MixtureParameters) -> Labeling:
        """Fit the distributions to draws, whose components are in the order of a fit."""
        points = _points(draws)
        return cls(groups, points.mean(axis=0), points.std(axis=0) + np.finfo(float).tiny)

    def in_order(
        self, draws: MixtureParameters
    ) -> tuple[MixtureParameters, Bool[np.ndarray, " draw"]]:
        """Return draws in their most probable order, and whether they were in it."""
        if not any_exchangeable(self.groups):
            return draws, np.ones(draws.batch_shape, dtype=bool)
        away = (_points(draws)[:, None] - self.centers[:, None]) / self.widths[:, None]
        costs = 0.5 * (away**2).sum(axis=-1) + np.log(self.widths).sum(axis=-1)[:, None]
        costs = with_forbidden_swaps(costs - costs.min(axis=(1, 2), keepdims=True), self.groups)
        orders = _cheapest_orders(costs)
        return _reordered(draws, orders), np.all(orders == np.arange(orders.shape[1]), axis=1)


def _cheapest_orders(costs: Float[np.ndarray, "draw k k"]) -> Int[np.ndarray, "draw k"]:
    """Return the order with the smallest sum of the costs of components (last) in places."""
    size = costs.shape[-1]
    if size > _MOST_TRIED:
        return np.array([linear_sum_assignment(cost)[1] for cost in costs])
    candidates = np.array(list(permutations(range(size))))
    totals = np.array([costs[:, np.arange(size), one].sum(axis=-1) for one in candidates])
    return candidates[totals.argmin(axis=0)]


def log_labelings(groups: Int[np.ndarray, " k"]) -> float:
    """Return the log of the number of orders of exchangeable components: of k! for one group."""
    _, sizes = np.unique(groups, return_counts=True)
    return math.fsum(math.lgamma(size + 1) for size in sizes)


def target_of(fit: Fit) -> tuple[Target, MixtureParameters]:
    """Return the log posterior of a fit and its draws, both on the standard scale."""
    data, draws, _ = fit.on_standard_scale(fit.data)
    scaling = fit.scaling
    return Target(fit.spec.standardized(scaling.shift, scaling.factor), data), draws


def passes_worth(target: Target, work: float) -> float:
    """Return the number of evaluations of a log posterior that equal some work."""
    k, d = target.layout.n_components, target.layout.n_features
    return work / work_of_pass(target.data.n_rows, k, d)


def halves(draws: MixtureParameters, n_draws: int) -> tuple[MixtureParameters, MixtureParameters]:
    """Return draws of the first and of the second halves of chains, in one row each."""
    n_chains, length = draws.batch_shape
    each = max(1, min(n_draws // n_chains, length // 2))
    first = np.linspace(0, length // 2 - 1, each).round().astype(int)
    early, late = (draws.draw((slice(None), start + first)) for start in (0, length // 2))
    return _flat(early), _flat(late)


def _flat(draws: MixtureParameters) -> MixtureParameters:
    every = np.indices(draws.batch_shape)
    return draws.draw((every[0].ravel(), every[1].ravel()))


def _reordered(draws: MixtureParameters, orders: Int[np.ndarray, "draw k"]) -> MixtureParameters:
    each = np.arange(orders.shape[0])[:, None]
    correlations = None if draws.correlations is None else draws.correlations[each, orders]
    return MixtureParameters(
        draws.weights[each, orders], draws.means[each, orders], draws.scales[each, orders],
        correlations,
    )  # fmt: skip


def _points(draws: MixtureParameters) -> Float[np.ndarray, "draw k c"]:
    weights = np.log(np.maximum(draws.weights, np.finfo(float).tiny))
    return np.concatenate([weights[..., None], draws.means, np.log(draws.scales)], axis=-1)
