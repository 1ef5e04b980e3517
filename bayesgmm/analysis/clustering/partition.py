"""Point estimates of the partition of the rows, which minimize a posterior expected loss.

In the losses, n_t and n_e are the sizes of the clusters of the true partition and of the estimate,
and n_te the sizes of their intersections. Partitions are drawn from the posterior as allocations
of the rows to components.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from jaxtyping import Float, Int16, Int32

from bayesgmm.analysis.draws import draws_to_use
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.partitions import (
    LossFunction,
    PartitionDraws,
    best_partitions,
    extended,
    random_starts,
    rows_to_search,
)
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import each_mixture, responsibilities
from bayesgmm.options import expect_between, expect_whole_number
from bayesgmm.parameters import MixtureParameters
from bayesgmm.progress import waiting
from bayesgmm.schema import ROW
from bayesgmm.seeds import RandomSeed, generator, spawn
from bayesgmm.tree.fit import Fit, Fitted


class PartitionLoss(ABC):
    """A loss that :func:`bayesgmm.partition` can minimize."""

    @abstractmethod
    def function(self) -> LossFunction:
        """Return the loss for compiled code."""


@dataclass(frozen=True)
class _WithCosts(PartitionLoss):
    """A loss in which splitting costs a, and joining 2 - a."""

    a: float = 1.0

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        expect_between(self, "a", 0.0, 2.0)

    def function(self) -> LossFunction:
        """Return the loss for compiled code."""
        return LossFunction(self.kind, float(self.a))


@dataclass(frozen=True)
class VariationOfInformation(_WithCosts):
    """The variation of information between two partitions.

    a H(estimate | truth) + (2 - a) H(truth | estimate), in natural logarithms (divide by log 2 for
    bits). With a = 1 it is a metric, and its estimates tend to have few, clean clusters.

    Parameters
    ----------
    a : float, default 1.0
        Cost of splitting true clusters, between 0 and 2; joining different ones costs
        2 - a. Smaller ones give more clusters.

    Raises
    ------
    SpecificationError
        If ``a`` does not lie strictly between 0 and 2.

    References
    ----------
    Meila, M. (2007). Comparing clusterings: an information based distance. Journal of Multivariate
    Analysis 98, 873-895.

    Dahl, D. B., Johnson, D. J. and Mueller, P. (2022). Search algorithms and loss functions for
    Bayesian clustering. Journal of Computational and Graphical Statistics 31, 1189-1201.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.VariationOfInformation(a=0.5)
    VariationOfInformation(a=0.5)
    """

    kind = "variation of information"


@dataclass(frozen=True)
class Binder(_WithCosts):
    """Binder's loss: the fraction of pairs of rows on which two partitions disagree.

    [a (sum_t n_t^2 - sum_te n_te^2) + (2 - a) (sum_e n_e^2 - sum_te n_te^2)] / n^2. If rows
    could belong to several clusters, its estimates may assign them to small clusters of their own.

    Parameters
    ----------
    a : float, default 1.0
        Cost of splitting a pair that belongs together, between 0 and 2; joining one that does not
        costs 2 - a. Smaller ones give more clusters.

    Raises
    ------
    SpecificationError
        If ``a`` does not lie strictly between 0 and 2.

    References
    ----------
    Binder, D. A. (1978). Bayesian cluster analysis. Biometrika 65, 31-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Binder()
    Binder(a=1.0)
    """

    kind = "Binder"


@dataclass(frozen=True)
class OneMinusAdjustedRand(PartitionLoss):
    """One minus the adjusted Rand index: agreement on pairs of rows, corrected for chance.

    References
    ----------
    Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2, 193-218.

    Fritsch, A. and Ickstadt, K. (2009). Improved criteria for clustering based on the posterior
    similarity matrix. Bayesian Analysis 4, 367-391.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.OneMinusAdjustedRand()
    OneMinusAdjustedRand()
    """

    def function(self) -> LossFunction:
        """Return the loss for compiled code."""
        return LossFunction("adjusted Rand")


@dataclass(frozen=True)
class NormalizedVariationOfInformation(PartitionLoss):
    """The variation of information over the joint entropy of both partitions: 0 to 1.

    References
    ----------
    Vinh, N. X., Epps, J. and Bailey, J. (2010). Information theoretic measures for clusterings
    comparison. Journal of Machine Learning Research 11, 2837-2854.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.NormalizedVariationOfInformation()
    NormalizedVariationOfInformation()
    """

    def function(self) -> LossFunction:
        """Return the loss for compiled code."""
        return LossFunction("normalized variation of information")


def expect_loss(loss: object) -> None:
    """Raise if this is not a loss."""
    if not isinstance(loss, PartitionLoss):
        raise SpecificationError(
            "loss must be one of VariationOfInformation(), Binder(), OneMinusAdjustedRand() and "
            f"NormalizedVariationOfInformation(), not {loss!r}."
        )


DEFAULT_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Allocations:
    """Partitions of some rows, one for each of some draws.

    Attributes
    ----------
    labels : integer array, shape (draws, n)
        The component of every row; labels of different draws are not comparable.
    row_names : array, shape (n,)
    """

    labels: Int16[np.ndarray, "draws n"]
    row_names: np.ndarray


def draw_allocations(
    tree: Fitted,
    X: Any | None = None,
    *,
    draws: int | None = None,
    random_seed: RandomSeed = None,
) -> Allocations:
    """Draw the component of every row, z_i ~ Categorical(r_i1, ..., r_ik), once in each draw.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    draws : int, optional
        Approximate number of draws to use, thinned evenly; by default 1000, fewer for many rows.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit, so that one fit always gives the same allocations.
    """
    fit = Fit.of(tree)
    data = fit.rows(X)
    draws = draws_to_use(fit, data.n_rows, draws, most=DEFAULT_DRAWS)
    rows, mixtures, _ = fit.repeated(draws).on_standard_scale(data, n_draws=draws)
    labels = np.empty((int(np.prod(mixtures.batch_shape)), data.n_rows), np.int16)
    seed = fit.seed if random_seed is None else random_seed
    for number, (found, _) in enumerate(each_allocation(rows.rows, mixtures, seed)):
        labels[number] = found
    return Allocations(labels, data.row_names)


def each_allocation(
    X: Rows, mixtures: MixtureParameters, seed: RandomSeed
) -> Iterator[tuple[Int16[np.ndarray, " n"], Float[np.ndarray, "n k"]]]:
    """Yield, for each mixture in turn, sampled allocations and the responsibilities."""
    rng = generator(seed)
    for _, mixture in each_mixture(mixtures):
        shares = responsibilities(X, mixture)
        level, below = rng.random(X.n_rows), np.zeros(X.n_rows)
        labels = np.zeros(X.n_rows, np.int16)
        for component in range(mixtures.n_components - 1):
            below += shares[:, component]
            labels += below <= level
        yield labels, shares


_SAME = 1e-9  # difference of losses that is rounding


def partition(
    mixture: Fitted,
    loss: PartitionLoss | None = None,
    *,
    X: Any | None = None,
    max_draws: int | None = None,
    n_runs: int = 16,
    max_clusters: int | None = None,
    random_seed: RandomSeed = None,
    progress: bool = True,
) -> xr.Dataset:
    """Partition the rows so that the posterior expected loss is smallest.

    argmin over partitions c of E[loss(truth, c)], the expectation being over drawn allocations of
    the rows. The result does not depend on the labels of components, and two components that the
    rows do not separate may end up as one cluster. The search is
    SALSO: rows are allocated one after another, then moved one at a time, and clusters are
    dissolved and reallocated, while the expected loss decreases; from several random starts, and
    from the best of the draws.

    Of more than 5000 rows, a random sample of this size is searched. The other rows are then
    allocated to the best partition of the sample one after another, and all rows moved one at a
    time while the expected loss of the whole partition decreases: no move of a single row lowers
    it, but a cluster that has next to no rows in the sample may be missed.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    loss : loss, default VariationOfInformation()
        Or ``Binder()``, ``OneMinusAdjustedRand()``, ``NormalizedVariationOfInformation()``.
    X : table with the features of the fit, optional
        New rows; those of the fit by default.
    max_draws : int, optional
        Approximate number of draws to use, thinned evenly. By default 1000; beyond 100,000 rows
        fewer, so that rows times draws are 100 million, but no fewer than 500.
    n_runs : int, default 16
        Number of random starts.
    max_clusters : int, optional
        Maximum number of clusters; by default the maximum over all draws. Without a limit (the
        number of rows) ``Binder`` often assigns uncertain rows to hundreds of small clusters.
    random_seed : int, SeedSequence or Generator, optional
        By default the seed of the fit.
    progress : bool, default True
        Whether to show the elapsed time if it takes more than two seconds.

    Returns
    -------
    xarray.Dataset
        ``label`` (obs_id), numbered by size from 0, the largest; ``cohesion`` (obs_id), the
        posterior probability that the row and a random other row of its cluster are clustered
        together (1 if it is alone); ``size`` (cluster); ``expected_loss``; ``run_loss`` (run),
        the result of each start, the best draw last; ``runs_agreed``, how many of them found this
        partition; both are those of the sample where one is searched. Attributes: ``loss`` names
        the loss, ``n_draws`` is the number of draws used, and ``n_searched`` that of rows searched.

    Raises
    ------
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    SpecificationError
        If ``loss`` is not a loss, or a number is not a positive integer.
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
    >>> found = bg.partition(bg.example_fit(), max_draws=200)
    >>> found["size"].size
    3
    """
    loss = VariationOfInformation() if loss is None else loss
    expect_loss(loss)
    expect_whole_number("n_runs", n_runs)
    if max_clusters is not None:
        expect_whole_number("max_clusters", max_clusters)
    fit = Fit.of(mixture)
    with waiting("searching for a partition", visible=progress):
        allocations = draw_allocations(fit, X, draws=max_draws, random_seed=random_seed)
        seed = fit.seed if random_seed is None else random_seed
        start_seed, search_seed, row_seed = spawn(seed, 3)
        partitions, function = PartitionDraws.of(allocations.labels), loss.function()
        rows = rows_to_search(partitions.n_rows, row_seed)
        searched = partitions.of_rows(rows)
        limit = min(max_clusters or partitions.n_groups, searched.n_rows)
        starts = random_starts(n_runs, searched, limit, np.random.default_rng(start_seed))
        starts += best_draw(searched, function, limit)
        found = best_partitions(searched, function, starts, most_clusters=limit, seed=search_seed)
        best = of_searched = min(found, key=lambda one: one.loss)
        if rows.size < partitions.n_rows:
            best = extended(
                partitions, function, rows, best.labels, most_clusters=limit, seed=search_seed
            )
        cohesion = _cohesion(partitions, best.labels)
    agreed = sum(abs(one.loss - of_searched.loss) <= _SAME for one in found)
    return xr.Dataset(
        {
            "label": (ROW, best.labels),
            "cohesion": (ROW, cohesion),
            "size": ("cluster", np.bincount(best.labels)),
            "expected_loss": best.loss,
            "run_loss": ("run", [one.loss for one in found]),
            "runs_agreed": agreed,
        },
        coords={ROW: allocations.row_names, "cluster": np.arange(best.labels.max() + 1)},
        attrs={
            "loss": repr(loss),
            "n_draws": partitions.labels.shape[0],
            "n_searched": rows.size,
        },
    )


def best_draw(
    draws: PartitionDraws, loss: LossFunction, most_clusters: int
) -> list[Int32[np.ndarray, " n"]]:
    """Return the draw with the smallest expected loss, if one has few enough clusters."""
    allowed = np.flatnonzero(draws.labels.max(axis=1) < most_clusters)
    if not allowed.size:
        return []
    return [draws.partition(allowed[draws.expected_losses(loss, allowed).argmin()])]


def _cohesion(draws: PartitionDraws, labels: Int32[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return the mean co-clustering probability of each row with the other rows of its cluster."""
    n_clusters, others = int(labels.max()) + 1, np.bincount(labels)[labels] - 1.0
    total = np.zeros(draws.n_rows)
    for draw in draws.labels:
        cells = draw.astype(np.int64) * n_clusters + labels
        total += np.bincount(cells)[cells] - 1.0
    alone = others == 0
    return np.where(alone, 1.0, total / (len(draws.labels) * np.where(alone, 1.0, others)))
