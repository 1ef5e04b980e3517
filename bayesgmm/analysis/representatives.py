"""Several partitions of the rows, where one does not do justice to the posterior."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.allocations import DEFAULT_DRAWS, draw_allocations
from bayesgmm.analysis.partitions.losses import (
    PartitionLoss,
    VariationOfInformation,
    expect_loss,
)
from bayesgmm.numerics.partition_search import PartitionDraws, by_size
from bayesgmm.numerics.representative_partitions import representatives
from bayesgmm.options import expect_whole_number
from bayesgmm.posterior.fit import Fit
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, seed_sequence


def representative_partitions(
    tree: xr.DataTree,
    n: int,
    *,
    loss: PartitionLoss | None = None,
    X: Any | None = None,
    draws: int = DEFAULT_DRAWS,
    runs: int = 8,
    random_seed: RandomSeed = None,
) -> xr.Dataset:
    """Sum the posterior up by ``n`` partitions of the rows, with the mass that each stands for.

    The partitions minimise the mean, over drawn allocations, of the loss of the closest of them
    (the Wasserstein distance between the posterior and them, where the loss is a metric). Where
    the posterior has several modes, ways of putting rows together between which there is little,
    they show what a single partition hides. With one more than needed, two of them hardly differ,
    or ``mean_distance`` hardly falls.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    n : int
        Number of partitions.
    loss : loss, default VariationOfInformation()
        Or ``Binder()``, ``OneMinusAdjustedRand()``, ``NormalizedVariationOfInformation()``.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    draws : int, default 1000
        About how many draws to use, spread evenly over all chains.
    runs : int, default 8
        Number of random starts; the best is kept.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit.

    Returns
    -------
    xarray.Dataset
        Heaviest first: ``label`` (partition, obs_id), numbered by size; ``weight`` (partition),
        the posterior mass; ``n_clusters`` and ``expected_loss`` (partition), the latter over the
        draws that it stands for; ``mean_distance``, over all draws. The attribute ``loss`` names
        the loss. A partition of weight zero was not needed.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.
    SpecificationError
        If ``n`` or another number is not a positive whole one, or ``loss`` is no loss.
    DataError
        If the features of ``X`` are not those of the fit.

    References
    ----------
    Balocchi, C. and Wade, S. (2025). Understanding uncertainty in Bayesian cluster analysis.
    arXiv:2506.16295.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> found = bg.representative_partitions(bg.example_fit(), 2, draws=200, runs=2)
    >>> found["n_clusters"].values
    array([3, 3])
    """
    loss = VariationOfInformation() if loss is None else loss
    expect_loss(loss)
    expect_whole_number("n", n)
    expect_whole_number("runs", runs)
    fit = Fit.with_draws(tree, "representative_partitions")
    allocations = draw_allocations(fit, X, draws=draws, random_seed=random_seed)
    partitions = PartitionDraws.of(allocations.labels)
    found = representatives(
        partitions, loss.function(), n, runs=runs,
        seed=fit.seed if random_seed is None else seed_sequence(random_seed),
    )  # fmt: skip
    weights = np.bincount(found.closest, minlength=n) / found.closest.size
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
        coords={"partition": np.arange(n), ROW: allocations.row_names},
        attrs={"loss": repr(loss), "draws": partitions.labels.shape[0]},
    )
