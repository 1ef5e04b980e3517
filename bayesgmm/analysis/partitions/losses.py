"""How far a partition is from another, as a loss to be minimised over the posterior.

n_t and n_e are the sizes of the groups of the true partition and of the estimate, n_te of what
they share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.partition_search import LossFunction
from bayesgmm.options import expect_between


class PartitionLoss(ABC):
    """A loss that :func:`bayesgmm.partition` can minimise."""

    @abstractmethod
    def function(self) -> LossFunction:
        """Return the loss as compiled code takes it."""


@dataclass(frozen=True)
class _WithCosts(PartitionLoss):
    """A loss in which splitting costs a, and joining 2 - a."""

    a: float = 1.0

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        expect_between(self, "a", 0.0, 2.0)

    def function(self) -> LossFunction:
        """Return the loss as compiled code takes it."""
        return LossFunction(self.kind, float(self.a))


@dataclass(frozen=True)
class VariationOfInformation(_WithCosts):
    """The information that two partitions do not share.

    a H(estimate | truth) + (2 - a) H(truth | estimate), in natural logarithms (divide by log 2 for
    bits). With a = 1 it is a metric, and its estimates tend to have few, clean clusters.

    Parameters
    ----------
    a : float, default 1.0
        Cost of splitting what belongs together, between 0 and 2; joining what does not costs
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
    """The share of pairs of rows that two partitions treat differently.

    [a (sum_t n_t^2 - sum_te n_te^2) + (2 - a) (sum_e n_e^2 - sum_te n_te^2)] / n^2. Where rows
    could belong to several clusters, its estimates may put them into small ones of their own.

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
    """One less the adjusted Rand index: agreement on pairs of rows beyond that by chance.

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
        """Return the loss as compiled code takes it."""
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
        """Return the loss as compiled code takes it."""
        return LossFunction("normalized variation of information")


def expect_loss(loss: object) -> None:
    """Raise unless this is a loss."""
    if not isinstance(loss, PartitionLoss):
        raise SpecificationError(
            "loss must be one of VariationOfInformation(), Binder(), OneMinusAdjustedRand() and "
            f"NormalizedVariationOfInformation(), not {loss!r}."
        )
