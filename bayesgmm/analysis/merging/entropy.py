"""Clusters as sets of rows that are sure of their place: components merge where rows waver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from bayesgmm.analysis.merging.hierarchy import hierarchy
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.annotated_rows import Rows, some_rows
from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.statistics import responsibilities as responsibilities_of
from bayesgmm.options import expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.schema import COMPONENT

N_LEFT, MERGE, SIDE = "n_left", "merge", "side"

_MOST_ROWS = 2_000
"""Enough to see which components rows waver between; more would only cost time."""


@dataclass(frozen=True)
class EntropyMerging:
    """A cluster is where rows are sure of their place: those who share rows merge.

    One after another, the two clusters merge whose merging lowers the entropy of the allocations,
    -sum_i sum_k t_ik log t_ik, most (Baudry et al., 2010). Of all levels from k clusters to one,
    the asked number is taken, or that at the elbow of the entropy: entropy over the number of
    rows that merges have concerned so far is fitted by two straight lines with one point in
    common, and the common point of the best such fit is the elbow. The number of rows is the
    expected one. With more than 2000 rows, 2000 at equal distances are looked at.

    It follows the rows, not the form of the density, and so it parts clusters that cross, of
    which :class:`RidgelineMerging` makes one. The hierarchy is sound for every number of clusters;
    the elbow is a rule of thumb. It lies between 2 and k - 1 clusters by construction: it never
    finds that all rows are one cluster, nor that nothing should be merged, and where components
    stand apart entropies are near zero and their elbow says nothing.

    Parameters
    ----------
    n_clusters : int, optional
        The number of clusters; by default that at the elbow, in every draw anew.

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

    def groups(self, rows: Rows, draws: MixtureParameters) -> Int[np.ndarray, "draws k"]:
        """Return the cluster of every component in every draw."""
        self._expect_components(draws.n_components)
        some = some_rows(rows, _MOST_ROWS)
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
                "EntropyMerging: two components have no elbow; give n_clusters, or use "
                "RidgelineMerging(), which needs none."
            )
        if self.n_clusters is not None and self.n_clusters > k:
            raise SpecificationError(
                f"EntropyMerging: n_clusters must be at most the number of components, {k}, "
                f"not {self.n_clusters}."
            )
