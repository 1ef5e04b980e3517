"""The rows of a table under every draw, for relabeling by rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import each_mixture, responsibilities
from bayesgmm.parameters import MixtureParameters
from bayesgmm.tree.fit import Fit

_MOST_ROWS = 2_000
"""Enough rows to distinguish components; more would only cost time."""

_MOST_NUMBERS = 20_000_000  # responsibilities kept at once: 160 MB


@dataclass(frozen=True, eq=False)
class RowsInDraws:
    """Rows of a table under every draw, chain after chain.

    Attributes
    ----------
    X : Rows
        The rows that are looked at.
    draws : MixtureParameters
        Batch axes chain and draw.
    pivot : MixtureParameters
        The point estimate.
    keeps_all : bool
        Whether the responsibilities in all draws fit in memory.
    groups : integer array, shape (k,)
        Groups of exchangeable components, see ``numerics/exchangeability.py``.
    """

    X: Rows
    draws: MixtureParameters
    pivot: MixtureParameters
    keeps_all: bool
    groups: Int[np.ndarray, " k"]

    @classmethod
    def of(cls, fit: Fit, *, keeps_all: bool = False) -> RowsInDraws:
        """Use at most 2000 of the fitted rows, at equal distances.

        With ``keeps_all``, few enough that their responsibilities in all draws fit in 160 MB.
        """
        data, draws = fit.data, fit.draws
        most = _MOST_ROWS
        if keeps_all:
            most = max(1, min(most, _MOST_NUMBERS // draws.weights.size))
        return cls(data.fitted.evenly(most).rows, draws, fit.mode, keeps_all, fit.groups)

    @property
    def n_draws(self) -> int:
        """Number of draws in all chains."""
        return int(np.prod(self.draws.batch_shape))

    @cached_property
    def pivot_labels(self) -> Int[np.ndarray, " n"]:
        """The most probable component of every row at the point estimate."""
        return responsibilities(self.X, self.pivot).argmax(axis=1)

    @cached_property
    def labels(self) -> Int[np.ndarray, "draws n"]:
        """The most probable component of every row in every draw."""
        if self.keeps_all:
            return self.responsibilities.argmax(axis=2)
        labels = np.empty((self.n_draws, self.X.n_rows), dtype=np.int64)
        for number, (_, mixture) in enumerate(each_mixture(self.draws)):
            labels[number] = responsibilities(self.X, mixture).argmax(axis=1)
        return labels

    @cached_property
    def responsibilities(self) -> Float[np.ndarray, "draws n k"]:
        """The probability of every component for every row in every draw."""
        table = np.empty((self.n_draws, self.X.n_rows, self.draws.n_components))
        for number, (_, mixture) in enumerate(each_mixture(self.draws)):
            table[number] = responsibilities(self.X, mixture)
        return table

    def disagreement(self, pivot_labels: Int[np.ndarray, " n"]) -> Float[np.ndarray, "draws k k"]:
        """Count, for each draw, the rows with label j in the pivot that are not in component l."""
        size, n_draws = self.draws.n_components, self.n_draws
        cells = pivot_labels * size + self.labels + np.arange(n_draws)[:, None] * size**2
        shared = np.bincount(cells.ravel(), minlength=n_draws * size**2)
        of_label = np.bincount(pivot_labels, minlength=size)
        return of_label[:, None] - shared.reshape(n_draws, size, size).astype(float)
