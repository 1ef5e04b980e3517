"""Merging of components into clusters, with the posterior probability of each merge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from bayesgmm.analysis.clustering.cluster import expected_responsibilities
from bayesgmm.analysis.clustering.merge_by_ridgeline import RidgelineMerging
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.options import expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import COMPONENT, COMPONENT_BIS, ROW
from bayesgmm.tree.fit import Fit, Fitted


def named_by_first(groups: Int[np.ndarray, "draws k"]) -> Int[np.ndarray, "draws k"]:
    """Name every group by its first component, so that equal groupings are equal arrays."""
    return (groups[:, :, None] == groups[:, None, :]).argmax(axis=2)


@dataclass(frozen=True, eq=False)
class Groupings:
    """Groupings of the components, one for each draw.

    Attributes
    ----------
    labels : integer array, shape (draws, k)
        The first component of the group of each component.
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
        """Fraction of the draws in which two components are in one group."""
        return self.together.mean(axis=0)

    def typical(self) -> tuple[Int[np.ndarray, " k"], float]:
        """Return the grouping with the smallest expected Binder loss, and its frequency.

        Of the groupings that occur, it is the one with the smallest expected number of pairs of
        rows that are together in one of it and a draw only (Binder, 1978), each component weighted
        by its mean weight; ties are resolved in favor of the more frequent grouping.
        """
        _, first, times = np.unique(self.labels, axis=0, return_index=True, return_counts=True)
        weights = self.weights.mean(axis=0)
        pairs = weights[:, None] * weights
        wrong = np.abs(self.together[first] - self.probability)
        losses = np.round((pairs * wrong).sum(axis=(1, 2)), 12)  # ties despite rounding
        best = np.lexsort((first, -times, losses))[0]
        return self.labels[first[best]], float(times[best] / self.labels.shape[0])

    def n_clusters_probability(self, n_rows: float) -> Float[np.ndarray, " k"]:
        """Return the fractions of draws with 1, 2, ..., k groups of at least one expected row."""
        held = n_rows * (self.together * self.weights[:, None, :]).sum(axis=2)
        k = self.labels.shape[1]
        counted = (self.labels == np.arange(k)) & (held >= 1.0)
        counts = np.maximum(counted.sum(axis=1), 1)
        return np.bincount(counts, minlength=k + 1)[1:] / counts.size


CLUSTER, N_CLUSTERS = "cluster", "n_clusters"


@runtime_checkable
class Merging(Protocol):
    """A method that merges the components of a mixture into clusters."""

    def groups(self, rows: RowsInMemory, draws: MixtureParameters) -> np.ndarray:
        """Return the cluster of every component in every draw, shape (draws, k)."""

    def figures(self, responsibilities: np.ndarray, names: np.ndarray) -> dict[str, xr.DataArray]:
        """Return further statistics of the method, at the posterior mean responsibilities."""


