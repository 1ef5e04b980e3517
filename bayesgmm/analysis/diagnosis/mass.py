"""Posterior masses of modes, by bridge sampling from the draws in each mode.

The region of a mode is where a normal distribution of unconstrained positions, fitted to half of
its draws, is higher than those of the other modes. The integral of the posterior density over it
is found by bridge sampling (``numerics/bridge.py``) between the other half of the draws and as many
of this normal distribution. The halves are then exchanged. The error is the one of
Fruehwirth-Schnatter (2004), or the difference of the halves if that is larger.

Exchangeable components give every mode one copy for each order of their labels. Draws are brought
into one order (``analysis/labelings.py``); proposals with another order count as outside. So every
mode counts once, even if components coincide or are empty.

Positions have axes draw, coordinate.

References
----------
Fruehwirth-Schnatter, S. (2004). Estimating marginal likelihoods for mixture and Markov switching
models using bridge sampling techniques. Econometrics Journal 7, 143-167.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solve_triangular
from scipy.special import expit, logsumexp

from bayesgmm.analysis.labelings import Labeling, halves, passes_worth
from bayesgmm.estimation.density import Target
from bayesgmm.numerics.bridge import bridge, relative_variance
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters

_MOST_DRAWS = 1000  # of each half of a mode, and from its normal distribution
_FEWEST_DRAWS = 50
_MOST_WORK = 8e9
"""Rows times components times products of features that a mode may cost: about a second."""

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
    first, second = zip(*(halves(mode, n_draws) for mode in modes), strict=True)
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
    labeling : Labeling
        Of the components.
    mean, root : arrays, shape (p,), (p, p)
        Of positions; the root is the lower triangular one of the covariance matrix.
    """

    layout: Layout
    labeling: Labeling
    mean: Float[np.ndarray, " p"]
    root: Float[np.ndarray, "p p"]

    @classmethod
    def of(cls, layout: Layout, groups: Int[np.ndarray, " k"], draws: MixtureParameters) -> _Shape:
        """Fit both to some draws, whose components are in the order of a fit."""
        labeling = Labeling.of(groups, draws)
        positions = layout.pack(labeling.in_order(draws)[0])
        covariance = np.atleast_2d(np.cov(positions, rowvar=False))
        return cls(layout, labeling, positions.mean(axis=0), np.linalg.cholesky(covariance))

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
        return self.log_density(self.layout.pack(self.labeling.in_order(draws)[0]))


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
        ordered, _ = shape.labeling.in_order(draws)
        proposed = shape.draw(draws.weights.shape[0], rng)
        mixtures = layout.unpack(proposed)
        _, is_named = shape.labeling.in_order(mixtures)
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
    log_z, lower, upper = bridge(of_draws, of_proposed, effective)
    variances = relative_variance(upper) / size + relative_variance(lower) / effective
    return LogMass(log_z, math.sqrt(variances))


def _combined(one: LogMass, other: LogMass) -> LogMass:
    value = 0.5 * (one.value + other.value)
    within = math.hypot(one.error, other.error) / math.sqrt(2)
    return LogMass(value, max(within, 0.5 * abs(one.value - other.value)))


def _in_two(values: Float[np.ndarray, " draw"]) -> Float[np.ndarray, "two half"]:
    return values[: values.size // 2 * 2].reshape(2, -1)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}%" if 0.01 <= share <= 0.99 else f"{100 * share:.1f}%"
