"""Similarity of generated and real rows, and privacy: features, correlations, rows.

Axes: rows n of one sample and m of the other, features d.

References
----------
Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. International Conference
on Learning Representations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance

from bayesgmm.data.dataset import Dataset, read_like, read_table
from bayesgmm.errors import DataError
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import DATA, FEATURE, FEATURE_BIS
from bayesgmm.seeds import RandomSeed, generator, integer_seed, spawn


@dataclass(frozen=True, eq=False)
class Similarity:
    """Similarity of generated and real rows. Distances are in standard deviations.

    Attributes
    ----------
    features : xarray.Dataset
        Dim ``feature``: ``wasserstein``, the distance between the distributions of each feature,
        and ``by_chance``, the value exceeded by chance in one case of 20.
    correlations : xarray.DataArray
        Correlations of the generated rows minus those of the real ones, dims ``feature,
        feature_bis``; attribute ``by_chance``, what the largest difference exceeds in one case
        of 20.
    classifier : xarray.Dataset
        ``auc``, the area under the ROC curve of a classifier of generated and real rows: 0.5 if
        they have the same distribution, 1 if they are separable, and less than 0.5 if generated
        rows are copies of real ones; and ``error``, its standard error under equal distributions.
    nearest : xarray.DataArray
        Distance to the nearest real row, for ``rows`` that are ``generated`` and, among
        themselves, ``real``; its 5 % quantile and median, dim ``quantile``.
    too_near : float
        Fraction of the generated rows that are nearer to a real row than the nearest 5 % of real
        rows are to each other: 0.05 is expected; more indicates memorized rows.
    copies : float
        Fraction of the generated rows that are copies of real rows.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> birds = bg.generate(tree, 342, random_seed=1)["x"]
    >>> bg.similarity(tree["observed_data"]["x"], birds).copies
    0.0
    """

    features: xr.Dataset
    correlations: xr.DataArray
    classifier: xr.Dataset
    nearest: xr.DataArray
    too_near: float
    copies: float

    def __str__(self) -> str:
        return "\n".join([*self._likeness(), "", *self._privacy()])

    __repr__ = __str__

    def _likeness(self) -> list[str]:
        wide = max(30, *(len(str(name)) + 4 for name in self.features[FEATURE].values))
        lines = [f"{'Wasserstein distance of':<{wide}}{'found':>10}{'by chance':>12}"]
        for name in self.features[FEATURE].values:
            found, limit = self.features.sel({FEATURE: name}).to_array().values
            lines.append(f"{f'  {name}':<{wide}}{found:>10.3f}{limit:>12.3f}")
        largest, limit = float(abs(self.correlations).max()), self.correlations.attrs["by_chance"]
        area, error = float(self.classifier["auc"]), float(self.classifier["error"])
        return [
            *lines,
            f"{'largest change of correlation':<{wide}}{largest:>10.3f}{limit:>12.3f}",
            f"{'classifier, area under curve':<{wide}}{area:>10.3f}{f'0.5±{error:.3f}':>12}",
        ]

    def _privacy(self) -> list[str]:
        wide = 30
        lines = [f"{'nearest real row, from':<{wide}}{'5 %':>10}{'median':>12}"]
        for rows in self.nearest["rows"].values:
            low, median = self.nearest.sel(rows=rows).values
            lines.append(f"{f'  {rows} rows':<{wide}}{low:>10.3f}{median:>12.3f}")
        return [
            *lines,
            "",
            f"{'too near to a real row':<{wide}}{self.too_near:>10.1%} (5.0% expected)",
            f"{'copies of a real row':<{wide}}{self.copies:>10.1%}",
        ]


def wasserstein(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " d"]:
    """Return the area between the distribution functions of each pair of columns."""
    return np.array([wasserstein_distance(*pair) for pair in zip(one.T, other.T, strict=True)])


def correlation_difference(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "d d"]:
    """Return the correlations of the second minus those of the first.

    A column that does not vary has no correlations; they count as zero.
    """
    return _correlations(other) - _correlations(one)


def _correlations(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    centered = rows - rows.mean(axis=0)
    length = np.sqrt((centered**2).sum(axis=0))
    unit = centered / np.where(length > 0, length, 1.0)
    return unit.T @ unit


def by_chance(
    one: Float[np.ndarray, "n d"],
    other: Float[np.ndarray, "m d"],
    splits: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " d"], float]:
    """Return what both distances exceed in one of 20 random splits of the rows.

    The first for each feature, the second for the largest difference of two correlations.
    """
    pooled, distances, differences = np.vstack([one, other]), [], []
    for _ in range(splits):
        mixed = rng.permutation(pooled)
        halves = mixed[: len(one)], mixed[len(one) :]
        distances.append(wasserstein(*halves))
        differences.append(np.abs(correlation_difference(*halves)).max())
    return np.quantile(distances, 0.95, axis=0), float(np.quantile(differences, 0.95))


def classifier_area(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"], seed: int
) -> tuple[float, float]:
    """Return the AUC of a classifier of the samples, and its standard error by chance.

    The area under the receiver operating characteristic: the probability that of two rows, one
    of each sample, the right one has the higher score. The classifier is trained on half of the
    rows and tested on the others, so given the training rows the area is that of Mann and Whitney,
    with variance (n + m + 1) / (12 n m) under equal distributions. It uses the sqrt(N) nearest
    of N rows (Lopez-Paz and Oquab, 2017).
    """
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split
    from sklearn.neighbors import KNeighborsClassifier

    rows = np.vstack([one, other])
    origin = np.repeat([0, 1], [len(one), len(other)])
    known, unknown, answers, wanted = train_test_split(
        rows, origin, test_size=0.5, stratify=origin, random_state=seed
    )
    classifier = KNeighborsClassifier(max(1, math.isqrt(len(known)))).fit(known, answers)
    area = roc_auc_score(wanted, classifier.predict_proba(unknown)[:, 1])
    n, m = np.bincount(wanted)
    return float(area), math.sqrt((n + m + 1) / (12 * n * m))


def nearest_of_others(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """Return the distance of each row to the nearest other row."""
    distances, _ = cKDTree(rows).query(rows, k=2)
    return distances[:, 1]


def nearest(
    rows: Float[np.ndarray, "m d"], among: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " m"]:
    """Return the distance of each row to the nearest row of another sample."""
    distances, _ = cKDTree(among).query(rows)
    return distances


_FEWEST_ROWS = 10
_QUANTILES = (0.05, 0.5)
_SAME = 1e-9
"""Distance, in standard deviations, below which a row is a copy."""


def similarity(
    real: Any, generated: Any, *, n_splits: int = 100, random_seed: RandomSeed = None
) -> Similarity:
    """Compare generated rows with real ones, for similarity and for privacy.

    All features are divided by the standard deviations of the real rows. Similarity: the
    Wasserstein distance of every feature, the change of every correlation, and whether a
    classifier of nearest neighbors, trained on half of the rows, separates the others
    (Lopez-Paz and Oquab, 2017). Privacy: how near generated rows are to real ones, compared
    with how near real rows are to each other.

    Rows with missing cells are left out.

    Parameters
    ----------
    real : table of n rows and d features
        The reference rows.
    generated : table with the features of ``real``, or what :func:`bayesgmm.generate` returned
    n_splits : int, default 100
        Number of random splits of all rows, for distances by chance.
    random_seed : int, SeedSequence or Generator, optional
        Seed of these splits and of the training rows of the classifier.

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
        If ``n_splits`` is not a positive whole number.

    Notes
    -----
    To assess privacy and generalization, compare also with real rows that were not fitted.

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
    expect_whole_number("n_splits", n_splits)
    table = read_table(real)
    names = table.feature_names
    if isinstance(generated, xr.Dataset) and DATA in generated:
        generated = generated[DATA]
    ours, theirs = _complete(table, "real"), _complete(read_like(generated, names), "generated")
    center, deviation = ours.mean(axis=0), _deviation(ours)
    ours, theirs = (ours - center) / deviation, (theirs - center) / deviation
    split_seed, classifier_seed = spawn(random_seed, 2)
    limits, largest = by_chance(ours, theirs, n_splits, generator(split_seed))
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
