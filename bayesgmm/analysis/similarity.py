"""How close generated rows are to real ones, and whether they give real ones away."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.analysis.closeness.distances import (
    by_chance,
    classifier_area,
    correlation_difference,
    nearest,
    nearest_of_others,
    wasserstein,
)
from bayesgmm.analysis.closeness.value import Similarity
from bayesgmm.data.dataset import Dataset, read_like, read_table
from bayesgmm.errors import DataError
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import DATA, FEATURE, FEATURE_BIS
from bayesgmm.seeds import RandomSeed, generator, integer_seed, spawn

_FEWEST_ROWS = 10
_QUANTILES = (0.05, 0.5)
_SAME = 1e-9
"""Distance, in standard deviations, below which a row is a copy."""


def similarity(
    real: Any, generated: Any, *, splits: int = 100, random_seed: RandomSeed = None
) -> Similarity:
    """Compare generated rows with real ones, for likeness and for privacy.

    All features are divided by the standard deviations of the real rows. Likeness: the
    Wasserstein distance of every feature, the change of every correlation, and whether a
    classifier of nearest neighbours, which learns from half of the rows, can tell the others
    apart (Lopez-Paz and Oquab, 2017). Privacy: how near generated rows are to real ones, compared
    with how near real rows are to each other.

    Rows with missing cells are left out.

    Parameters
    ----------
    real : table of n rows and d features
        What the generated rows should be like.
    generated : table with the features of ``real``, or what :func:`bayesgmm.generate` returned
    splits : int, default 100
        Random splits of all rows, which say what distances come by chance.
    random_seed : int, SeedSequence or Generator, optional
        For these splits and for which rows the classifier learns from.

    Returns
    -------
    Similarity
        Prints as a table.

    Raises
    ------
    DataError
        If a table cannot be used, the features differ, or fewer than ten rows of one are
        complete.
    SpecificationError
        If ``splits`` is not a positive whole number.

    Notes
    -----
    To judge privacy and likeness to new rows, compare also with real rows that were not fitted.

    References
    ----------
    Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. International
    Conference on Learning Representations.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> new = bg.generate(tree, 342, random_seed=1)
    >>> found = bg.similarity(tree["observed_data"]["x"], new, random_seed=1)
    >>> found.copies
    0.0
    >>> bool(abs(found.classifier["auc"] - 0.5) < 0.1)
    True
    """
    expect_whole_number("splits", splits)
    table = read_table(real)
    names = table.feature_names
    if isinstance(generated, xr.Dataset) and DATA in generated:
        generated = generated[DATA]
    ours, theirs = _complete(table, "real"), _complete(read_like(generated, names), "generated")
    centre, deviation = ours.mean(axis=0), _deviation(ours)
    ours, theirs = (ours - centre) / deviation, (theirs - centre) / deviation
    split_seed, classifier_seed = spawn(random_seed, 2)
    limits, largest = by_chance(ours, theirs, splits, generator(split_seed))
    area, error = classifier_area(ours, theirs, integer_seed(classifier_seed))
    own, across = nearest_of_others(ours), nearest(theirs, ours)
    coords = {FEATURE: list(names), FEATURE_BIS: list(names)}
    return Similarity(
        features=xr.Dataset(
            {"wasserstein": (FEATURE, wasserstein(ours, theirs)), "by_chance": (FEATURE, limits)},
            coords={FEATURE: list(names)},
        ),
        correlations=xr.DataArray(
            correlation_difference(ours, theirs), coords=coords, attrs={"by_chance": largest}
        ),
        classifier=xr.Dataset({"auc": area, "error": error}),
        nearest=xr.DataArray(
            _quantiles(across, own),
            coords={"rows": ["generated", "real"], "quantile": list(_QUANTILES)},
        ),
        too_near=float(np.mean(across < np.quantile(own, _QUANTILES[0]))),
        copies=float(np.mean(across < _SAME)),
    )


def _quantiles(*samples: Float[np.ndarray, " _"]) -> Float[np.ndarray, "samples quantiles"]:
    return np.array([np.quantile(sample, _QUANTILES) for sample in samples])


def _complete(table: Dataset, name: str) -> Float[np.ndarray, "n d"]:
    rows = table.values[~np.isnan(table.values).any(axis=1)]
    if len(rows) < _FEWEST_ROWS:
        raise DataError(
            f"The {name} table has {len(rows)} complete rows; at least {_FEWEST_ROWS} are needed "
            "to compare distributions."
        )
    return rows


def _deviation(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " d"]:
    """Standard deviations, one where complete rows do not vary."""
    deviation = rows.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)
