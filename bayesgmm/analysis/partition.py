"""One partition of the rows that stands for the whole posterior."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int32

from bayesgmm.analysis.allocations import DEFAULT_DRAWS, draw_allocations
from bayesgmm.analysis.partitions.losses import (
    PartitionLoss,
    VariationOfInformation,
    expect_loss,
)
from bayesgmm.engines.progress import waiting
from bayesgmm.numerics.partition_search import (
    LossFunction,
    PartitionDraws,
    best_partitions,
    random_starts,
)
from bayesgmm.options import expect_whole_number
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, spawn

_SAME = 1e-9  # difference of losses that is rounding


def partition(
    tree: Fitted,
    loss: PartitionLoss | None = None,
    *,
    X: Any | None = None,
    draws: int = DEFAULT_DRAWS,
    runs: int = 16,
    max_clusters: int | None = None,
    random_seed: RandomSeed = None,
    progress: bool = True,
) -> xr.Dataset:
    """Partition the rows so that the posterior expected loss is smallest.

    argmin over partitions c of E[loss(truth, c)], the expectation being over drawn allocations of
    the rows. Clusters are groups of rows, not components: labels of components play no part, and
    two components between which rows cannot be told apart may end up as one cluster. The search is
    SALSO: rows are allocated one after another, then moved one at a time, and clusters are taken
    apart and allocated anew, as long as the expected loss falls; from several random starts, and
    from the best of the draws.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    loss : loss, default VariationOfInformation()
        Or ``Binder()``, ``OneMinusAdjustedRand()``, ``NormalizedVariationOfInformation()``.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    draws : int, default 1000
        About how many draws to use, spread evenly over all chains.
    runs : int, default 16
        Number of random starts.
    max_clusters : int, optional
        The most clusters allowed; by default as many as any draw has. Without a limit (the number
        of rows) ``Binder`` gives doubtful rows clusters of their own, often hundreds.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit.
    progress : bool, default True
        Whether to show the time that has passed where it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``label`` (obs_id), numbered by size from 0, the largest; ``cohesion`` (obs_id), the
        posterior probability that the row and another of its cluster, picked at random, belong
        together (1 where it is alone); ``size`` (cluster); ``expected_loss``; ``run_loss`` (run),
        what every start led to, the best draw last; ``runs_agreed``, how many of them found this
        partition. The attribute ``loss`` names the loss.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.
    SpecificationError
        If ``loss`` is no loss, or a number is not a positive whole one.
    DataError
        If the features of ``X`` are not those of the fit.

    References
    ----------
    Dahl, D. B., Johnson, D. J. and Mueller, P. (2022). Search algorithms and loss functions for
    Bayesian clustering. Journal of Computational and Graphical Statistics 31, 1189-1201.

    Wade, S. and Ghahramani, Z. (2018). Bayesian cluster analysis: point estimation and credible
    balls. Bayesian Analysis 13, 559-626.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> found = bg.partition(bg.example_fit(), draws=200)
    >>> found["size"].size
    3
    """
    loss = VariationOfInformation() if loss is None else loss
    expect_loss(loss)
    expect_whole_number("runs", runs)
    if max_clusters is not None:
        expect_whole_number("max_clusters", max_clusters)
    fit = Fit.of(tree)
    allocations = draw_allocations(fit, X, draws=draws, random_seed=random_seed)
    partitions, function = PartitionDraws.of(allocations.labels), loss.function()
    start_seed, search_seed = spawn(fit.seed if random_seed is None else random_seed, 2)
    limit = min(max_clusters or partitions.n_groups, partitions.n_rows)
    starts = random_starts(runs, partitions, limit, np.random.default_rng(start_seed))
    starts += best_draw(partitions, function, limit)
    with waiting("searching for a partition", visible=progress):
        found = best_partitions(partitions, function, starts, most_clusters=limit, seed=search_seed)
    best = min(found, key=lambda one: one.loss)
    agreed = sum(abs(one.loss - best.loss) <= _SAME for one in found)
    return xr.Dataset(
        {
            "label": (ROW, best.labels),
            "cohesion": (ROW, _cohesion(partitions, best.labels)),
            "size": ("cluster", np.bincount(best.labels)),
            "expected_loss": best.loss,
            "run_loss": ("run", [one.loss for one in found]),
            "runs_agreed": agreed,
        },
        coords={ROW: allocations.row_names, "cluster": np.arange(best.labels.max() + 1)},
        attrs={"loss": repr(loss), "draws": partitions.labels.shape[0]},
    )


def best_draw(
    draws: PartitionDraws, loss: LossFunction, most_clusters: int
) -> list[Int32[np.ndarray, " n"]]:
    """Return the draw with the smallest expected loss, if one has few enough clusters."""
    allowed = np.flatnonzero(draws.labels.max(axis=1) < most_clusters)
    if not allowed.size:
        return []
    return [draws.labels[allowed[draws.expected_losses(loss, allowed).argmin()]]]


def _cohesion(draws: PartitionDraws, labels: Int32[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Mean over draws of the share of the other rows of its cluster that a row is with."""
    n_clusters, others = int(labels.max()) + 1, np.bincount(labels)[labels] - 1.0
    total = np.zeros(draws.n_rows)
    for draw in draws.labels:
        cells = draw * n_clusters + labels
        total += np.bincount(cells)[cells] - 1.0
    alone = others == 0
    return np.where(alone, 1.0, total / (len(draws.labels) * np.where(alone, 1.0, others)))
