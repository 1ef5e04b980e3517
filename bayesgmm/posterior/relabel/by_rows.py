"""Relabeling methods that use the allocations or responsibilities of the rows.

Equivalence classes representatives (ECR): every draw is matched to one pivot allocation. Two draws
that differ by a permutation of the labels describe the same mixture. Of all permutations of a draw,
the method takes the one whose allocation of the rows agrees most with that of a pivot: the
posterior mode, or an allocation found from the draws themselves.

Stephens' relabeling brings the responsibilities of all draws as close as possible to their mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from scipy.special import xlogy

from bayesgmm.options import expect_member
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.relabel.assignment import Assignments, assign
from bayesgmm.posterior.relabel.permute import Permutations, named_as_pivot
from bayesgmm.posterior.relabel.rows import RowsInDraws
from bayesgmm.tree.fit import Fit

Version = Literal[1, 2]

_MOST_ITERATIONS = 100


@dataclass(frozen=True)
class ECR:
    """Match every draw's allocation of the rows to that of the posterior mode.

    Rows are assigned to their most probable component. The cost of giving label k of the pivot
    to component l of a draw is the number of rows in k that are not in l, and an optimal
    assignment minimizes its sum. Where components are empty, ties are broken by the distance of
    the means. With more than 2000 rows, 2000 of them at equal distances are used.

    References
    ----------
    Papastamoulis, P. and Iliopoulos, G. (2010). An artificial allocations based solution to the
    label switching problem in Bayesian analysis of mixtures of distributions. Journal of
    Computational and Graphical Statistics 19, 313-331.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.ECR()
    ECR()
    """

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(fit)
        found = _match(rows, rows.pivot_labels, _distances(rows.draws, rows.pivot))
        return Permutations.of(found, rows, method=repr(self))


@dataclass(frozen=True)
class IterativeECR:
    """Match every draw to a pivot allocation that is itself found from the relabeled draws.

    It begins with the allocation of the posterior mode and, until nothing changes, relabels all
    draws and makes a new pivot of them: version 1 gives every row the label that most relabeled
    draws give it, version 2 the label of its largest mean responsibility. The result does not
    depend on the mode being a typical allocation, as that of :class:`ECR` does. Rows are chosen
    as there; version 2 uses fewer if responsibilities would need more than 160 MB.

    Parameters
    ----------
    version : 1 or 2, default 1

    Raises
    ------
    SpecificationError
        If ``version`` is neither.

    References
    ----------
    Rodriguez, C. E. and Walker, S. G. (2014). Label switching in Bayesian mixture models:
    deterministic relabeling strategies. Journal of Computational and Graphical Statistics 23,
    25-45.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.IterativeECR(version=2)
    IterativeECR(version=2)
    """

    version: Version = 1

    def __post_init__(self) -> None:
        expect_member(self, "version", get_args(Version))

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(fit, keeps_all=self.version == 2)
        pivot, distances = rows.pivot_labels, _distances(rows.draws, rows.pivot)
        found = _match(rows, pivot, distances)
        for _ in range(_MOST_ITERATIONS):
            better = self._pivot_of(rows, found.orders)
            if np.array_equal(better, pivot):
                break
            pivot = better
            found = _match(rows, pivot, distances)
        return Permutations.of(named_as_pivot(found, rows), rows, method=repr(self))

    def _pivot_of(
        self, rows: RowsInDraws, orders: Int[np.ndarray, "draws k"]
    ) -> Int[np.ndarray, " n"]:
        if self.version == 1:
            places = np.take_along_axis(np.argsort(orders, axis=1), rows.labels, axis=1)
            votes = [(places == place).sum(axis=0) for place in range(orders.shape[1])]
            return np.argmax(votes, axis=0)
        return mean_responsibilities(rows, orders).argmax(axis=1)


def mean_responsibilities(
    rows: RowsInDraws, orders: Int[np.ndarray, "draws k"]
) -> Float[np.ndarray, "n k"]:
    """Return the mean over relabeled draws of the probability of every component."""
    total = np.zeros(rows.responsibilities.shape[1:])
    for table, order in zip(rows.responsibilities, orders, strict=True):
        total += table[:, order]
    return total / orders.shape[0]


def _match(
    rows: RowsInDraws, pivot_labels: Int[np.ndarray, " n"], distances: np.ndarray
) -> Assignments:
    """Assign components to the labels of a pivot; costs are fractions of the rows."""
    costs = rows.disagreement(pivot_labels) + distances
    return assign(costs / rows.X.n_rows, rows.groups)


def _distances(
    draws: MixtureParameters, pivot: MixtureParameters
) -> Float[np.ndarray, "draws k k"]:
    """Distances of means, too small in sum to outweigh one row; they decide ties only."""
    distances = pivot.means[:, None, :] - draws.means[..., None, :, :]
    squared = np.mean((distances / pivot.scales[:, None, :]) ** 2, axis=-1)
    of_draws = squared.reshape(-1, *squared.shape[-2:])
    return 0.5 * of_draws / (1.0 + of_draws) / pivot.n_components


_LEAST = 1e-12  # stands for a responsibility of zero, whose logarithm is infinite


@dataclass(frozen=True)
class Stephens:
    """Match draws by the Kullback-Leibler divergence of their responsibilities.

    In turn, until no permutation changes, every draw gets the permutation that brings its
    responsibilities p closest to q, in sum_ik p_ik log(p_ik / q_ik), and q becomes the mean of
    the relabeled p (Stephens, 2000, algorithm 2). It begins with the permutations that
    :class:`ECR` takes.

    Unlike an allocation, it uses the responsibilities of rows with uncertain assignments.
    Rows are chosen as by ECR, and fewer if responsibilities would need more than 160 MB.

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
