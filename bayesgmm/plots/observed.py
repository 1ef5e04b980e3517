"""The rows of a fit as figures show them: without missing cells, and as often as they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from bayesgmm.schema import DATA, FEATURE, ROW, ROW_WEIGHT

if TYPE_CHECKING:
    import xarray as xr

FEWEST_BINS, MOST_BINS = 18, 60

_POINT_MASS = 0.05  # share of the rows


def features_of(tree: xr.DataTree) -> tuple[str, ...]:
    """Return the names of the features."""
    return tuple(str(name) for name in tree["posterior"][FEATURE].values)


def row_weights(tree: xr.DataTree) -> Float[np.ndarray, " n"]:
    """Return how often each row counts, 1 where nothing was said."""
    known = tree["constant_data"] if "constant_data" in tree.children else {}
    if ROW_WEIGHT in known:
        return known[ROW_WEIGHT].values.astype(float)
    return np.ones(tree["observed_data"].sizes[ROW])


def observed_cells(
    tree: xr.DataTree, feature: str
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return the cells of a feature that are observed in rows that count, and how often they do."""
    values = tree["observed_data"][DATA].sel({FEATURE: feature}).values
    weights = row_weights(tree)
    kept = ~np.isnan(values) & (weights > 0)
    return values[kept], weights[kept]


def bin_edges(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " edges"]:
    """Return edges by the rule of Freedman and Diaconis (1981), 18 to 60 bins or so.

    The width is a multiple of the steps in which the feature was recorded, lest some bins catch
    one value more than their neighbours; a value that is much more frequent lies in the middle of
    its bin.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if distinct.size == 1:
        return distinct[0] + max(abs(distinct[0]), 1.0) * np.array([-0.5, 0.5])
    n_bins = np.clip(_by_rule(values), FEWEST_BINS, MOST_BINS)
    length = distinct[-1] - distinct[0]
    width, step = length / n_bins, np.diff(distinct).min()
    # Values that differ by rounding alone are not recorded in steps.
    if step > 1e-9 * length:
        width = step * max(1, np.round(width / step))
        first = distinct[0] - step / 2
    else:
        first = distinct[0]
    if counts.max() > _POINT_MASS * values.size and step < 0.1 * width:
        below = np.ceil((distinct[counts.argmax()] - distinct[0]) / width)
        first = distinct[counts.argmax()] - (below + 0.5) * width
    return first + width * np.arange(np.ceil((distinct[-1] - first) / width) + 1)


def _by_rule(values: Float[np.ndarray, " n"]) -> float:
    """Number of bins; infinite where half of the values are one."""
    lower, upper = np.quantile(values, [0.25, 0.75])
    width = 2 * (upper - lower) / np.cbrt(values.size)
    return np.ptp(values) / width if width > 0 else np.inf