def merge_components(
    mixture: Fitted,
    method: Merging | None = None,
    *,
    X: Any | None = None,
    max_draws: int = 400,
) -> xr.Dataset:
    """Merge components into clusters, with the posterior probability of each merge.

    A cluster that is not normal takes several components to fit, so components are not clusters
    yet. Components are merged in every relabeled posterior draw separately; the fraction of draws
    in which two are in one cluster is the posterior probability of their merge.

    There are two methods. :class:`RidgelineMerging` merges components that share one mode of the
    density; :class:`EntropyMerging` merges components with uncertain assignments between them. The
    first is the default because it depends on the density only, and because it can find any number
    of clusters; the elbow of the second is a heuristic, and can find neither one cluster nor k. The
    limitations of each are in its documentation.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    method : optional
        ``RidgelineMerging()`` by default, or ``EntropyMerging()``.
    X : table with the features of the fit, optional
        Rows to assign to the clusters; those of the fit by default. The merging does not
        depend on them, unless the fit was made with ``keep_rows=False``, whose rows they replace.
    max_draws : int, default 400
        Approximate number of draws to use, thinned evenly.

    Returns
    -------
    xarray.Dataset
        ``probability`` (component, component_bis), that two components are in one cluster.
        ``grouping`` (component), the cluster of each component under the grouping with the smallest
        expected Binder loss among those that occur: the expected number of pairs of rows that are
        together in only one of it and a draw (Binder, 1978). Clusters are
        numbered by their weight, largest first. ``grouping_probability``, the fraction of draws
        with exactly this grouping, and ``n_clusters_probability`` (n_clusters), of each number of
        clusters; those with less than one expected row do not count.

        ``responsibilities`` (obs_id, cluster), those of :func:`bayesgmm.cluster` added up over
        the components of a cluster; ``label`` (obs_id), the most probable cluster, and
        ``certainty`` (obs_id), its probability.

        ``EntropyMerging`` adds the full hierarchy at the mean responsibilities of the rows of
        the fit: ``entropy``, ``merged_rows`` (n_left) and ``hierarchy`` (n_left, component), where
        the number of remaining clusters, each named by its first component; and ``merged`` (merge,
        side), the two clusters of each merge.

    Raises
    ------
    SpecificationError
        If the method is unknown or does not suit the number of components, or ``max_draws`` is not
        a whole number of at least 1.
    DataError
        If the features of ``X`` are not those of the fit.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    References
    ----------
    Binder, D. A. (1978). Bayesian cluster analysis. Biometrika 65, 31-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> merged = bg.merge_components(bg.example_fit())
    >>> merged["grouping"].values
    array([0, 1, 2])
    """
    method = RidgelineMerging() if method is None else method
    _expect_merging(method)
    expect_whole_number("max_draws", max_draws)
    fit = named(Fit.of(mixture))
    own = None if fit.has_rows else X
    rows, mixtures, _ = fit.on_standard_scale(fit.rows(own), n_draws=max_draws)
    flat = mixtures.draw(tuple(place.ravel() for place in np.indices(mixtures.batch_shape)))
    groups = method.groups(rows.rows, flat)
    found, names = Groupings(named_by_first(groups), flat.weights), fit.names
    of_fit = expected_responsibilities(fit, own)
    figures = method.figures(of_fit.values, names)
    merged = _posterior(found, names, rows.fitted.total_weight).assign(figures)
    of_asked = of_fit if X is None else expected_responsibilities(fit, X)
    merged = merged.merge(_rows_in_clusters(of_asked, merged["grouping"].values))
    return merged.assign_attrs(method=repr(method))


def _posterior(found: Groupings, names: np.ndarray, n_rows: float) -> xr.Dataset:
    labels, probability = found.typical()
    return xr.Dataset(
        {
            "probability": ((COMPONENT, COMPONENT_BIS), found.probability),
            "grouping": (COMPONENT, _by_weight(labels, found.weights)),
            "grouping_probability": ((), probability),
            "n_clusters_probability": (N_CLUSTERS, found.n_clusters_probability(n_rows)),
        },
        coords={
            COMPONENT: names,
            COMPONENT_BIS: names,
            N_CLUSTERS: np.arange(1, names.size + 1),
        },
    )


def _by_weight(
    labels: Int[np.ndarray, " k"], weights: Float[np.ndarray, "draws k"]
) -> Int[np.ndarray, " k"]:
    """Number the clusters by their mean weight, largest first."""
    totals = np.bincount(labels, weights.mean(axis=0), minlength=labels.size)
    return np.argsort(np.argsort(-totals, kind="stable"))[labels]


def _rows_in_clusters(of_components: xr.DataArray, grouping: Int[np.ndarray, " k"]) -> xr.Dataset:
    member = grouping[:, None] == np.arange(grouping.max() + 1)
    probabilities = of_components.values @ member
    return xr.Dataset(
        {
            "responsibilities": ((ROW, CLUSTER), probabilities),
            "label": (ROW, probabilities.argmax(axis=1)),
            "certainty": (ROW, probabilities.max(axis=1)),
        },
        coords={ROW: of_components[ROW].values, CLUSTER: np.arange(member.shape[1])},
    )


def _expect_merging(method: Merging) -> None:
    if isinstance(method, type) or not isinstance(method, Merging):
        raise SpecificationError(
            "method must be a merging method, RidgelineMerging() or EntropyMerging(), "
            f"not {method!r}."
        )
