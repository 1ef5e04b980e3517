"""Whether chains are in different modes, and the posterior mass of each mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse.csgraph import connected_components

from bayesgmm.analysis.diagnosis.convergence import Quantity
from bayesgmm.analysis.diagnosis.mass import UNKNOWN, Share, log_masses, shares
from bayesgmm.analysis.diagnosis.quantities import Allocation
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.analysis.labelings import target_of
from bayesgmm.digits import plural
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.point_estimate import Starts, distance
from bayesgmm.numerics.quasi_newton import highest_point
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import CHAIN, DATA
from bayesgmm.tree.fit import Fit

_TIMES_WITHIN = 3.0
"""Minimum ratio of the distance of two chains to that of the halves of either, between modes."""

_LEAST_DISTANCE = 0.03  # root mean square of probabilities: less is the same mode
_DEVIATIONS = 4.0
"""Standard deviations between the means of two chains that do not overlap."""

_NEARLY_ALL = 0.99

_MOST_WORK = 5_000_000
"""Rows times coordinates of a position; beyond, an optimization takes many seconds."""


@dataclass(frozen=True)
class Mode:
    """Chains in one mode.

    Attributes
    ----------
    chains : tuple of int
        Their indices.
    share : Share
        Share of the mode in the posterior mass of all these modes.
    """

    chains: tuple[int, ...]
    share: Share


def chain_distance(allocation: Allocation) -> Float[np.ndarray, "chain chain"]:
    """Return the co-clustering distance of two chains; on the diagonal, of the halves of one.

    Root mean square, over pairs of rows, of the difference in the probability that both come
    from one component.
    """
    halves = allocation.co_clustering
    whole = halves.mean(axis=1)
    distances = np.array([[_rms(one - other) for other in whole] for one in whole])
    np.fill_diagonal(distances, [_rms(first - second) for first, second in halves])
    return distances


def find_modes(
    fit: Fit, quantities: list[Quantity], distances: Float[np.ndarray, "chain chain"]
) -> list[Mode]:
    """Group the chains by mode, most mass first; one group if all are in the same mode.

    Chains are separated if their co-clustering differs, or if the values of some label-invariant
    quantity do not overlap. Then an optimization starts from the highest draw of each group, and
    groups that reach the same mode are merged. If the prior is not known, this step is skipped, and
    masses stay unknown.
    """
    apart = _differ_in_rows(distances) | _differ_in_values(quantities)
    groups = _connected(~apart)
    is_known = fit.knows_prior
    if len(groups) > 1 and is_known:
        target, draws = target_of(fit)
        groups = _joined(fit, target, draws, groups)
    if len(groups) == 1:
        return [Mode(tuple(groups[0].tolist()), Share(1.0, 1.0, 1.0))]
    masses = shares([UNKNOWN] * len(groups))
    if is_known:
        parts = [draws.draw((chains,)) for chains in groups]
        rng = np.random.default_rng(fit.seed)
        masses = shares(log_masses(target, parts, fit.groups, rng))
    modes = [Mode(tuple(chains.tolist()), share)
             for chains, share in zip(groups, masses, strict=True)]  # fmt: skip
    return sorted(modes, key=lambda mode: (-np.nan_to_num(mode.share.value).round(3), mode.chains))


def _joined(
    fit: Fit,
    target: Target,
    draws: MixtureParameters,
    groups: list[Int[np.ndarray, " _"]],
) -> list[Int[np.ndarray, " _"]]:
    """Merge groups of chains whose highest draws lead to the same mode, up to labels."""
    if target.data.n_rows * target.layout.size > _MOST_WORK:
        return groups
    heights, exchangeable = _heights(fit, draws), fit.groups
    peaks = [_peak(target, draws, heights, chains) for chains in groups]
    same = [[_is_same(one, other, exchangeable) for other in peaks] for one in peaks]
    return [
        np.sort(np.concatenate([groups[place] for place in places]))
        for places in _connected(np.array(same))
    ]


def _peak(
    target: Target, draws: MixtureParameters, heights: np.ndarray, chains: np.ndarray
) -> tuple[MixtureParameters, float]:
    """Return the mode reached from the highest draw of some chains, and its log density."""
    chain, draw = np.unravel_index(heights[chains].argmax(), heights[chains].shape)
    highest = draws.draw((int(chains[chain]), int(draw)))
    units = target.rough_deviations(highest)
    mode, _ = highest_point(target, target.position_of(highest), units)
    return target.layout.unpack(mode), target(mode)[0]


def _is_same(
    one: tuple[MixtureParameters, float],
    other: tuple[MixtureParameters, float],
    exchangeable: Int[np.ndarray, " k"],
) -> bool:
    apart = distance(one[0], other[0], exchangeable)
    return apart < Starts.reach and abs(one[1] - other[1]) < Starts.tolerance


def _heights(fit: Fit, draws: MixtureParameters) -> Float[np.ndarray, "chain draw"]:
    if "lp" in fit.tree["sample_stats"]:
        return fit.tree["sample_stats"]["lp"].values
    if "log_likelihood" in fit.tree.children:
        return fit.tree["log_likelihood"][DATA].values.sum(axis=-1)
    return np.zeros(draws.batch_shape)


def findings_about_modes(fit: Fit, modes: list[Mode]) -> list[Finding]:
    """Report which chains are in which mode, and the mass of each."""
    if len(modes) == 1:
        return []
    where = "; ".join(_described(fit, mode) for mode in modes)
    if all(mode.share.is_known for mode in modes):
        listed = " and ".join(str(mode.share) for mode in modes)
        masses = f"By bridge sampling they hold {listed} of their combined posterior mass"
    else:
        masses = "The posterior mass of each is not known"
    # Without the posterior density, it is not certain that these are modes.
    apart = f"{len(modes)} different modes" if fit.knows_prior else "different regions"
    return [Finding(
        f"Chains explored {apart}: {where}. {masses}; the fraction of chains in "
        "a mode does not estimate its mass.",
        _remedy(fit, modes),
        kind="different modes",
    )]  # fmt: skip


def _connected(related: Bool[np.ndarray, "item item"]) -> list[Int[np.ndarray, " _"]]:
    """Return groups of items that are related, directly or through others."""
    _, labels = connected_components(related, directed=False)
    return [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]


def _remedy(fit: Fit, modes: list[Mode]) -> str:
    best, kept = modes[0], _names(fit, modes[0])
    if best.share.is_known and best.share.lower > _NEARLY_ALL:
        return (
            f"Keep the chains of the first mode, tree.isel(chain={list(best.chains)}), and "
            "sample more of them if they are few."
        )
    first = f"(the first is that of {plural(len(best.chains), 'chain')} {kept})"
    if best.share.is_known:
        return (
            f"Do not average over all chains. Report each mode separately {first} with its mass, "
            "or "
            "combine draws of each in proportion to these masses."
        )
    return (
        f"Do not average over all chains. Report each mode separately {first}, or use fewer "
        "components or stronger priors if only one mode is wanted."
    )


def _described(fit: Fit, mode: Mode) -> str:
    text = f"{plural(len(mode.chains), 'chain')} {_names(fit, mode)}"
    statistics = fit.tree["sample_stats"]
    if "lp" not in statistics:
        return text
    height = float(statistics["lp"].values[list(mode.chains)].mean())
    return f"{text} (log posterior {height:.1f} on average)"


def _names(fit: Fit, mode: Mode) -> str:
    return ", ".join(str(name) for name in fit.posterior[CHAIN].values[list(mode.chains)])


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
