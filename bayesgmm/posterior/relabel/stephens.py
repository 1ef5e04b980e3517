"""Stephens' relabelling: responsibilities of all draws as close to their mean as can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from bayesgmm.posterior.fit import Fit
from bayesgmm.posterior.relabel.assignment import assign
from bayesgmm.posterior.relabel.ecr import mean_responsibilities
from bayesgmm.posterior.relabel.permute import Permutations, named_as_pivot
from bayesgmm.posterior.relabel.rows import RowsInDraws

_MOST_ITERATIONS = 100
_LEAST = 1e-12  # stands for a responsibility of zero, whose logarithm is infinite


@dataclass(frozen=True)
class Stephens:
    """Match draws by the Kullback-Leibler divergence of their responsibilities.

    In turn, until no permutation changes, every draw gets the permutation that brings its
    responsibilities p closest to q, in sum_ik p_ik log(p_ik / q_ik), and q becomes the mean of
    the relabelled p (Stephens, 2000, algorithm 2). It begins with the permutations that
    :class:`ECR` takes.

    Where rows belong to several components it sees by how much, which an allocation does not.
    Rows are looked at as by ECR, and fewer where responsibilities would need more than 160 MB.

    References
    ----------
    Stephens, M. (2000). Dealing with label switching in mixture models. Journal of the Royal
    Statistical Society, Series B 62, 795-809.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Stephens()
    Stephens()
    """

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(fit, keeps_all=True)
        orders = assign(rows.disagreement(rows.pivot_labels), rows.groups).orders
        entropies = _entropies(rows.responsibilities)
        for _ in range(_MOST_ITERATIONS):
            q = mean_responsibilities(rows, orders)
            found = assign(divergences(rows.responsibilities, q, entropies), rows.groups)
            if np.array_equal(found.orders, orders):
                break
            orders = found.orders
        return Permutations.of(named_as_pivot(found, rows), rows, method=repr(self))


def divergences(
    tables: Float[np.ndarray, "draws n k"],
    q: Float[np.ndarray, "n k"],
    entropies: Float[np.ndarray, "draws k"],
) -> Float[np.ndarray, "draws k k"]:
    """Return sum_i p_il log(p_il / q_ij) + q_ij - p_il for component l in place j of every draw.

    The last two terms, which cancel in the sum over a permutation, keep every entry from being
    negative.
    """
    crossed = np.swapaxes(np.matmul(np.swapaxes(tables, 1, 2), np.log(q + _LEAST)), 1, 2)
    sizes = tables.sum(axis=1)[:, None, :] - q.sum(axis=0)[:, None]
    return np.maximum(entropies[:, None, :] - crossed - sizes, 0.0)


def _entropies(tables: Float[np.ndarray, "draws n k"]) -> Float[np.ndarray, "draws k"]:
    """Return sum_i p_il log p_il for every component of every draw."""
    return np.stack([xlogy(table, table).sum(axis=0) for table in tables])
