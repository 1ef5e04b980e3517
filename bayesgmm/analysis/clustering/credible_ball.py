"""Credible balls around a partition of the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int, Int32

from bayesgmm.analysis.clustering.partition import (
    Allocations,
    PartitionLoss,
    VariationOfInformation,
    draw_allocations,
    expect_loss,
)
from bayesgmm.errors import DataError
from bayesgmm.numerics.partitions import PartitionDraws, by_size, numbered
from bayesgmm.options import expect_fraction
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed
from bayesgmm.tree.fit import Fit

_ROUNDING = 1e-9


def credible_ball(
    tree: xr.DataTree,
    partition: Any,
    ci_prob: float = 0.89,
    *,
    loss: PartitionLoss | None = None,
    X: Any | None = None,
    max_draws: int | None = None,
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Return the credible ball around a partition, and its bounds.

    The smallest ball, in the distance of the loss, with at least the given posterior probability.
    Its bounds are the sampled partitions in it that are farthest from the center: the horizontal
    bound among all of them, the upper vertical one among those with the fewest clusters, and the
    lower vertical one among those with the most. Features that they share with the center are
    certain; where they differ from it, the partition is uncertain.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    partition : xarray.Dataset or array of n labels
        The center: what :func:`bayesgmm.partition` returned, or any labels of the same rows.
    ci_prob : float, default 0.89
        Posterior probability of the ball.
    loss : loss, default VariationOfInformation()
        The distance; with a = 1 it and ``Binder`` are metrics.
    X : table with the features of the fit, optional
        The rows that were partitioned; those of the fit by default.
    max_draws : int, optional
        Approximate number of draws to use, thinned evenly. By default 1000; beyond 100,000 rows
        fewer, so that rows times draws are 100 million, but no fewer than 500.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit, with which :func:`bayesgmm.partition` draws the same
        allocations.

    Returns
    -------
    xarray.Dataset
        ``radius``; ``label`` (bound, obs_id), ``distance`` and ``n_clusters`` (bound), where
        ``bound`` is horizontal, upper, lower; ``draw_distance`` (sample), how far every draw is
        from the center. The attribute ``loss`` names the distance.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.
    DataError
        If there is not one label for every row.
    SpecificationError
        If ``ci_prob`` does not lie between 0 and 1, or ``loss`` is not a loss.

    References
    ----------
    Wade, S. and Ghahramani, Z. (2018). Bayesian cluster analysis: point estimation and credible
    balls. Bayesian Analysis 13, 559-626.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> tree = bg.example_fit()
    >>> ball = bg.credible_ball(tree, bg.partition(tree, max_draws=200), max_draws=200)
    >>> ball["n_clusters"].values
    array([3, 3, 3])
    """
    expect_fraction("ci_prob", ci_prob)
    loss = VariationOfInformation() if loss is None else loss
    expect_loss(loss)
    fit = Fit.with_draws(tree, "credible_ball")
    allocations = draw_allocations(fit, X, draws=max_draws, random_seed=random_seed)
    partitions = PartitionDraws.of(allocations.labels)
    distances = partitions.losses(_center(partition, allocations), loss.function())
    radius = np.sort(distances)[int(np.ceil(ci_prob * distances.size)) - 1]
    n_clusters = partitions.labels.max(axis=1).astype(int) + 1
    bounds = _bounds(distances <= radius + _ROUNDING, distances, n_clusters)
    chosen = list(bounds.values())
    return xr.Dataset(
        {
            "radius": radius,
            "label": (("bound", ROW), np.stack([by_size(partitions.labels[i]) for i in chosen])),
            "distance": ("bound", distances[chosen]),
            "n_clusters": ("bound", n_clusters[chosen]),
            "draw_distance": ("sample", distances),
        },
        coords={"bound": list(bounds), ROW: allocations.row_names},
        attrs={"loss": repr(loss), "ci_prob": ci_prob},
    )


def _bounds(
    inside: Bool[np.ndarray, " draws"],
    distances: Float[np.ndarray, " draws"],
    n_clusters: Int[np.ndarray, " draws"],
) -> dict[str, int]:
    """Return which draws are the bounds."""
    counts = n_clusters[inside]
    groups = {
        "horizontal": inside,
        "upper": inside & (n_clusters == counts.min()),
        "lower": inside & (n_clusters == counts.max()),
    }
    return {name: int(np.where(group, distances, -1.0).argmax()) for name, group in groups.items()}


def _center(partition: Any, allocations: Allocations) -> Int32[np.ndarray, " n"]:
    names = allocations.row_names
    if isinstance(partition, xr.Dataset):
        if "label" not in partition or partition["label"].dims != (ROW,):
            raise DataError(
                "partition must be what bayesgmm.partition returned, with a variable 'label' over "
                f"'{ROW}', or an array of labels."
            )
        if not np.array_equal(partition[ROW].values, names):
            raise DataError(
                "partition has other rows than the fit; pass as X the rows that were partitioned."
            )
        partition = partition["label"].values
    labels = np.asarray(partition)
    if labels.shape != names.shape:
        raise DataError(
            f"partition must have one label for each of the {names.size} rows; it has shape "
            f"{labels.shape}."
        )
    return numbered(labels)
