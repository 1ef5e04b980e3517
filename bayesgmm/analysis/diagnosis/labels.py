"""Findings about labels: label switching, and pairs of components that are not identified."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from scipy.special import expit

from bayesgmm.analysis.diagnosis.convergence import RHAT_LIMIT, disagreeing, largest_rhat
from bayesgmm.analysis.diagnosis.value import Finding
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.relabel.permute import undo_relabeling
from bayesgmm.tree.fit import Fit, read_parameters

CONFUSION_LIMIT = 0.05
"""Fraction of draws in which two labels may be exchanged."""

_SUSPECT = 0.01  # the same, if chains disagree in parameters only
_MOST_DRAWS = 1000

_PARAMETERS = ("weights", "means", "scales")


@dataclass(frozen=True, eq=False)
class Labels:
    """The effect of relabeling, and how well labels are identified.

    Attributes
    ----------
    switched : boolean array, shape (chain, draw)
        Whether the components of the raw draw had a different order than most draws.
    pairs : tuple of (int, int)
        Indices of every pair of exchangeable components.
    confusion : array, shape (pair,)
        Mean probability over draws that the labels of the two are exchanged.
    rhat_before : float
        R-hat of the worst of weights, means and scales before relabeling; NaN if unknown.
    """

    switched: Bool[np.ndarray, "chain draw"]
    pairs: tuple[tuple[int, int], ...]
    confusion: Float[np.ndarray, " pair"]
    rhat_before: float

    @classmethod
    def of(cls, fit: Fit, small: Bool[np.ndarray, " k"]) -> Labels:
        """Compute label statistics; components in ``small`` are left out."""
        groups, named = fit.groups, np.flatnonzero(~small).tolist()
        pairs = tuple(
            (one, other) for one, other in combinations(named, 2) if groups[one] == groups[other]
        )
        switched = _switched(fit.tree["relabeling"]["permutation"].values[..., ~small])
        before = _rhat_before(fit) if switched.any() else float("nan")
        some = read_parameters(fit.thinned(_MOST_DRAWS))
        confusion = np.array([confusion_of(some, *pair) for pair in pairs])
        return cls(switched, pairs, confusion, before)

    def confused(self, limit: float) -> list[tuple[int, int]]:
        """Return the pairs whose confusion is above a limit, worst first."""
        worst_first = np.argsort(-self.confusion)
        return [self.pairs[place] for place in worst_first if self.confusion[place] > limit]


def confusion_of(draws: MixtureParameters, one: int, other: int) -> float:
    """Return the mean probability that the labels of two components are exchanged.

    Let q_k be the normal distribution, independent between coordinates, of the parameters of
    component k over all draws. In a draw with parameters a and b of the two components the labels
    are exchanged with probability q_1(b) q_2(a) / (q_1(a) q_2(b) + q_1(b) q_2(a)),
    as in the probabilistic relabeling of Sperrin et al. (2010). Coordinates are log weights,
    means and log standard deviations. For one cluster split in two at random it is 0.1 to 0.2.

    References
    ----------
    Sperrin, M., Jaki, T. and Wit, E. (2010). Probabilistic relabeling strategies for the label
    switching problem in Bayesian mixture models. Statistics and Computing 20, 357-366.
    """
    first, second = (_coordinates(draws, place) for place in (one, other))
    straight = _log_density(first, first) + _log_density(second, second)
    crossed = _log_density(second, first) + _log_density(first, second)
    return float(expit(crossed - straight).mean())


def findings_about_labels(fit: Fit, labels: Labels, figures: xr.Dataset) -> list[Finding]:
    """Report corrected label switching, or pairs of components that are not identified."""
    label_free = figures["label_free"].values
    if disagreeing(figures.isel(variable=label_free)).sizes["variable"]:
        return []
    agree = disagreeing(figures).sizes["variable"] == 0
    pairs = labels.confused(CONFUSION_LIMIT if agree else _SUSPECT)
    relabeled = float(figures["rhat"].values[~label_free].max())
    if pairs:
        return [_overlap(fit, labels, pairs, relabeled)]
    return [_cured(labels, relabeled)] if agree and labels.switched.any() else []


def _overlap(fit: Fit, labels: Labels, pairs: list[tuple[int, int]], rhat: float) -> Finding:
    names = fit.names
    listed = "; ".join(f"{names[one]} and {names[other]}" for one, other in pairs)
    worst = float(labels.confusion.max())
    before = f" ({labels.rhat_before:.2f} before)" if np.isfinite(labels.rhat_before) else ""
    chains = (
        f"; R-hat of the relabeled parameters is {rhat:.3f}{before}, while label-invariant "
        "quantities agree"
    )
    return Finding(
        f"Components overlap too much to be identified: {listed}. In {worst:.0%} of the draws "
        # One chain has no R-hat.
        f"their labels are interchangeable{chains if np.isfinite(rhat) else ''}.",
        "Use label-invariant results (densities, predictions, co-clustering), but not the "
        "parameters of these components; or use fewer components or stronger priors.",
        kind="overlap",
    )


def _cured(labels: Labels, rhat: float) -> Finding:
    count, chains = int(labels.switched.sum()), int(labels.switched.any(axis=1).sum())
    before = ""
    if labels.rhat_before > RHAT_LIMIT:
        before = f": R-hat of the parameters was {labels.rhat_before:.3f} and is {rhat:.3f}"
    return Finding(
        f"Labels switched in {count} of {labels.switched.size} draws, in {chains} of "
        f"{labels.switched.shape[0]} chains, and relabeling corrected it{before}.",
        "No action is needed.",
        kind="labels switched",
        serious=False,
    )


def _switched(orders: Int[np.ndarray, "chain draw k"]) -> Bool[np.ndarray, "chain draw"]:
    """Whether the order of a draw differs from the most frequent one."""
    if orders.shape[-1] == 0:
        return np.zeros(orders.shape[:2], dtype=bool)
    flat = orders.reshape(-1, orders.shape[-1])
    known, counts = np.unique(flat, axis=0, return_counts=True)
    usual = known[counts.argmax()]
    return np.any(orders != usual, axis=-1)


def _rhat_before(fit: Fit) -> float:
    raw = undo_relabeling(fit)["posterior"]
    return float(np.max([largest_rhat(raw[name].values) for name in _PARAMETERS]))


def _coordinates(draws: MixtureParameters, place: int) -> Float[np.ndarray, "draw coordinate"]:
    # A weight may underflow: it is replaced by the smallest float.
    weights = np.maximum(draws.weights[..., place, None], np.finfo(float).tiny)
    scales = draws.scales[..., place, :]
    parts = [np.log(weights), draws.means[..., place, :], np.log(scales)]
    return np.concatenate(parts, axis=-1).reshape(-1, 1 + 2 * draws.n_features)


def _log_density(
    draws: Float[np.ndarray, "draw coordinate"], of: Float[np.ndarray, "draw coordinate"]
) -> Float[np.ndarray, " draw"]:
    """Return the log density of draws under the normal distribution of others.

    Coordinates that never moved, as in stuck chains, are ignored.
    """
    width = of.std(axis=0)
    away = draws - of.mean(axis=0)
    noise = np.divide(away, width, out=np.zeros_like(away), where=width > 0)
    return -0.5 * np.sum(noise**2, axis=1)  # the constants cancel
