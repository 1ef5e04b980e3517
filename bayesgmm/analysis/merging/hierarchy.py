"""Components merged two by two, the entropy of the allocations falling all the way.

Ent = -sum_i sum_k t_ik log t_ik, t_ik being the probability that row i is in cluster k, is zero
where every row is sure of its cluster. Where clusters a and b become one it falls by

    sum_i (t_ia + t_ib) log(t_ia + t_ib) - t_ia log t_ia - t_ib log t_ib.

Axes: rows n, components k; levels k, from all components apart to one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

_TINY = np.finfo(float).tiny

_EQUAL = 1e-9
"""In the entropy of all rows: falls that differ by less count as equal. The smaller two clusters
are merged first then, so that empty components do not keep others apart."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """All levels, from k clusters to one.

    Attributes
    ----------
    labels : integer array, shape (k, k)
        The cluster of each component at each level, named by its first component.
    entropy : array, shape (k,)
        The entropy at each level.
    merged_rows : array, shape (k,)
        Expected number of rows in the two clusters that were merged, added up from the first
        level; a row that is merged twice counts twice.
    merged : integer array, shape (k - 1, 2)
        The names of the two clusters that become one after each level but the last.
    """

    labels: Int[np.ndarray, "k k"]
    entropy: Float[np.ndarray, " k"]
    merged_rows: Float[np.ndarray, " k"]
    merged: Int[np.ndarray, "merges 2"]

    def cut(self, n_clusters: int | None) -> Int[np.ndarray, " k"]:
        """Return the clusters at the level with so many, or at the elbow."""
        k = self.entropy.size
        if n_clusters is None and k > 1:
            return self.labels[elbow(self.merged_rows, self.entropy)]
        return self.labels[k - (n_clusters or 1)]


def hierarchy(responsibilities: Float[np.ndarray, "n k"]) -> Hierarchy:
    """Merge at each level the two clusters whose merging lowers the entropy most."""
    clusters = _Clusters(responsibilities)
    k = responsibilities.shape[1]
    labels = [np.arange(k)]
    entropy, merged_rows, merged = [clusters.entropy], [0.0], []
    for _ in range(k - 1):
        a, b = clusters.next_pair()
        merged_rows.append(merged_rows[-1] + clusters.sizes[a] + clusters.sizes[b])
        clusters.merge(a, b)
        labels.append(np.where(labels[-1] == b, a, labels[-1]))
        merged.append((a, b))
        entropy.append(clusters.entropy)
    pairs = np.array(merged, dtype=np.int64).reshape(-1, 2)
    return Hierarchy(np.stack(labels), np.array(entropy), np.array(merged_rows), pairs)


def elbow(x: Float[np.ndarray, " k"], y: Float[np.ndarray, " k"]) -> int:
    """Return the place at which two straight lines that share it fit the points best."""
    places = range(1, x.size - 1)
    return min(places, key=lambda at: _rest(x[: at + 1], y[: at + 1]) + _rest(x[at:], y[at:]))


class _Clusters:
    """The clusters that are left, in the columns that still count."""

    def __init__(self, responsibilities: np.ndarray) -> None:
        self._columns = np.array(responsibilities.T, order="C")
        self._left = np.ones(self._columns.shape[0], dtype=bool)
        self.own, self.sizes = _x_log_x(self._columns), self._columns.sum(axis=1)
        self._joint = np.zeros((self.own.size, self.own.size))
        for one in range(self.own.size - 1):
            self._fill(one, np.arange(one + 1, self.own.size))

    @property
    def entropy(self) -> float:
        """Entropy of the clusters that are left; rounding may not make it negative."""
        return max(0.0, -float(self.own.sum()))

    def next_pair(self) -> tuple[int, int]:
        """Return the two clusters to merge next, the first one first."""
        a, b = np.nonzero(np.triu(self._left[:, None] & self._left, 1))
        falls = self._joint[a, b] - self.own[a] - self.own[b]
        sizes = np.where(falls >= falls.max() - _EQUAL, self.sizes[a] + self.sizes[b], np.inf)
        best = sizes.argmin()
        return int(a[best]), int(b[best])

    def merge(self, a: int, b: int) -> None:
        """Make one cluster of two, under the name of the first."""
        self._columns[a] += self._columns[b]
        self.own[a], self.own[b] = self._joint[a, b], 0.0
        self.sizes[a] += self.sizes[b]
        self._left[b] = False
        others = np.flatnonzero(self._left)
        self._fill(a, others[others != a])

    def _fill(self, one: int, others: np.ndarray) -> None:
        joint = _x_log_x(self._columns[others] + self._columns[one])
        self._joint[one, others] = self._joint[others, one] = joint


def _x_log_x(columns: Float[np.ndarray, "some n"]) -> Float[np.ndarray, " some"]:
    """Sum t log t over rows; zero at zero."""
    return np.einsum("kn,kn->k", columns, np.log(np.maximum(columns, _TINY)))


def _rest(x: np.ndarray, y: np.ndarray) -> float:
    """Return the sum of squares that a straight line leaves."""
    x, y = x - x.mean(), y - y.mean()
    spread = x @ x
    return float(y @ y - (x @ y) ** 2 / spread if spread > 0 else y @ y)
