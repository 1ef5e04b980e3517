"""The covariance structures, each with its priors.

A structure answers three questions, and code below the priors asks these, never its name: do all
components share one covariance (``tied``), do all features share one scale (``isotropic``), are
there correlations (``correlated``)? Its prior is a :class:`CovariancePrior`, a few numbers.

Here are the structures whose scales and correlations have priors of their own (the separation
strategy of Barnard, McCulloch & Meng, 2000). Those with a prior of the whole matrix are in
``inverse_wishart.py``.

References
----------
Barnard, J., McCulloch, R. and Meng, X.-L. (2000). Modeling covariance matrices in terms of
standard deviations and correlations, with application to shrinkage. Statistica Sinica 10,
1281-1311.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.priors.correlations import LKJ
from bayesgmm.priors.hyperparameters import expanded
from bayesgmm.priors.scales import InverseGamma, ScalePrior


class CovarianceStructure(ABC):
    """What all covariance structures have in common; not to be used itself."""

    tied: ClassVar[bool]
    isotropic: ClassVar[bool]
    correlated: ClassVar[bool]

    def n_scales(self, n_features: int) -> int:
        """Number of free scales in one covariance matrix."""
        return 1 if self.isotropic else n_features

    def n_matrices(self, n_components: int) -> int:
        """Number of free covariance matrices."""
        return 1 if self.tied else n_components

    @property
    def shrinkage(self) -> float:
        """How far correlation matrices are drawn towards the identity; 0 where they are not."""
        return 0.0

    @abstractmethod
    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if the hyperparameters are for another number."""

    @abstractmethod
    def resolved(self, spread: np.ndarray) -> CovarianceStructure:
        """Fill the hyperparameters that are ``None`` from the spread of each column."""

    @abstractmethod
    def standardized(self, factor: np.ndarray) -> CovarianceStructure:
        """Return the structure for data divided by ``factor``, shape (d,)."""

    @abstractmethod
    def prior(self, n_features: int) -> CovariancePrior:
        """Return the prior of one matrix as numbers; every hyperparameter must be one."""

    def mode_prior(self, n_features: int) -> CovariancePrior:
        """Return the prior over the parameters in which the posterior mode is sought.

        These are the standard deviations and correlations unless a structure says otherwise.
        """
        return self.prior(n_features)

    def log_jacobian(self, factor: np.ndarray) -> float:
        """Return by how much ``mode_prior`` is larger, in logarithms, after ``standardized``."""
        return float(np.log(factor[: self.n_scales(factor.size)]).sum())

    @abstractmethod
    def sentences(self) -> dict[str, str]:
        """Describe the structure and its priors, for the lines of a printed spec."""


