"""Where chains start: around one mode or several, each from a point of its own."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

from bayesgmm.engines.normal import Peak, find_peak
from bayesgmm.engines.target import Target
from bayesgmm.estimation.point_estimate import PointEstimate
from bayesgmm.parameters import MixtureParameters

StartChoice = Literal["mode", "multi"]
"""All chains at the best mode, or at several modes in turn."""

_LEAST_MASS = 1e-3
"""A mode with less than this part of the mass of the heaviest one is no place to start at."""

_LEAST_CURVATURE = 0.04
"""The widest that a direction is taken to be before sampling: five rough deviations."""

_DEVIATIONS = 4.0  # a fall below the mode that a draw from a normal would hardly ever exceed
_MOST_HALVINGS = 20


def preparatory_peak(target: Target, centre: MixtureParameters) -> Peak:
    """Return the peak of the unconstrained log posterior, its widths within reason."""
    return find_peak(
        target,
        target.position_of(centre),
        target.rough_deviations(centre),
        least_curvature=_LEAST_CURVATURE,
    )


def preparatory_peaks(
    target: Target, start: PointEstimate, choice: StartChoice, n_chains: int
) -> list[Peak]:
    """Return the peaks that chains start at, in turn: the best one, or several.

    Of the optima that EM found, best first and no more than there are chains, those count that
    by Laplace's approximation hold a thousandth or more of the mass of the heaviest. Heights
    alone would not tell: a mode may be lower and wider.
    """
    centres = [start.parameters]
    if choice == "multi":
        centres += start.rivals[: n_chains - 1]
    peaks = [preparatory_peak(target, centre) for centre in centres]
    least = max(peak.log_integral for peak in peaks) + math.log(_LEAST_MASS)
    return [peak for peak in peaks if peak.log_integral >= least]


def dispersed(
    target: Target, peak: Peak, seeds: list[np.random.SeedSequence]
) -> Float[np.ndarray, "chain p"]:
    """Return one position per seed: draws from the normal approximation at the posterior mode.

    Where the posterior is not normal, a draw can lie far outside. One whose density falls short
    of the mode by more than draws from a normal distribution do is pulled in, by halves.
    """
    return np.array([_start(target, peak, np.random.default_rng(seed)) for seed in seeds])


def _start(target: Target, peak: Peak, rng: np.random.Generator) -> Float[np.ndarray, " p"]:
    noise = rng.standard_normal(peak.normal.centre.size)
    # Half a chi-squared variable with p degrees of freedom, p/2 on average, is what log densities
    # of a normal distribution fall short of their mode.
    deepest = 0.5 * noise.size + _DEVIATIONS * np.sqrt(0.5 * noise.size)
    for _ in range(_MOST_HALVINGS):
        position = peak.normal.positions(noise)
        if target(position)[0] >= peak.height - deepest:
            return position
        noise = noise / 2
    return peak.normal.centre
