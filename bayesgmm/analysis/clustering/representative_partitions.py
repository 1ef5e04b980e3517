"""Several partitions that summarize a multimodal posterior of partitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.clustering.partition import (
    PartitionLoss,
    VariationOfInformation,
    draw_allocations,
    expect_loss,
)
from bayesgmm.numerics.partitions import (
    PartitionDraws,
    by_size,
    representatives,
    rows_to_search,
)
from bayesgmm.options import expect_whole_number
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, seed_sequence, spawn
from bayesgmm.tree.fit import Fit


def representative_partitions(
    tree: xr.DataTree,
    n_partitions: int,
    *,
    loss: PartitionLoss | None = None,
    X: Any | None = None,
    max_draws: int | None = None,
    n_runs: int = 8,
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Summarize the posterior by a few partitions of the rows, with their posterior masses.

    The partitions minimize the expected loss between a sampled allocation and the closest of them
    (the Wasserstein distance between the posterior and them, if the loss is a metric). If the
    posterior of partitions is multimodal, they reveal modes that a single partition hides. With one
    more than needed, two of them hardly differ, or ``mean_distance`` hardly decreases.

    Of more than 5000 rows, a random sample of this size is searched. The other rows are then
    allocated to each partition as :func:`bayesgmm.partition` does, for the draws that are closest
    to it on the sample; losses and weights are those of all rows.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    n_partitions : int
        Number of partitions.
    loss : loss, default VariationOfInformation()
        Or ``Binder()``, ``OneMinusAdjustedRand()``, ``NormalizedVariationOfInformation()``.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    max_draws : int, optional
        Approximate number of draws to use, thinned evenly. By default 1000; beyond 100,000 rows
        fewer, so that rows times draws are 100 million, but no fewer than 500.
    n_runs : int, default 8
        Number of random starts; the best is kept.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit.

    Returns
    -------
    xarray.Dataset
        Largest weight first: ``label`` (partition, obs_id), numbered by size; ``weight``
        (partition), the posterior mass; ``n_clusters`` and ``expected_loss`` (partition), the
        latter over the draws closest to it; ``mean_distance``, over all draws. A partition of
        weight zero was not needed. Attributes: ``loss`` names the loss, ``n_draws`` is the number
        of draws used, and ``n_searched`` that of rows searched.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.
    SpecificationError
        If ``n_partitions`` or another number is not a positive integer, or ``loss`` is not a loss.
    DataError
        If the features of ``X`` are not those of the fit.

    References
    ----------
    Balocchi, C. and Wade, S. (2025). Understanding uncertainty in Bayesian cluster analysis.
    arXiv:2506.16295.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> found = bg.representative_partitions(bg.example_fit(), 2, max_draws=200, n_runs=2)
    >>> found["n_clusters"].values
    array([3, 3])
    """
    loss = VariationOfInformation() if loss is None else loss
    expect_loss(loss)
    expect_whole_number("n_partitions", n_partitions)
    expect_whole_number("n_runs", n_runs)
    fit = Fit.with_draws(tree, "representative_partitions")
    allocations = draw_allocations(fit, X, draws=max_draws, random_seed=random_seed)
    partitions = PartitionDraws.of(allocations.labels)
    seed = fit.seed if random_seed is None else seed_sequence(random_seed)
    function, row_seed = loss.function(), spawn(seed, n_runs + 1)[-1]
    rows = rows_to_search(partitions.n_rows, row_seed)
    found = representatives(
        partitions.of_rows(rows), function, n_partitions, runs=n_runs, seed=seed
    )
    if rows.size < partitions.n_rows:
        found = found.extended(partitions, function, rows, seed)
    weights = np.bincount(found.closest, minlength=n_partitions) / found.closest.size
    order = np.argsort(-weights, kind="stable")
    labels = np.stack([by_size(each) for each in found.labels[order]])
    own = [found.losses[place, found.closest == place] for place in order]
    return xr.Dataset(
        {
            "label": (("partition", ROW), labels),
            "weight": ("partition", weights[order]),
            "n_clusters": ("partition", labels.max(axis=1).astype(int) + 1),
            "expected_loss": ("partition", [each.mean() if each.size else np.nan for each in own]),
            "mean_distance": found.distance,
        },
        coords={"partition": np.arange(n_partitions), ROW: allocations.row_names},
        attrs={
            "loss": repr(loss),
            "n_draws": partitions.labels.shape[0],
            "n_searched": rows.size,
        },
    )
