"""Which components form one cluster: one answer for every draw, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int


def named_by_first(groups: Int[np.ndarray, "draws k"]) -> Int[np.ndarray, "draws k"]:
    """Name every group by its first component, so that equal groupings are equal arrays."""
    return (groups[:, :, None] == groups[:, None, :]).argmax(axis=2)


@dataclass(frozen=True, eq=False)
class Groupings:
    """The components of many draws in groups.

    Attributes
    ----------
    labels : integer array, shape (draws, k)
        The first component of the group that each component is in.
    weights : array, shape (draws, k)
        The weights of the components.
    """

    labels: Int[np.ndarray, "draws k"]
    weights: Float[np.ndarray, "draws k"]

    @cached_property
    def together(self) -> Bool[np.ndarray, "draws k k"]:
        """Whether two components are in one group."""
        return self.labels[:, :, None] == self.labels[:, None, :]

    @cached_property
    def probability(self) -> Float[np.ndarray, "k k"]:
        """Share of the draws in which two components are in one group."""
        return self.together.mean(axis=0)

    def typical(self) -> tuple[Int[np.ndarray, " k"], float]:
        """Return the grouping that is nearest to all draws, and the share of draws that have it.

        Of the groupings that occur, it is the one with the least expected number of pairs of rows
        that it puts together and a draw puts apart, or the other way round (Binder, 1978), each
        component counting with its mean weight; the more frequent one of two that are as near.
        """
        _, first, times = np.unique(self.labels, axis=0, return_index=True, return_counts=True)
        weights = self.weights.mean(axis=0)
        pairs = weights[:, None] * weights
        wrong = np.abs(self.together[first] - self.probability)
        losses = np.round((pairs * wrong).sum(axis=(1, 2)), 12)  # rounding must not decide
        best = np.lexsort((first, -times, losses))[0]
        return self.labels[first[best]], float(times[best] / self.labels.shape[0])

    def n_clusters_probability(self, n_rows: float) -> Float[np.ndarray, " k"]:
        """Return the shares of the draws with 1, 2, ..., k groups that hold a row or more."""
        held = n_rows * (self.together * self.weights[:, None, :]).sum(axis=2)
        k = self.labels.shape[1]
        counted = (self.labels == np.arange(k)) & (held >= 1.0)
        counts = np.maximum(counted.sum(axis=1), 1)
        return np.bincount(counts, minlength=k + 1)[1:] / counts.size
