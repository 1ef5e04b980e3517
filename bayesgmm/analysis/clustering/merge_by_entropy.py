"""Merging of components with uncertain assignments, by entropy (Baudry et al.).

Components are merged one pair at a time, each time with the largest decrease of the entropy

    Ent = -sum_i sum_k t_ik log t_ik,

where t_ik is the probability that row i is in cluster k. It is zero if every assignment is
certain. Merging clusters a and b decreases it by

    sum_i (t_ia + t_ib) log(t_ia + t_ib) - t_ia log t_ia - t_ib log t_ib.

Axes: rows n, components k; levels k, from all components apart to one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.numerics.statistics import responsibilities as responsibilities_of
from bayesgmm.options import expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import COMPONENT

_TINY = np.finfo(float).tiny

_EQUAL = 1e-9
"""In the entropy of all rows: smaller differences count as ties. The smaller two clusters are then
merged first, so that empty components do not keep others apart."""


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
    """Return the breakpoint at which two straight lines fit the points best."""
    places = range(1, x.size - 1)
    return min(places, key=lambda at: _rest(x[: at + 1], y[: at + 1]) + _rest(x[at:], y[at:]))


class _Clusters:
    """The remaining clusters, in the active columns."""

    def __init__(self, responsibilities: np.ndarray) -> None:
        self._columns = np.array(responsibilities.T, order="C")
        self._left = np.ones(self._columns.shape[0], dtype=bool)
        self.own, self.sizes = _x_log_x(self._columns), self._columns.sum(axis=1)
        self._joint = np.zeros((self.own.size, self.own.size))
        for one in range(self.own.size - 1):
            self._fill(one, np.arange(one + 1, self.own.size))

    @property
    def entropy(self) -> float:
        """Entropy of the remaining clusters, at least zero despite rounding."""
        return max(0.0, -float(self.own.sum()))

    def next_pair(self) -> tuple[int, int]:
        """Return the two clusters to merge next, the first one first."""
        a, b = np.nonzero(np.triu(self._left[:, None] & self._left, 1))
        falls = self._joint[a, b] - self.own[a] - self.own[b]
        sizes = np.where(falls >= falls.max() - _EQUAL, self.sizes[a] + self.sizes[b], np.inf)
        best = sizes.argmin()
        return int(a[best]), int(b[best])

    def merge(self, a: int, b: int) -> None:
        """Merge two clusters, under the name of the first."""
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
    """Return the residual sum of squares of a straight line."""
    x, y = x - x.mean(), y - y.mean()
    spread = x @ x
    return float(y @ y - (x @ y) ** 2 / spread if spread > 0 else y @ y)


N_LEFT, MERGE, SIDE = "n_left", "merge", "side"

_MOST_ROWS = 2_000
"""Enough rows to find components with uncertain assignments; more would only cost time."""


@dataclass(frozen=True)
class EntropyMerging:
    """Merge components with uncertain assignments between them.

    Step by step, the two clusters are merged that decrease the entropy of the allocations,
    -sum_i sum_k t_ik log t_ik, most (Baudry et al., 2010). Of all levels from k clusters to one,
    the requested number is taken, or that at the elbow of the entropy: the entropy as a function of
    the cumulative number of merged rows is fitted by two straight lines with one common point, and
    the common point of the best such fit is the elbow. The number of rows is the expected one. With
    more than 2000 rows, 2000 at equal distances are used.

    It uses the assignments of rows, not the shape of the density, so it separates clusters that
    cross, which :class:`RidgelineMerging` merges. The hierarchy is valid for every number of
    clusters; the elbow is a heuristic. It lies between 2 and k - 1 clusters by construction: it
    cannot find that all rows are one cluster, nor that nothing should be merged, and for
    well-separated components entropies are near zero and their elbow is meaningless.

    Parameters
    ----------
    n_clusters : int, optional
        The number of clusters; by default that at the elbow, determined separately in each draw.

    Raises
    ------
    SpecificationError
        If ``n_clusters`` is not a whole number of at least 1. When it is used: if it is above
        the number of components, or not given for two components, which have no elbow.

    References
    ----------
    Baudry, J.-P., Raftery, A. E., Celeux, G., Lo, K. and Gottardo, R. (2010). Combining mixture
    components for clustering. Journal of Computational and Graphical Statistics 19, 332-353.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.EntropyMerging(n_clusters=2)
    EntropyMerging(n_clusters=2)
    """

    n_clusters: int | None = None

    def __post_init__(self) -> None:
        if self.n_clusters is not None:
            expect_whole(self, "n_clusters")

    def groups(self, rows: RowsInMemory, draws: MixtureParameters) -> Int[np.ndarray, "draws k"]:
        """Return the cluster of every component in every draw."""
        self._expect_components(draws.n_components)
        some = rows.evenly(_MOST_ROWS)
        groups = np.empty(draws.weights.shape, dtype=np.int64)

        def merge(number: int) -> None:
            table = responsibilities_of(some, draws.draw((number,)))
            groups[number] = hierarchy(table).cut(self.n_clusters)

        for_each(groups.shape[0], merge)
        return groups

    def figures(
        self, responsibilities: Float[np.ndarray, "n k"], names: np.ndarray
    ) -> dict[str, xr.DataArray]:
        """Return the hierarchy at the posterior mean responsibilities of the rows of the fit."""
        found, k = hierarchy(responsibilities), names.size
        level, merge = np.arange(k, 0, -1), np.arange(1, k)
        by_level = {N_LEFT: level}
        return {
            "entropy": xr.DataArray(found.entropy, by_level, N_LEFT),
            "merged_rows": xr.DataArray(found.merged_rows, by_level, N_LEFT),
            "hierarchy": xr.DataArray(
                names[found.labels], {**by_level, COMPONENT: names}, (N_LEFT, COMPONENT)
            ),
            "merged": xr.DataArray(names[found.merged], {MERGE: merge}, (MERGE, SIDE)),
        }

    def _expect_components(self, k: int) -> None:
        if self.n_clusters is None and k == 2:
            raise SpecificationError(
                "EntropyMerging: with two components there is no elbow; give n_clusters, or use "
                "RidgelineMerging(), which needs no number."
            )
        if self.n_clusters is not None and self.n_clusters > k:
            raise SpecificationError(
                f"EntropyMerging: n_clusters must be at most the number of components, {k}, "
                f"not {self.n_clusters}."
            )
