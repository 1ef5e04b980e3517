"""How far two samples are apart: feature by feature, in correlations, as a whole, row by row.

Axes: rows n of one sample and m of the other, features d.

References
----------
Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. International Conference
on Learning Representations.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.stats import wasserstein_distance


def wasserstein(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, " d"]:
    """Return the area between the distribution functions of each pair of columns."""
    return np.array([wasserstein_distance(*pair) for pair in zip(one.T, other.T, strict=True)])


def correlation_difference(
    one: Float[np.ndarray, "n d"], other: Float[np.ndarray, "m d"]
) -> Float[np.ndarray, "d d"]:
    """Return by how much the correlations of the second are above those of the first.

    A column that does not vary has no correlations; they count as zero.
    """
    return _correlations(other) - _correlations(one)


def _correlations(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d d"]:
    centred = rows - rows.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1.0)
    return unit.T @ unit


def by_chance(
    one: Float[np.ndarray, "n d"],
    other: Float[np.ndarray, "m d"],
    splits: int,
    rng: np.random.Generator,
) -> tuple[Float[np.ndarray, " d"], float]:
    """Return what both distances exceed in one split of 20, if rows change samples at random.

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
    """Return how well a classifier tells the samples apart, and the error of that by chance.

    The area under the receiver operating characteristic: the probability that of two rows, one
    of each sample, it gives the right one the higher score. It learns from half of the rows, and
    the others judge it, so that given what it has learnt the area is that of Mann and Whitney,
    with variance (n + m + 1) / (12 n m) if the samples are alike. It looks at the sqrt(N) nearest
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
    """Return how far each row is from the nearest other one."""
    distances, _ = cKDTree(rows).query(rows, k=2)
    return distances[:, 1]


def nearest(
    rows: Float[np.ndarray, "m d"], among: Float[np.ndarray, "n d"]
) -> Float[np.ndarray, " m"]:
    """Return how far each row is from the nearest one of another sample."""
    distances, _ = cKDTree(among).query(rows)
    return distances
