"""Posterior masses of modes, by bridge sampling from the draws in each mode.

The region of a mode is where a normal distribution of unconstrained positions, fitted to half of
its draws, is higher than those of the other modes. With q this distribution, normalized, and p the
posterior density within this region, known up to its integral Z, the identity of Meng & Wong
(1996),

    Z = E_q[p h] / E_p[q h],    h = 1 / (s_1 p / Z + s_2 q),

with s_1 and s_2 the fractions of draws from p and q, is solved for Z by iteration, with the other
half of the draws and as many from q. The halves are then exchanged. The error is the one of
Fruehwirth-Schnatter (2004), or the difference of the halves if that is larger.

Exchangeable components give every mode one copy for each order of their labels. Draws are brought
into one order, in which their components are the most probable under independent normal
distributions fitted to the components of the mode; draws from q with another order count as
outside. So every mode counts once, even if components coincide or are empty.

Positions have axes draw, coordinate.

References
----------
Fruehwirth-Schnatter, S. (2004). Estimating marginal likelihoods for mixture and Markov switching
models using bridge sampling techniques. Econometrics Journal 7, 143-167.

Meng, X.-L. and Wong, W. H. (1996). Simulating ratios of normalizing constants via a simple
identity: a theoretical exploration. Statistica Sinica 6, 831-860.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.linalg import solve_triangular
from scipy.optimize import linear_sum_assignment
from scipy.special import expit, logsumexp

from bayesgmm.estimation.density import Target
from bayesgmm.numerics.exchangeability import any_exchangeable, with_forbidden_swaps
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import Fit

_MOST_DRAWS = 1000  # of each half of a mode, and from its normal distribution
_FEWEST_DRAWS = 50
_MOST_WORK = 8e9
"""Rows times components times products of features that a mode may cost: about a second."""

_ITERATIONS, _PRECISION = 500, 1e-6
_LEAST_INSIDE = 0.75  # of the draws of a mode, in its own region: else two modes are not separated
_AXES = {"chain_axis": 0, "draw_axis": 1}
_LARGEST_ERROR = 0.5
"""Standard error of a log mass above which its share is unknown."""

_BETWEEN_LIMITS = 2.0  # standard errors on both sides of a share


@dataclass(frozen=True)
class LogMass:
    """The logarithm of the posterior mass of a mode, up to a constant common to all modes.

    Attributes
    ----------
    value : float
    error : float
        Its standard error; infinite if there are too few draws.
    """

    value: float
    error: float

    @property
    def is_known(self) -> bool:
        """Whether the value is reliable."""
        return math.isfinite(self.value) and self.error < _LARGEST_ERROR


UNKNOWN = LogMass(float("nan"), float("inf"))


@dataclass(frozen=True)
class Share:
    """The share of a mode in the total mass of several, with its limits; NaN if unknown."""

    value: float
    lower: float
    upper: float

    @property
    def is_known(self) -> bool:
        """Whether the mass of every mode is known."""
        return math.isfinite(self.value)

    def __str__(self) -> str:
        if not self.is_known:
            return "unknown"
        if self.upper < 0.001:
            return "less than 0.1%"
        if self.lower > 0.999:
            return "more than 99.9%"
        return f"{_percent(self.value)} ({_percent(self.lower)} to {_percent(self.upper)})"


def shares(masses: list[LogMass]) -> list[Share]:
    """Return the share of each mode in their total mass; unknown unless all masses are known.

    Limits are two standard errors of the log-odds of a mode away.
    """
    if not all(mass.is_known for mass in masses):
        return [Share(math.nan, math.nan, math.nan) for _ in masses]
    values, errors = (np.array(part) for part in
                      zip(*((mass.value, mass.error) for mass in masses), strict=True))  # fmt: skip
    found = []
    for place, (value, error) in enumerate(zip(values, errors, strict=True)):
        others = np.delete(values, place)
        if others.size == 0:
            return [Share(1.0, 1.0, 1.0)]
        total = logsumexp(others)
        parts = np.exp(others - total) * np.delete(errors, place)
        odds, width = value - total, _BETWEEN_LIMITS * math.hypot(error, *parts)
        found.append(Share(*(float(expit(odds + step)) for step in (0.0, -width, width))))
    return found


def target_of(fit: Fit) -> tuple[Target, MixtureParameters]:
    """Return the log posterior of a fit and its draws, both on the standard scale."""
    data, draws, _ = fit.on_standard_scale(fit.data)
    scaling = fit.scaling
    return Target(fit.spec.standardized(scaling.shift, scaling.factor), data), draws


def passes_worth(target: Target, work: float) -> float:
    """Return the number of evaluations of a log posterior that equal some work."""
    k, d = target.layout.n_components, target.layout.n_features
    return work / (target.data.n_rows * k * (d * d + 5 * d + 10))


def log_masses(
    target: Target,
    modes: list[MixtureParameters],
    groups: Int[np.ndarray, " k"],
    rng: np.random.Generator,
) -> list[LogMass]:
    """Return the posterior mass of each mode.

    Parameters
    ----------
    target : Target
        The log posterior.
    modes : list of MixtureParameters
        The draws in each mode, with axes chain and draw.
    groups : integer array, shape (k,)
        Which components are exchangeable.
    rng : numpy.random.Generator
    """
    n_draws = int(min(_MOST_DRAWS, passes_worth(target, _MOST_WORK) / 4))
    first, second = zip(*(_halves(mode, n_draws) for mode in modes), strict=True)
    if min(n_draws, *(half.weights.size // half.n_components for half in first)) < _FEWEST_DRAWS:
        return [UNKNOWN for _ in modes]
    try:
        there = _bridged(target, first, second, groups, rng)
        back = _bridged(target, second, first, groups, rng)
    except np.linalg.LinAlgError:  # correlations at the edge, or fewer draws than coordinates
        return [UNKNOWN for _ in modes]
    return [_combined(*pair) for pair in zip(there, back, strict=True)]


@dataclass(frozen=True, eq=False)
class _Shape:
    """The region of a mode: normal distributions of positions and of each component.

    Attributes
    ----------
    layout : Layout
    groups : integer array, shape (k,)
    centers, widths : arrays, shape (k, c)
        Of log weights, means and log scales of the components.
    mean, root : arrays, shape (p,), (p, p)
        Of positions; the root is the lower triangular one of the covariance matrix.
    """

    layout: Layout
    groups: Int[np.ndarray, " k"]
    centers: Float[np.ndarray, "k c"]
    widths: Float[np.ndarray, "k c"]
    mean: Float[np.ndarray, " p"]
    root: Float[np.ndarray, "p p"]

    @classmethod
    def of(cls, layout: Layout, groups: Int[np.ndarray, " k"], draws: MixtureParameters) -> _Shape:
        """Fit both to some draws, whose components are in the order of a fit."""
        points = _points(draws)
        widths = points.std(axis=0) + np.finfo(float).tiny
        unordered = cls(layout, groups, points.mean(axis=0), widths, np.empty(0), np.empty((0, 0)))
        positions = layout.pack(unordered.in_order(draws)[0])
        covariance = np.atleast_2d(np.cov(positions, rowvar=False))
        return replace(unordered, mean=positions.mean(axis=0), root=np.linalg.cholesky(covariance))

    def in_order(
        self, draws: MixtureParameters
    ) -> tuple[MixtureParameters, Bool[np.ndarray, " draw"]]:
        """Return draws in their most probable order, and whether they were in it."""
        if not any_exchangeable(self.groups):
            return draws, np.ones(draws.batch_shape, dtype=bool)
        away = (_points(draws)[:, None] - self.centers[:, None]) / self.widths[:, None]
        costs = 0.5 * (away**2).sum(axis=-1) + np.log(self.widths).sum(axis=-1)[:, None]
        costs = with_forbidden_swaps(costs - costs.min(axis=(1, 2), keepdims=True), self.groups)
        orders = np.array([linear_sum_assignment(cost)[1] for cost in costs])
        return _reordered(draws, orders), np.all(orders == np.arange(orders.shape[1]), axis=1)

    def draw(self, n_draws: int, rng: np.random.Generator) -> Float[np.ndarray, "draw p"]:
        """Draw positions."""
        return self.mean + rng.standard_normal((n_draws, self.mean.size)) @ self.root.T

    def log_density(self, positions: Float[np.ndarray, "draw p"]) -> Float[np.ndarray, " draw"]:
        """Return the log density of the normal distribution."""
        noise = solve_triangular(self.root, (positions - self.mean).T, lower=True)
        constant = 0.5 * self.mean.size * math.log(2 * math.pi)
        return -constant - np.log(np.diagonal(self.root)).sum() - 0.5 * (noise**2).sum(axis=0)

    def nearness(self, draws: MixtureParameters) -> Float[np.ndarray, " draw"]:
        """Return the log density of draws in their most probable order."""
        return self.log_density(self.layout.pack(self.in_order(draws)[0]))


def _bridged(
    target: Target,
    fitted: Sequence[MixtureParameters],
    bridging: Sequence[MixtureParameters],
    groups: Int[np.ndarray, " k"],
    rng: np.random.Generator,
) -> list[LogMass]:
    """Return the mass of each mode, its region from one half of the draws."""
    layout = target.layout
    shapes = [_Shape.of(layout, groups, draws) for draws in fitted]
    found = []
    for place, (shape, draws) in enumerate(zip(shapes, bridging, strict=True)):
        others = [*shapes[:place], *shapes[place + 1 :]]
        ordered, _ = shape.in_order(draws)
        proposed = shape.draw(draws.weights.shape[0], rng)
        mixtures = layout.unpack(proposed)
        _, is_named = shape.in_order(mixtures)
        found.append(_bridge(
            _log_ratios(target, shape, others, ordered, layout.pack(ordered)),
            np.where(is_named, _log_ratios(target, shape, others, mixtures, proposed), -np.inf),
        ))  # fmt: skip
    return found


def _log_ratios(
    target: Target,
    shape: _Shape,
    others: list[_Shape],
    draws: MixtureParameters,
    positions: Float[np.ndarray, "draw p"],
) -> Float[np.ndarray, " draw"]:
    """Return log p - log q; minus infinity in the regions of other modes."""
    own = shape.log_density(positions)
    inside = np.ones(own.size, dtype=bool)
    for other in others:
        inside &= own >= other.nearness(draws)
    ratios = np.full(own.size, -np.inf)
    ratios[inside] = [target(position)[0] for position in positions[inside]] - own[inside]
    return np.nan_to_num(ratios, nan=-np.inf, posinf=-np.inf, neginf=-np.inf)


def _bridge(
    of_draws: Float[np.ndarray, " draw"], of_proposed: Float[np.ndarray, " draw"]
) -> LogMass:
    """Solve the identity of Meng & Wong (1996) for log Z, from log p - log q of both."""
    from arviz_stats.base import array_stats

    kept = np.isfinite(of_draws)
    if kept.mean() < _LEAST_INSIDE or np.isfinite(of_proposed).sum() < _FEWEST_DRAWS:
        return UNKNOWN
    of_draws, size = of_draws[kept], of_proposed.size
    effective = float(array_stats.ess(_in_two(of_draws), method="bulk", **_AXES))
    effective = min(effective, of_draws.size) if np.isfinite(effective) else 1.0
    ours, theirs = np.log([effective, size]) - math.log(effective + size)
    log_z = float(np.median(of_draws))
    for _ in range(_ITERATIONS):
        # Of q: p / (s_1 p + s_2 q Z); of p: q Z / (s_1 p + s_2 q Z), and a factor Z beside it.
        upper = of_proposed - log_z - np.logaddexp(ours + of_proposed - log_z, theirs)
        lower = -np.logaddexp(ours + of_draws - log_z, theirs)
        step = logsumexp(upper) - math.log(size) - logsumexp(lower) + math.log(of_draws.size)
        log_z += step
        if abs(step) < _PRECISION:
            break
    variances = _relative_variance(upper) / size + _relative_variance(lower) / effective
    return LogMass(log_z, math.sqrt(variances))


def _relative_variance(logs: Float[np.ndarray, " draw"]) -> float:
    """Return the variance of exp(logs) over the square of its mean."""
    values = np.exp(logs - logs.max())
    return float(values.var() / values.mean() ** 2)


def _combined(one: LogMass, other: LogMass) -> LogMass:
    value = 0.5 * (one.value + other.value)
    within = math.hypot(one.error, other.error) / math.sqrt(2)
    return LogMass(value, max(within, 0.5 * abs(one.value - other.value)))


def _halves(draws: MixtureParameters, n_draws: int) -> tuple[MixtureParameters, MixtureParameters]:
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


def _in_two(values: Float[np.ndarray, " draw"]) -> Float[np.ndarray, "two half"]:
    return values[: values.size // 2 * 2].reshape(2, -1)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if 0.01 <= share <= 0.99 else f"{100 * share:.1f}%"
