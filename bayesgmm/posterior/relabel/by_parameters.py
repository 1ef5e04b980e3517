"""Relabeling methods that use the parameters of the components only.

Axes: draws, components of a draw or places k, coordinates of a component p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.posterior.relabel.assignment import Assignments, assign
from bayesgmm.posterior.relabel.permute import Permutations, named_as_pivot
from bayesgmm.posterior.relabel.rows import RowsInDraws
from bayesgmm.tree.fit import Fit

_MOST_ITERATIONS = 100
_LARGEST_CORRELATION = 1.0 - 1e-12  # its Fisher transform is finite


@dataclass(frozen=True)
class PRA:
    """Match the parameters of every draw to those of the posterior mode (pivotal reordering).

    A component is a point: its weight, means, log scales and Fisher-transformed correlations. Of
    all permutations the one at the smallest squared distance from the points of the mode is taken.
    Each coordinate is divided by its posterior standard deviation within a component, so that
    coordinates in which the components differ dominate, whatever their units. These standard
    deviations come from the relabeled draws and one more that has the standard errors of the mode;
    draws are relabeled until they no longer change.

    The original method takes the largest scalar product in the units of the parameters, where a
    feature with large values dominates.

    References
    ----------
    Marin, J.-M., Mengersen, K. and Robert, C. P. (2005). Bayesian modeling and inference on
    mixtures of distributions. Handbook of Statistics 25, 459-507.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.PRA()
    PRA()
    """

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(fit)
        found = _matched_to_pivot(_Points.of(rows, with_weights=True), rows.groups)
        return Permutations.of(found, rows, method=repr(self))


@dataclass(frozen=True)
class PointProcess:
    """Cluster the components of all draws (point-process representation).

    All components of all draws are points: their means, log scales and Fisher-transformed
    correlations. They are clustered regardless of their draws. Every cluster
    has a center and a standard deviation of each coordinate; both are updated in turn with the
    members (classification EM), from a matching to the posterior mode as in :class:`PRA`. A
    component gets the label of its cluster. Draws with two components in the same cluster have
    no such labeling: Fruehwirth-Schnatter (2006) leaves them out, here they get the permutation
    closest to the centers and a margin of zero. Their fraction, the non-permutation rate, is in
    ``tree["relabeling"].attrs``: well above zero, there are too many components, or they overlap
    too much to be identified.

    References
    ----------
    Fruehwirth-Schnatter, S. (2006). Finite Mixture and Markov Switching Models. Springer, section
    3.7.7.

    Malsiner-Walli, G., Fruehwirth-Schnatter, S. and Gruen, B. (2016). Model-based clustering based
    on sparse finite Gaussian mixtures. Statistics and Computing 26, 303-324.

    Celeux, G. and Govaert, G. (1992). A classification EM algorithm for clustering and two
    stochastic versions. Computational Statistics and Data Analysis 14, 315-332.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.PointProcess()
    PointProcess()
    """

    def permutations(self, fit: Fit) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(fit)
        points = _Points.of(rows, with_weights=False)
        places = np.argsort(_matched_to_pivot(points, rows.groups).orders, axis=1)
        centers = points.pivot
        for _ in range(_MOST_ITERATIONS):
            centers, spreads = points.moments(places, centers)
            distances = points.squared_distances(centers, spreads)
            nearest = (distances + 2.0 * np.log(spreads).sum(axis=1)[:, None]).argmin(axis=1)
            if np.array_equal(nearest, places):
                break
            places = nearest
        found = assign(distances, rows.groups)
        named = np.all(np.sort(nearest, axis=1) == np.arange(nearest.shape[1]), axis=1)
        # The closest permutation of a draw that has one is that of its clusters.
        found = Assignments(found.orders, found.costs, np.where(named, found.margins, 0.0))
        rate = 1.0 - float(named.mean())
        return Permutations.of(
            named_as_pivot(found, rows), rows, method=repr(self), non_permutation_rate=rate
        )


@dataclass(frozen=True, eq=False)
class _Points:
    """The components of all draws and of the point estimate as points.

    ``errors`` are standard errors of the coordinates at the point estimate if the component of
    every row were known. They count as one more draw, so that no spread is zero, however few draws
    there are.
    """

    draws: Float[np.ndarray, "draws k p"]
    pivot: Float[np.ndarray, "k p"]
    errors: Float[np.ndarray, "k p"]

    @classmethod
    def of(cls, rows: RowsInDraws, *, with_weights: bool) -> _Points:
        first = 0 if with_weights else 1
        draws, pivot = _coordinates(rows.draws), _coordinates(rows.pivot)
        errors = _standard_errors(rows.pivot, rows.X.n_rows)
        draws = draws.reshape(rows.n_draws, *pivot.shape)
        return cls(draws[..., first:], pivot[:, first:], errors[:, first:])

    def squared_distances(
        self, centers: Float[np.ndarray, "k p"], spreads: Float[np.ndarray, "k p"]
    ) -> Float[np.ndarray, "draws k k"]:
        """Return the squared distance of component l of a draw from the center of place j."""
        places = zip(centers, spreads, strict=True)
        distances = [(((self.draws - each) / spread) ** 2).sum(axis=-1) for each, spread in places]
        return np.stack(distances, axis=1)

    def spreads_around(
        self, centers: Float[np.ndarray, "k p"], places: Int[np.ndarray, "draws k"]
    ) -> Float[np.ndarray, "k p"]:
        """Return the standard deviations of the components that take each place."""
        squares = self.errors**2
        counts = np.ones(len(squares))
        np.add.at(squares, places, (self.draws - centers[places]) ** 2)
        np.add.at(counts, places, 1.0)
        return np.sqrt(squares / counts[:, None])

    def moments(
        self, places: Int[np.ndarray, "draws k"], centers: Float[np.ndarray, "k p"]
    ) -> tuple[Float[np.ndarray, "k p"], Float[np.ndarray, "k p"]]:
        """Return centers and standard deviations of clusters; an empty one keeps its center."""
        totals, counts = np.zeros_like(centers), np.zeros(len(centers))
        np.add.at(totals, places, self.draws)
        np.add.at(counts, places, 1.0)
        filled = counts[:, None] > 0
        centers = np.where(filled, totals / np.maximum(counts, 1.0)[:, None], centers)
        return centers, self.spreads_around(centers, places)


def _matched_to_pivot(points: _Points, groups: Int[np.ndarray, " k"]) -> Assignments:
    """Match draws to the point estimate, and measure spreads, in turn."""
    spreads, orders = points.errors, None
    for _ in range(_MOST_ITERATIONS):
        found = assign(points.squared_distances(points.pivot, spreads), groups)
        if orders is not None and np.array_equal(found.orders, orders):
            break
        orders = found.orders
        spreads = points.spreads_around(points.pivot, np.argsort(orders, axis=1))
    return found


def _coordinates(parameters: MixtureParameters) -> Float[np.ndarray, "*batch k p"]:
    parts = [parameters.weights[..., None], parameters.means, np.log(parameters.scales)]
    if isinstance(parameters.correlations, FactoredCorrelations):
        parts.append(np.log(parameters.correlations.uniquenesses))
    elif parameters.correlations is not None:
        pairs = parameters.correlations[..., *np.tril_indices(parameters.n_features, -1)]
        parts.append(np.arctanh(np.clip(pairs, -_LARGEST_CORRELATION, _LARGEST_CORRELATION)))
    return np.concatenate(parts, axis=-1)


def _standard_errors(pivot: MixtureParameters, n_rows: int) -> Float[np.ndarray, "k p"]:
    """Return the standard errors of the coordinates, of a component with the rows of its weight."""
    weights, d = pivot.weights[:, None], pivot.n_features
    counts = n_rows * weights + 1.0  # of an empty component, too, errors are finite
    rest = n_rows * (1.0 - weights) + 1.0
    parts = [np.sqrt(counts * rest / (n_rows + 2.0)) / n_rows, pivot.scales / np.sqrt(counts)]
    parts.append(np.ones_like(pivot.scales) / np.sqrt(2.0 * counts))
    if isinstance(pivot.correlations, FactoredCorrelations):
        parts.append(np.full(pivot.scales.shape, np.sqrt(2.0)) / np.sqrt(counts))
    elif pivot.correlations is not None:
        parts.append(np.ones((pivot.n_components, d * (d - 1) // 2)) / np.sqrt(counts))
    return np.concatenate(parts, axis=-1)
