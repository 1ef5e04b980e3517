"""Whether chains sit in different modes, which chains sit together, and how much mass that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import connected_components

from bayesgmm.analysis.diagnosis.convergence import Quantity
from bayesgmm.analysis.diagnosis.mass import laplace_peaks, same_peak, shares_of_mass
from bayesgmm.analysis.diagnosis.quantities import Allocation
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.posterior.parameters import alike_components
from bayesgmm.schema import CHAIN

_TIMES_WITHIN = 3.0
"""How much further apart two chains are than the halves of either, if modes differ."""

_LEAST_DISTANCE = 0.03  # of probabilities, root mean square: less is no other mode
_DEVIATIONS = 4.0
"""Standard deviations between the means of two chains that do not overlap."""

_NEARLY_ALL = 0.99


@dataclass(frozen=True)
class Mode:
    """Chains that sit in one mode.

    Attributes
    ----------
    chains : tuple of int
        Their places.
    mass : float
        Their mode's share of the posterior mass of all these modes by Laplace's approximation;
        NaN where that cannot be told.
    """

    chains: tuple[int, ...]
    mass: float


def chain_distance(allocation: Allocation) -> Float[np.ndarray, "chain chain"]:
    """Return how differently two chains put rows together; on the diagonal, two halves of one.

    Root mean square, over pairs of rows, of the difference in the probability that both come
    from one component.
    """
    halves = allocation.co_clustering
    whole = halves.mean(axis=1)
    distances = np.array([[_rms(one - other) for other in whole] for one in whole])
    np.fill_diagonal(distances, [_rms(first - second) for first, second in halves])
    return distances


def find_modes(
    tree: xr.DataTree, quantities: list[Quantity], distances: Float[np.ndarray, "chain chain"]
) -> list[Mode]:
    """Group the chains by mode, most mass first; one group where all sit in one.

    Chains are held apart if they put rows together differently, or if some quantity that no
    permutation changes has no common values in them. Then each group climbs from its highest
    draw, and groups that reach one peak are one.
    """
    apart = _differ_in_rows(distances) | _differ_in_values(quantities)
    groups = _connected(~apart)
    if len(groups) == 1:
        return [_mode(groups, 1.0)]
    peaks = laplace_peaks(tree, groups)
    if peaks is None:
        return [_mode([group], float("nan")) for group in groups]
    alike = alike_components(tree)
    same = [[same_peak(one, other, alike) for other in peaks] for one in peaks]
    joined = _connected(np.array(same))
    masses = shares_of_mass([peaks[places[0]] for places in joined])
    modes = [
        _mode([groups[place] for place in places], mass)
        for places, mass in zip(joined, masses, strict=True)
    ]
    return sorted(modes, key=lambda mode: (-np.nan_to_num(mode.mass).round(3), mode.chains))


def findings_about_modes(tree: xr.DataTree, modes: list[Mode]) -> list[Finding]:
    """Say which chains sit where, and what each mode claims."""
    if len(modes) == 1:
        return []
    where = "; ".join(_described(tree, mode) for mode in modes)
    if np.isnan([mode.mass for mode in modes]).any():
        masses = "How much of the posterior mass each holds is not known"
    else:
        listed = " and ".join(_percent(mode.mass) for mode in modes)
        masses = f"By Laplace's approximation they hold {listed} of their posterior mass"
    return [Finding(
        f"Chains sit in {len(modes)} different modes: {where}. {masses}; the share of chains in "
        "a mode says nothing about its mass.",
        _remedy(tree, modes),
        kind="different modes",
    )]  # fmt: skip


def _connected(related: Bool[np.ndarray, "item item"]) -> list[Int[np.ndarray, " _"]]:
    """Return groups of items that are related, directly or through others."""
    _, labels = connected_components(related, directed=False)
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]


def _mode(groups: list[Int[np.ndarray, " _"]], mass: float) -> Mode:
    return Mode(tuple(sorted(np.concatenate(groups).tolist())), mass)


def _remedy(tree: xr.DataTree, modes: list[Mode]) -> str:
    best, kept = modes[0], _names(tree, modes[0])
    if best.mass > _NEARLY_ALL:
        return (
            f"Keep the chains of the first mode, tree.isel(chain={list(best.chains)}), and "
            "sample more of them if they are few."
        )
    return (
        f"Do not average over all chains. Report each mode by itself (the first is that of "
        f"chain{'s' if len(best.chains) > 1 else ''} {kept}), or use fewer components or stronger "
        "priors if one of them is not wanted."
    )


def _described(tree: xr.DataTree, mode: Mode) -> str:
    text = f"chain{'s' if len(mode.chains) > 1 else ''} {_names(tree, mode)}"
    statistics = tree["sample_stats"]
    if "lp" not in statistics:
        return text
    height = float(statistics["lp"].values[list(mode.chains)].mean())
    return f"{text} (log posterior {height:.1f} on average)"


def _names(tree: xr.DataTree, mode: Mode) -> str:
    return ", ".join(str(name) for name in tree["posterior"][CHAIN].values[list(mode.chains)])


def _percent(mass: float) -> str:
    if mass < 0.001:
        return "less than 0.1%"
    return "more than 99.9%" if mass > 0.999 else f"{100 * mass:.3g}%"


def _differ_in_rows(distances: np.ndarray) -> np.ndarray:
    within = np.diagonal(distances)
    larger = np.maximum(within[:, None], within[None, :])
    apart = distances > np.maximum(_TIMES_WITHIN * larger, _LEAST_DISTANCE)
    np.fill_diagonal(apart, False)
    return apart


def _differ_in_values(quantities: list[Quantity]) -> np.ndarray:
    apart = [_gap(one.values.reshape(*one.values.shape[:2], -1)) for one in quantities]
    return np.max(apart, axis=0) > _DEVIATIONS


def _gap(values: Float[np.ndarray, "chain draw entry"]) -> Float[np.ndarray, "chain chain"]:
    """Return the distance of the means of chains in standard deviations, of the worst entry."""
    means, variances = values.mean(axis=1), values.var(axis=1)
    pooled = np.sqrt(0.5 * (variances[:, None] + variances[None, :]))
    away = np.abs(means[:, None] - means[None, :])
    return np.divide(away, pooled, out=np.zeros_like(away), where=pooled > 0).max(axis=-1)


def _rms(differences: np.ndarray) -> float:
    return float(np.sqrt(np.mean(differences**2)))
