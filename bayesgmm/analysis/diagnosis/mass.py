"""How much posterior mass modes hold, by Laplace's approximation at each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Int
from scipy.special import softmax

from bayesgmm.analysis.rows import asked_rows, on_standard_scale
from bayesgmm.engines.normal import Peak, find_peak
from bayesgmm.engines.target import Target
from bayesgmm.estimation.point_estimate import Starts, distance
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.parameters import read_parameters, read_scaling, read_spec
from bayesgmm.schema import DATA

_MOST_WORK = 5_000_000
"""Rows times coordinates of a position; beyond, the curvature takes many seconds."""

_NEAR_MODE = 0.1  # standard deviations that a climb may end from its mode


@dataclass(frozen=True, eq=False)
class LaplacePeak:
    """A mode that a group of chains climbs to: where it is, and the normal that touches it."""

    parameters: MixtureParameters
    peak: Peak

    @property
    def is_proper(self) -> bool:
        """Whether its integral means something: at a mode, curved in all directions."""
        return self.peak.mended == 0 and self.peak.remaining < _NEAR_MODE


def laplace_peaks(
    tree: xr.DataTree, groups: list[Int[np.ndarray, " _"]]
) -> list[LaplacePeak] | None:
    """Climb from the highest draw of each group of chains; ``None`` where that costs too much."""
    data, draws, _ = on_standard_scale(tree, asked_rows(tree, None))
    scaling = read_scaling(tree)
    target = Target(read_spec(tree).standardized(scaling.shift, scaling.factor), data)
    if data.n_rows * target.layout.size > _MOST_WORK:
        return None
    heights = _heights(tree)
    return [_climbed(target, draws, heights, chains) for chains in groups]


def same_peak(
    one: LaplacePeak, other: LaplacePeak, alike: Int[np.ndarray, " k"] | None = None
) -> bool:
    """Whether two climbs ended in one mode, up to the names of components that are alike."""
    apart = distance(one.parameters, other.parameters, alike)
    return apart < Starts.reach and abs(one.peak.height - other.peak.height) < Starts.tolerance


def shares_of_mass(peaks: list[LaplacePeak]) -> list[float]:
    """Return the shares of modes in their common mass; NaN unless Laplace can tell of all.

    Every mode is there once for each order of its components, which cancels.
    """
    if len(peaks) > 1 and not all(peak.is_proper for peak in peaks):
        return [float("nan")] * len(peaks)
    return softmax([peak.peak.log_integral for peak in peaks]).tolist()


def _climbed(
    target: Target, draws: MixtureParameters, heights: np.ndarray, chains: np.ndarray
) -> LaplacePeak:
    chain, draw = np.unravel_index(heights[chains].argmax(), heights[chains].shape)
    highest = draws.draw((int(chains[chain]), int(draw)))
    peak = find_peak(target, target.position_of(highest), target.rough_deviations(highest))
    return LaplacePeak(target.layout.unpack(peak.normal.centre), peak)


def _heights(tree: xr.DataTree) -> np.ndarray:
    if "lp" in tree["sample_stats"]:
        return tree["sample_stats"]["lp"].values
    if "log_likelihood" in tree.children:
        return tree["log_likelihood"][DATA].values.sum(axis=-1)
    return np.zeros(read_parameters(tree["posterior"]).batch_shape)
