"""R-hat and effective sample sizes of many quantities, for the worst entry of each.

Quantities are arrays with axes chain, draw, and any number of entries.

**Distribution of R-hat under convergence.** Split into halves, the chains are M sequences of n
draws; let S be the effective number of all draws within their halves. The means of
the halves then vary with M sigma^2 / S, so that with their sample variance B / n and the mean
variance W within them

    R-hat^2 - 1 = (B / W - 1) / n,    (M - 1) B S / (M n W) ~ chi-square with M - 1 degrees.

So R-hat of one entry is below sqrt(1 + q M / ((M - 1) S) - 1 / n) with the probability of the
quantile q. Rank-normalized R-hat is the larger of two such numbers, and a fit has hundreds of
entries: q leaves all of them together the probability ``FALSE_ALARMS``. S comes from the
autocorrelations about the mean of each half. Those about the common mean would attribute
disagreement of chains to few effective draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy import stats

RHAT_LIMIT = 1.01
"""Vehtari et al. (2021), section 4.4; the limit unless chance alone exceeds it."""

FALSE_ALARMS = 0.005
"""Probability that any R-hat of a converged fit exceeds its limit by chance."""

_TAIL = (0.05, 0.95)  # the quantiles for tail ESS (same source)
_FEWEST_DRAWS = 4  # for halves of a chain to have a variance
_MOST_ENTRIES = 128  # some milliseconds each
_AXES, _ONE = {"chain_axis": 1, "draw_axis": 2}, {"chain_axis": 0, "draw_axis": 1}


@dataclass(frozen=True, eq=False)
class Quantity:
    """A quantity whose convergence is assessed.

    Attributes
    ----------
    name : str
    values : array, shape (chain, draw, ...)
    label_free : bool
        Whether it is invariant to permutations of the components.
    """

    name: str
    values: Float[np.ndarray, "chain draw ..."]
    label_free: bool


def convergence(quantities: list[Quantity]) -> xr.Dataset:
    """Return the statistics of the worst entry of each quantity, dim ``variable``.

    ``rhat_limit`` is the limit for the R-hat of that entry, given chance and convention.
    """
    error_rate = FALSE_ALARMS / len(quantities)
    rows = [_worst(quantity.values, error_rate) for quantity in quantities]
    rhat, limit, bulk, tail = (np.array(column) for column in zip(*rows, strict=True))
    return xr.Dataset(
        {
            "rhat": ("variable", rhat),
            "rhat_limit": ("variable", limit),
            "ess_bulk": ("variable", bulk),
            "ess_tail": ("variable", tail),
            "label_free": ("variable", np.array([one.label_free for one in quantities])),
        },
        coords={"variable": [one.name for one in quantities]},
    )


def largest_rhat(values: Float[np.ndarray, "chain draw ..."]) -> float:
    """Return the rank-normalized split R-hat of the worst entry; NaN if undefined."""
    return _worst_rhat(_entries(values))


def disagreeing(figures: xr.Dataset) -> xr.Dataset:
    """Return the statistics of the variables in which the chains disagree."""
    limit = figures["rhat_limit"].values if "rhat_limit" in figures else RHAT_LIMIT
    return figures.isel(variable=np.flatnonzero(figures["rhat"].values > limit))


def smallest_ess(figures: xr.Dataset) -> xr.DataArray:
    """Return the smaller of bulk and tail ESS, where known."""
    return np.minimum(figures["ess_bulk"], figures["ess_tail"]).fillna(0.0)


def named(figures: xr.Dataset) -> str:
    """List the variables."""
    return ", ".join(str(name) for name in figures["variable"].values)


def _entries(values: np.ndarray) -> np.ndarray:
    """Return axes entry, chain, draw; for very many entries only those whose chains differ most."""
    flat = np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
    if flat.shape[0] <= _MOST_ENTRIES:
        return flat
    half = flat.shape[2] // 2
    means = np.stack([flat[..., :half].mean(axis=-1), flat[..., half:].mean(axis=-1)], axis=-1)
    with np.errstate(all="ignore"):
        differ = np.nan_to_num(means.var(axis=(1, 2)) / flat.var(axis=2).mean(axis=1))
    return flat[np.sort(np.argsort(-differ, kind="stable")[:_MOST_ENTRIES])]


def _worst(values: np.ndarray, error_rate: float) -> tuple[float, float, float, float]:
    """Return R-hat, its limit, and bulk and tail effective draws.

    The R-hat is that of the entry furthest beyond its limit, or else the largest.
    """
    from arviz_stats.base import array_stats

    entries = _entries(values)
    with np.errstate(all="ignore"):  # chains that never moved have zero variance
        bulk = array_stats.ess(entries, method="bulk", **_AXES).min()
        tail = array_stats.ess(entries, method="tail", prob=_TAIL, **_AXES).min()
    rhats = _rhats(entries)
    if rhats is None:
        return float("nan"), RHAT_LIMIT, float(bulk), float(tail)
    n_tests = 2 * values[0, 0].size  # of locations, and of spreads
    suspects = np.flatnonzero(rhats > RHAT_LIMIT)
    limits = [chance_limit(entries[place], error_rate / n_tests) for place in suspects]
    beyond = (rhats[suspects] - 1) / (np.array(limits) - 1)
    if np.any(beyond > 1):
        worst = int(beyond.argmax())
        return float(rhats[suspects[worst]]), limits[worst], float(bulk), float(tail)
    limit = limits[int(rhats[suspects].argmax())] if suspects.size else RHAT_LIMIT
    return float(rhats.max()), limit, float(bulk), float(tail)


def chance_limit(draws: Float[np.ndarray, "chain draw"], error_rate: float) -> float:
    """Return the R-hat that these chains would exceed with a given probability, if converged.

    Never less than ``RHAT_LIMIT``. The effective draws are the fewer of those for the location
    and for the spread.
    """
    from arviz_stats.base import array_stats

    half = draws.shape[1] // 2
    halves = np.concatenate([draws[:, :half], draws[:, -half:]])
    away = np.abs(halves - np.median(halves))
    with np.errstate(all="ignore"):
        effective = min(
            array_stats.ess(ranks - ranks.mean(axis=1, keepdims=True), method="identity", **_ONE)
            for ranks in map(_normal_ranks, (halves, away))
        )
    if not np.isfinite(effective):  # chains that never moved
        return RHAT_LIMIT
    n_halves = halves.shape[0]
    quantile = stats.chi2.isf(error_rate, n_halves - 1)
    excess = quantile * n_halves / (n_halves - 1) / effective - 1 / half
    return max(RHAT_LIMIT, float(np.sqrt(1 + excess)))


def _normal_ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks as quantiles of a normal distribution (Vehtari et al., 2021, section 4.1)."""
    ranks = stats.rankdata(values).reshape(values.shape)
    return stats.norm.ppf((ranks - 0.375) / (values.size + 0.25))


def _worst_rhat(entries: np.ndarray) -> float:
    rhats = _rhats(entries)
    return float("nan") if rhats is None else float(rhats.max())


def _rhats(entries: np.ndarray) -> np.ndarray | None:
    """Return R-hat of each entry; ``None`` if it is undefined."""
    from arviz_stats.base import array_stats

    if entries.shape[1] < 2 or entries.shape[2] < _FEWEST_DRAWS:
        return None
    with np.errstate(all="ignore"):
        return np.atleast_1d(array_stats.rhat(entries, **_AXES))