@dataclass(frozen=True)
class SeparatedStructure(CovarianceStructure):
    """A structure whose scales have a prior of their own; not to be used itself."""

    scales: ScalePrior = field(default_factory=InverseGamma)

    def __post_init__(self) -> None:
        if not isinstance(self.scales, ScalePrior):
            raise SpecificationError(
                f"{type(self).__name__}: scales must be a scale prior such as "
                f"InverseGamma() or HalfNormal(), not {self.scales!r}."
            )
        if self.isotropic:
            self._expect_one_number_each()

    def _expect_one_number_each(self) -> None:
        for name in self.scales.unit_parameters:
            if isinstance(getattr(self.scales, name), tuple):
                raise SpecificationError(
                    f"{type(self).__name__}: all features share one scale, so {name} of the "
                    "scale prior must be one number, not one per feature."
                )

    def expect_features(self, n_features: int) -> None:
        """See :meth:`CovarianceStructure.expect_features`."""
        for name in self.scales.unit_parameters:
            if getattr(self.scales, name) is not None:
                owner = type(self.scales).__name__
                expanded(owner, name, getattr(self.scales, name), self.n_scales(n_features))

    def resolved(self, spread: np.ndarray) -> SeparatedStructure:
        """See :meth:`CovarianceStructure.resolved`."""
        if self.isotropic:
            spread = np.sqrt(np.mean(spread**2, keepdims=True))
        return replace(self, scales=self.scales.resolved(spread))

    def standardized(self, factor: np.ndarray) -> SeparatedStructure:
        """See :meth:`CovarianceStructure.standardized`."""
        if self.isotropic:
            factor = factor[:1]
        return replace(self, scales=self.scales.standardized(factor))

    def prior(self, n_features: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.prior`."""
        terms = self.scales.terms(self.n_scales(n_features)).coefficients
        return CovariancePrior.without_rows(terms)

    def sentences(self) -> dict[str, str]:
        """See :meth:`CovarianceStructure.sentences`."""
        owner = "shared" if self.tied else "own"
        if self.isotropic:
            words = f"{owner} variance, the same for all features, no correlations"
        else:
            words = f"{owner} variances, {owner if self.correlated else 'no'} correlations"
        return {
            "covariances  :": f"{type(self).__name__} ({words})",
            "scales       ~": str(self.scales),
        }

    def __str__(self) -> str:
        return f"{type(self).__name__}, scales ~ {self.scales}"


@dataclass(frozen=True)
class CorrelatedStructure(SeparatedStructure):
    """A structure whose correlations have a prior of their own; not to be used itself."""

    isotropic: ClassVar[bool] = False
    correlated: ClassVar[bool] = True

    correlations: LKJ = field(default_factory=LKJ)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.correlations, LKJ):
            raise SpecificationError(
                f"{type(self).__name__}: correlations must be an LKJ prior, "
                f"not {self.correlations!r}."
            )

    @property
    def shrinkage(self) -> float:
        """See :attr:`CovarianceStructure.shrinkage`."""
        return self.correlations.shrinkage

    def prior(self, n_features: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.prior`."""
        terms = self.scales.terms(n_features).coefficients
        eta, shrinkage = self.correlations.eta, self.correlations.shrinkage
        return CovariancePrior.without_rows(terms, eta=eta, shrinkage=shrinkage)

    def sentences(self) -> dict[str, str]:
        """See :meth:`CovarianceStructure.sentences`."""
        return {**super().sentences(), "correlations ~": str(self.correlations)}

    def __str__(self) -> str:
        return f"{super().__str__()}, correlations ~ {self.correlations}"


@dataclass(frozen=True)
class Full(CorrelatedStructure):
    """Every component has a covariance matrix of its own (mclust: VVV).

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of each standard deviation.
    correlations : LKJ, default LKJ()
        Prior of each correlation matrix.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Full(scales=bg.HalfNormal(1.0), correlations=bg.LKJ(eta=1.0)).tied
    False
    """

    tied: ClassVar[bool] = False


@dataclass(frozen=True)
class Tied(CorrelatedStructure):
    """All components share one covariance matrix (mclust: EEE).

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of each standard deviation.
    correlations : LKJ, default LKJ()
        Prior of the correlation matrix.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Tied().tied
    True
    """

    tied: ClassVar[bool] = True


@dataclass(frozen=True)
class DiagonalStructure(SeparatedStructure):
    """A structure without correlations; not to be used itself."""

    correlated: ClassVar[bool] = False


@dataclass(frozen=True)
class Diagonal(DiagonalStructure):
    """Every component has standard deviations of its own, and no correlations (mclust: VVI).

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of each standard deviation.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Diagonal().correlated
    False
    """

    tied: ClassVar[bool] = False
    isotropic: ClassVar[bool] = False


@dataclass(frozen=True)
class Spherical(DiagonalStructure):
    """Every component is a ball with a radius of its own (mclust: VII).

    The features should share one unit: rescaling one of them changes this model.

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of each component's standard deviation; its hyperparameters are single numbers.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Spherical().isotropic
    True
    """

    tied: ClassVar[bool] = False
    isotropic: ClassVar[bool] = True


@dataclass(frozen=True)
class TiedDiagonal(DiagonalStructure):
    """All components share the standard deviations, and there are no correlations (EEI).

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of each standard deviation.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.TiedDiagonal().tied
    True
    """

    tied: ClassVar[bool] = True
    isotropic: ClassVar[bool] = False


@dataclass(frozen=True)
class TiedSpherical(DiagonalStructure):
    """All components are balls of one radius (mclust: EII).

    The features should share one unit: rescaling one of them changes this model.

    Parameters
    ----------
    scales : ScalePrior, default InverseGamma()
        Prior of the one standard deviation; its hyperparameters are single numbers.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.TiedSpherical().isotropic
    True
    """

    tied: ClassVar[bool] = True
    isotropic: ClassVar[bool] = True
