"""Ways of relabelling that look at the parameters of the components alone."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy.cluster.vq import kmeans2

from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.relabel.assignment import Assignments, assign
from bayesgmm.posterior.relabel.permute import Permutations, named_as_pivot
from bayesgmm.posterior.relabel.rows import RowsInDraws

_ITERATIONS = 30


@dataclass(frozen=True)
class PRA:
    """Match the parameters of every draw to those of the posterior mode (pivotal reordering).

    A component is a point: its weight, means and log scales, each standardised over the draws.
    Of all permutations the one with the largest scalar product with the points of the mode is
    taken, which is the one at the smallest Euclidean distance.

    References
    ----------
    Marin, J.-M., Mengersen, K. and Robert, C. P. (2005). Bayesian modelling and inference on
    mixtures of distributions. Handbook of Statistics 25, 459-507.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.PRA()
    PRA()
    """

    def permutations(self, tree: xr.DataTree) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(tree)
        points, pivot = _points(rows, with_weights=True)
        found = assign(_squared_distances(points, pivot), rows.groups)
        return Permutations.of(found, rows, method=repr(self))


@dataclass(frozen=True)
class PointProcess:
    """Cluster the components of all draws (point-process representation).

    All components of all draws are points, their means and log scales, each standardised. K-means
    from the components of the posterior mode makes k clusters of them, and a component is named
    after its cluster. Draws two of whose components fall into one cluster have no such naming:
    Fruehwirth-Schnatter (2006) leaves them out, here they get the permutation closest to the
    centres and a margin of zero. Their share, the non-permutation rate, is in
    ``tree["relabelling"].attrs``: well above zero, there are too many components, or they overlap
    too much to be named.

    References
    ----------
    Fruehwirth-Schnatter, S. (2006). Finite Mixture and Markov Switching Models. Springer, section
    3.7.7.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.PointProcess()
    PointProcess()
    """

    def permutations(self, tree: xr.DataTree) -> Permutations:
        """Return, for every chain and draw, the draw's component that takes each place."""
        rows = RowsInDraws.of(tree)
        points, pivot = _points(rows, with_weights=False)
        n_draws, size, _ = points.shape
        flat = points.reshape(n_draws * size, -1)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One of the clusters is empty")  # it stays in place
            centres, clusters = kmeans2(flat, pivot, iter=_ITERATIONS, minit="matrix")
        found = assign(_squared_distances(points, centres), rows.groups)
        named = _is_permutation(clusters.reshape(n_draws, size))
        # The closest permutation of a draw that has one is that of its clusters.
        found = Assignments(found.orders, found.costs, np.where(named, found.margins, 0.0))
        rate = 1.0 - float(named.mean())
        named_alike = named_as_pivot(found, rows)
        return Permutations.of(named_alike, rows, method=repr(self), non_permutation_rate=rate)


def _is_permutation(clusters: Int[np.ndarray, "draws k"]) -> np.ndarray:
    return np.all(np.sort(clusters, axis=1) == np.arange(clusters.shape[1]), axis=1)


def _squared_distances(
    points: Float[np.ndarray, "draws k p"], centres: Float[np.ndarray, "k p"]
) -> Float[np.ndarray, "draws k k"]:
    """Squared distance of component l of a draw from the centre of place j."""
    return ((centres[:, None, :] - points[:, None, :, :]) ** 2).sum(axis=-1)


def _points(
    rows: RowsInDraws, *, with_weights: bool
) -> tuple[Float[np.ndarray, "draws k p"], Float[np.ndarray, "k p"]]:
    """Return the components of all draws and of the point estimate as standardised points."""
    draws, pivot = (_coordinates(each, with_weights) for each in (rows.draws, rows.pivot))
    points = draws.reshape(rows.n_draws, *draws.shape[-2:])
    centre, spread = points.mean(axis=(0, 1)), points.std(axis=(0, 1))
    spread = np.where(spread > 0, spread, 1.0)  # a coordinate that is the same everywhere
    return (points - centre) / spread, (pivot - centre) / spread


def _coordinates(parameters: MixtureParameters, with_weights: bool) -> np.ndarray:
    parts = [parameters.means, np.log(parameters.scales)]
    if with_weights:
        parts.insert(0, parameters.weights[..., None])
    return np.concatenate(parts, axis=-1)
