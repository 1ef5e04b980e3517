"""Starting points of chains: around one mode or several, dispersed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from bayesgmm.engines.importance import PARETO_LIMIT, StudentT, log_densities, pareto_k
from bayesgmm.engines.normal import Peak, peak_at
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.numerics.quasi_newton import highest_point
from bayesgmm.parameters import MixtureParameters

InitChoice = Literal["mode", "multi"]
"""All chains at the best mode, or at several modes in turn."""

_LEAST_MASS = 1e-3
"""Minimum mass of a starting mode, relative to the largest one."""

_UNSURE = math.log(1e4)
"""How much more a mode may hold than it seems to where importance sampling fails."""

_CLEARLY_MORE = math.log(20.0)
"""Log mass by which another mode must exceed the highest one for all chains to start there.

Between that and its inverse, either may be the wrong one; ``diagnose`` looks at the other.
"""

_MOST_GAP = 30.0  # of log densities; lower modes are ignored
_DRAWS, _FREEDOM = 300, 5.0  # of a t distribution around a mode, from which its mass is estimated

_LEAST_CURVATURE = 0.04
"""The widest that a direction is taken to be before sampling: five rough deviations."""

_MOST_OF_FACTORS = (
    400  # coordinates; factors can be rotated, so that curvatures are often nearly zero
)
_DEVIATIONS = 4.0  # a fall below the mode that a draw from a normal would hardly ever exceed
_MOST_HALVINGS = 20


def preparatory_peak(target: Target, center: MixtureParameters) -> Peak:
    """Return the peak of the unconstrained log posterior, with bounded widths."""
    return _peak_of(target, center, _mode_near(target, center))


def _mode_near(target: Target, center: MixtureParameters) -> Float[np.ndarray, " p"]:
    return highest_point(target, target.position_of(center), target.rough_deviations(center))[0]


def _peak_of(target: Target, center: MixtureParameters, mode: Float[np.ndarray, " p"]) -> Peak:
    units, layout = target.rough_deviations(center), target.layout
    return peak_at(
        target, mode, units, least_curvature=_LEAST_CURVATURE, groups=layout.groups,
        most_curved=_MOST_OF_FACTORS if layout.covariances.n_factors else None,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Starting:
    """Where chains start.

    Attributes
    ----------
    estimate : PointEstimate
        That of EM, its other optima by their mass, largest first.
    peaks : list of Peak
        Those that chains start at, in turn.
    optima : list of int
        What they are: 0 the best optimum, 1 the first of the others, and so on.
    """

    estimate: PointEstimate
    peaks: list[Peak]
    optima: list[int]


def starting(
    target: Target,
    estimate: PointEstimate,
    choice: InitChoice,
    n_chains: int,
    seed: np.random.SeedSequence,
) -> Starting:
    """Choose the modes that chains start at, by their posterior mass.

    Density alone is not enough: a mode may be lower and wider, especially with many
    parameters and few rows. ``"mode"`` is the mode with the highest density unless another one
    clearly holds more. ``"multi"`` are all that hold a thousandth or more of the largest mass, or
    may do so.
    """
    centers = [estimate.parameters, *estimate.alternative_modes]
    modes = [_mode_near(target, center) for center in centers]
    heights = [target(mode)[0] for mode in modes]
    near = [place for place, height in enumerate(heights) if height > heights[0] - _MOST_GAP]
    # The curvature costs two passes over the rows for every parameter.
    peaks = {place: _peak_of(target, centers[place], modes[place]) for place in {0, *near}}
    if near in ([], [0]):
        return Starting(estimate, [peaks[0]], [0])
    rng = np.random.default_rng(seed)
    masses = {place: peak_mass(target, peaks[place], rng) for place in near}
    others = sorted(near[1:], key=lambda place: -masses[place].value)
    order = others + [place for place in range(1, len(centers)) if place not in near]
    alternative_modes = tuple(estimate.alternative_modes[place - 1] for place in order)
    estimate, ranked = replace(estimate, alternative_modes=alternative_modes), [0, *others]
    if choice == "multi":
        most = max(mass.value for mass in masses.values())
        kept = [place for place in ranked if masses[place].may_reach(most + math.log(_LEAST_MASS))]
    else:
        other = others[0]
        is_lighter = masses[other].is_known and masses[0].is_known and (
            masses[other].value > masses[0].value + _CLEARLY_MORE
        )  # fmt: skip
        kept = [other] if is_lighter else [0]
    kept = kept[:n_chains]
    return Starting(estimate, [peaks[place] for place in kept], [ranked.index(p) for p in kept])


@dataclass(frozen=True)
class PeakMass:
    """The log of the integral of a density around a mode, and whether the estimate can be right."""

    value: float
    is_known: bool

    def may_reach(self, least: float) -> bool:
        """Whether the integral may be at least so large."""
        return self.value + (0.0 if self.is_known else _UNSURE) >= least


def peak_mass(target: Target, peak: Peak, rng: np.random.Generator) -> PeakMass:
    """Estimate the mass around a mode by importance sampling from a t distribution there.

    If the weights have too heavy a tail, this and Laplace's approximation are
    both usually too low, and the larger one is returned as unknown.
    """
    if peak.normal.root.ndim == 1:
        return PeakMass(peak.log_integral, False)
    proposal = StudentT(peak.normal, _FREEDOM)
    positions = proposal.draw(_DRAWS, rng)
    log_p = log_densities(target, positions)
    log_q = proposal.log_density(positions)
    log_weights = np.nan_to_num(log_p - log_q, nan=-np.inf, posinf=-np.inf, neginf=-np.inf)
    value = float(logsumexp(log_weights)) - math.log(_DRAWS)
    finite = log_weights[np.isfinite(log_weights)]
    k = pareto_k(finite)
    if k is not None and k < PARETO_LIMIT:
        return PeakMass(value, True)
    return PeakMass(max(value, peak.log_integral), False)


def dispersed(
    target: Target, peak: Peak, seeds: list[np.random.SeedSequence]
) -> Float[np.ndarray, "chain p"]:
    """Return one position per seed: draws from the normal approximation at the posterior mode.

    If the posterior is not normal, a draw can lie far outside. A draw whose log density falls short
    of the mode by more than is usual for a normal distribution is moved toward it, by halves.
    """
    return np.array([_start(target, peak, np.random.default_rng(seed)) for seed in seeds])


def _start(target: Target, peak: Peak, rng: np.random.Generator) -> Float[np.ndarray, " p"]:
    noise = rng.standard_normal(peak.normal.center.size)
    # Half a chi-squared variable with p degrees of freedom, p/2 on average, is what log densities
    # of a normal distribution fall short of their mode.
    deepest = 0.5 * noise.size + _DEVIATIONS * np.sqrt(0.5 * noise.size)
    for _ in range(_MOST_HALVINGS):
        position = peak.normal.positions(noise)
        if target(position)[0] >= peak.height - deepest:
            return position
        noise = noise / 2
    return peak.normal.center
