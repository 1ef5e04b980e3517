"""R-hat and effective sample sizes of many quantities; of each the worst entry.

Quantities are arrays with axes chain, draw, and any number of entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float

RHAT_LIMIT = 1.01
"""Vehtari et al. (2021), section 4.4."""

ESS_LIMIT = 400
"""Effective draws, bulk and tail, below which R-hat itself is too noisy (same source)."""

_TAIL = (0.05, 0.95)  # the quantiles that tell the tail (same source)
_FEWEST_DRAWS = 4  # for halves of a chain to have a variance
_MOST_ENTRIES = 128  # some milliseconds each


@dataclass(frozen=True, eq=False)
class Quantity:
    """Something that is judged.

    Attributes
    ----------
    name : str
    values : array, shape (chain, draw, ...)
    label_free : bool
        Whether no permutation of the components can change it.
    """

    name: str
    values: Float[np.ndarray, "chain draw ..."]
    label_free: bool


def convergence(quantities: list[Quantity]) -> xr.Dataset:
    """Return the figures of the worst entry of each quantity, dim ``variable``."""
    rows = [_worst(_entries(quantity.values)) for quantity in quantities]
    rhat, bulk, tail = (np.array(column) for column in zip(*rows, strict=True))
    return xr.Dataset(
        {
            "rhat": ("variable", rhat),
            "ess_bulk": ("variable", bulk),
            "ess_tail": ("variable", tail),
            "label_free": ("variable", np.array([one.label_free for one in quantities])),
        },
        coords={"variable": [one.name for one in quantities]},
    )


def largest_rhat(values: Float[np.ndarray, "chain draw ..."]) -> float:
    """Return the rank-normalised split R-hat of the worst entry; NaN where there is none."""
    return _worst_rhat(_entries(values))


def disagreeing(figures: xr.Dataset) -> xr.Dataset:
    """Return the figures of the variables in which the chains disagree."""
    return figures.isel(variable=np.flatnonzero(figures["rhat"].values > RHAT_LIMIT))


def smallest_ess(figures: xr.Dataset) -> xr.DataArray:
    """Return effective draws, the fewer of bulk and tail; none where they are unknown."""
    return np.minimum(figures["ess_bulk"], figures["ess_tail"]).fillna(0.0)


def named(figures: xr.Dataset) -> str:
    """List the variables."""
    return ", ".join(str(name) for name in figures["variable"].values)


def _entries(values: np.ndarray) -> np.ndarray:
    """Return axes entry, chain, draw; of very many entries those whose chains differ most."""
    flat = np.moveaxis(values.reshape(*values.shape[:2], -1), -1, 0)
    if flat.shape[0] <= _MOST_ENTRIES:
        return flat
    half = flat.shape[2] // 2
    means = np.stack([flat[..., :half].mean(axis=-1), flat[..., half:].mean(axis=-1)], axis=-1)
    with np.errstate(all="ignore"):
        differ = np.nan_to_num(means.var(axis=(1, 2)) / flat.var(axis=2).mean(axis=1))
    return flat[np.sort(np.argsort(-differ, kind="stable")[:_MOST_ENTRIES])]


def _worst(entries: np.ndarray) -> tuple[float, float, float]:
    from arviz_stats.base import array_stats

    with np.errstate(all="ignore"):  # chains that never moved have no variance to divide by
        options = {"chain_axis": 1, "draw_axis": 2}
        bulk = array_stats.ess(entries, method="bulk", **options).min()
        tail = array_stats.ess(entries, method="tail", prob=_TAIL, **options).min()
    return _worst_rhat(entries), float(bulk), float(tail)


def _worst_rhat(entries: np.ndarray) -> float:
    from arviz_stats.base import array_stats

    if entries.shape[1] < 2 or entries.shape[2] < _FEWEST_DRAWS:
        return float("nan")
    with np.errstate(all="ignore"):
        return float(array_stats.rhat(entries, chain_axis=1, draw_axis=2).max())
