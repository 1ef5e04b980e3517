"""The rows of a fit as figures show them: without missing cells, and as often as they count.

Which features a picture shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from bayesgmm.analysis.summarize import discriminating_features
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.schema import COMPONENT, DATA, FEATURE, ROW, ROW_WEIGHT
from bayesgmm.tree.fit import Fit

FEWEST_BINS, MOST_BINS = 18, 200

_BESIDE_A_POINT_MASS = 60  # bins, where half of the values or more are one
_FEWEST_TOGETHER = 20  # values whose closeness tells of a cluster,
_DENSER = 1.5  # if it is that of so much less than a deviation
_POINT_MASS = 0.05  # share of the rows


def row_weights(fit: Fit) -> Float[np.ndarray, " n"]:
    """Return how often each row counts, 1 where nothing was said."""
    known = fit.tree["constant_data"] if "constant_data" in fit.tree.children else {}
    if ROW_WEIGHT in known:
        return known[ROW_WEIGHT].values.astype(float)
    return np.ones(fit.tree["observed_data"].sizes[ROW])


def observed_cells(
    fit: Fit, feature: str
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """Return the cells of a feature that are observed in rows that count, and how often they do."""
    values = fit.tree["observed_data"][DATA].sel({FEATURE: feature}).values
    weights = row_weights(fit)
    kept = ~np.isnan(values) & (weights > 0)
    return values[kept], weights[kept]


def bin_edges(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " edges"]:
    """Return edges by the rule of Freedman and Diaconis (1981), 18 to 200 bins or so.

    The width is a multiple of the steps in which the feature was recorded, lest some bins catch
    one value more than their neighbors; a value that is much more frequent lies in the middle of
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
    """Number of bins.

    The rule has the interquartile range of a normal distribution. A cluster that is narrow beside
    it would be one bar: where an eighth of the values lies much closer together than under a
    normal distribution, that counts.
    """
    ordered = np.sort(values)
    lower, upper = np.quantile(ordered, [0.25, 0.75])
    deviation = (upper - lower) / (2 * ndtri(0.75))
    for share in (1 / 4, 1 / 8):
        count = int(share * ordered.size)
        shortest = np.min(ordered[count:] - ordered[: ordered.size - count])
        if count > _FEWEST_TOGETHER and shortest > 0:  # a point mass has no width
            local = shortest / (2 * ndtri(0.5 + share / 2))
            deviation = min(deviation, _DENSER * local)
    width = 4 * ndtri(0.75) * deviation / np.cbrt(values.size)
    return np.ptp(values) / width if width > 0 else _BESIDE_A_POINT_MASS


@dataclass(frozen=True)
class Choice:
    """The features of a picture.

    Attributes
    ----------
    features : tuple of strings
    note : str
        What a legend says of them where the picture itself left some out, empty otherwise.
    """

    features: tuple[str, ...]
    note: str = ""


def choose(fit: Fit, features: Sequence[str] | None, most: int) -> Choice:
    """Return the features that were asked for, once they are checked.

    Where nobody asked, these are all, or as many as there is room for: those in which the
    components differ most.
    """
    names = list(fit.feature_names)
    if features is not None:
        return Choice(_asked(names, features, most))
    if len(names) <= most:
        return Choice(tuple(names))
    count = f"{most} of {len(names)} features"
    if fit.posterior.sizes[COMPONENT] == 1:
        return Choice(tuple(names[:most]), f"the first {count}")
    chosen = discriminating_features(fit, most)
    return Choice(tuple(chosen), f"{count}, in which the components differ most")


def _asked(names: Sequence[str], features: Sequence[str], most: int) -> tuple[str, ...]:
    chosen = (features,) if isinstance(features, str) else tuple(features)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen or len(set(chosen)) < len(chosen):
        raise DataError(
            f"features must be different features of the fit, which has {names}; "
            f"not {list(chosen)}."
        )
    if len(chosen) > most:
        raise SpecificationError(
            f"{len(chosen)} features are too many for one figure; name at most {most} "
            f"of them, such as features={list(chosen[:4])}."
        )
    return chosen
