"""The covariance structures, each with its priors.

A structure says how ``volume``, ``shape`` and ``orientation`` of its components are related. Code
below the priors uses the covariance map that follows (``numerics/unconstrained.py``), never the
name of the structure. Its prior is a :class:`CovariancePrior`.

A structure from outside the package is a registered (``priors/catalog.py``) subclass of one of
those here or in ``inverse_wishart.py``, with other properties, priors or descriptions.

Here are the structures whose scales and correlations have priors of their own (the separation
strategy of Barnard, McCulloch & Meng, 2000). Those with a prior of the whole matrix are in
``inverse_wishart.py``.

References
----------
Barnard, J., McCulloch, R. and Meng, X.-L. (2000). Modeling covariance matrices in terms of
standard deviations and correlations, with application to shrinkage. Statistica Sinica 10,
1281-1311.

Huang, A. and Wand, M. P. (2013). Simple marginally noninformative prior distributions for
covariance matrices. Bayesian Analysis 8, 439-452.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import Field, dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.special import gammaln, multigammaln

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.distributions import lkj_log_normalizer
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.unconstrained import CovarianceMap, Relation
from bayesgmm.priors.correlations import LKJ
from bayesgmm.priors.hyperparameters import ByColumn, expect_size
from bayesgmm.priors.scales import Columns, Exponential, Gamma, HalfT, LogScaleTerms, ScalePrior
from bayesgmm.priors.wishart import Wishart


class CovarianceStructure(ABC):
    """Base class of covariance structures."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # every structure is a dataclass
    volume: ClassVar[Relation] = "varying"
    shape: ClassVar[Relation] = "varying"
    orientation: ClassVar[Relation] = "varying"
    tied: ClassVar[bool]
    isotropic: ClassVar[bool]
    correlated: ClassVar[bool]
    conjugate: ClassVar[bool] = False
    """Whether the prior of a matrix is inverse-Wishart, which no resolution has to bound."""

    def __init_subclass__(cls) -> None:
        """Set the properties to those of several components and features."""
        for name in ("tied", "isotropic", "correlated"):
            if name in vars(cls):
                raise TypeError(
                    f"{cls.__name__} sets {name}, which follows from its volume, shape and "
                    "orientation: set these."
                )
        several = CovarianceMap(2, 2, cls.volume, cls.shape, cls.orientation)
        cls.tied, cls.isotropic = several.tied, several.isotropic
        cls.correlated = several.correlated

    def covariance_map(self, n_components: int, n_features: int) -> CovarianceMap:
        """Return the map from coordinates to covariance matrices."""
        return CovarianceMap(n_components, n_features, self.volume, self.shape, self.orientation)

    @property
    def name(self) -> str:
        """Its name in the table of :func:`bayesgmm.select`, in which priors do not count."""
        return type(self).__name__

    @property
    def scales_in_words(self) -> str:
        """The prior of the standard deviations, as the end of a sentence after "follow"."""
        return f"the distribution {self}"

    @property
    def hyperprior(self) -> Gamma | Wishart | None:
        """The prior of a hyperparameter, if it has one."""
        return None

    def at_mean_of_hyperprior(self) -> CovarianceStructure:
        """Return the structure with every hyperparameter a number; itself if they are."""
        return self

    def n_scales(self, n_features: int) -> int:
        """Number of free scales in one covariance matrix."""
        return self.covariance_map(1, n_features).n_scales

    @abstractmethod
    def expect_features(self, n_features: int) -> None:
        """Raise a ``SpecificationError`` if the hyperparameters are for another number."""

    @abstractmethod
    def resolved(self, columns: Columns) -> CovarianceStructure:
        """Fill the hyperparameters that are ``None`` from summaries of the columns."""

    @abstractmethod
    def standardized(self, factor: np.ndarray) -> CovarianceStructure:
        """Return the structure for data divided by ``factor``, shape (d,)."""

    @abstractmethod
    def prior(self, n_features: int) -> CovariancePrior:
        """Return the prior of one matrix as numbers; every hyperparameter must be one."""

    @abstractmethod
    def mode_prior(self, n_features: int, n_components: int) -> CovariancePrior:
        """Return the prior over the coordinates of the mode, see ``estimation/density.py``."""

    @abstractmethod
    def log_jacobian(self, factor: np.ndarray, n_components: int) -> float:
        """Return the change of the log density of all ``mode_prior`` by ``standardized``.

        The density after minus before, in logarithms.
        """

    @abstractmethod
    def sentences(self) -> dict[str, str]:
        """Describe the structure and its priors, for the lines of a printed spec."""


@dataclass(frozen=True)
class SeparatedStructure(CovarianceStructure):
    """A structure whose scales have their own prior; base class."""

    scales: ScalePrior | None = None

    def __post_init__(self) -> None:
        if self.scales is None:
            object.__setattr__(self, "scales", HalfT())
        if not isinstance(self.scales, ScalePrior):
            raise SpecificationError(
                f"{type(self).__name__}: scales must be a scale prior such as "
                f"HalfT() or HalfNormal(), not {self.scales!r}."
            )
        if self.isotropic:
            self._expect_one_number_each()

    def _expect_one_number_each(self) -> None:
        assert self.scales is not None
        scales = self.scales.hyperprior or self.scales
        for name in scales.unit_parameters:
            if isinstance(getattr(scales, name), tuple | ByColumn):
                raise SpecificationError(
                    f"{type(self).__name__}: all features share one scale, so {name} of the "
                    "scale prior must be one number, not one per feature."
                )

    @property
    def scales_in_words(self) -> str:
        """See :attr:`CovarianceStructure.scales_in_words`."""
        assert self.scales is not None
        return self.scales.in_words

    @property
    def hyperprior(self) -> Gamma | Wishart | None:
        """See :attr:`CovarianceStructure.hyperprior`."""
        assert self.scales is not None
        return self.scales.hyperprior

    def at_mean_of_hyperprior(self) -> SeparatedStructure:
        """See :meth:`CovarianceStructure.at_mean_of_hyperprior`."""
        assert self.scales is not None
        return replace(self, scales=self.scales.at_mean_of_hyperprior())

    def expect_features(self, n_features: int) -> None:
        """See :meth:`CovarianceStructure.expect_features`."""
        assert self.scales is not None
        scales = self.scales.hyperprior or self.scales
        for name in scales.unit_parameters:
            owner = type(scales).__name__
            expect_size(owner, name, getattr(scales, name), self.n_scales(n_features))

    def resolved(self, columns: Columns) -> SeparatedStructure:
        """See :meth:`CovarianceStructure.resolved`."""
        assert self.scales is not None
        summaries = columns.pooled() if self.isotropic else columns
        return replace(self, scales=self.scales.resolved(summaries))

    def standardized(self, factor: np.ndarray) -> SeparatedStructure:
        """See :meth:`CovarianceStructure.standardized`."""
        assert self.scales is not None
        if self.isotropic:
            factor = factor[:1]
        return replace(self, scales=self.scales.standardized(factor))

    def prior(self, n_features: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.prior`."""
        size, scales = self.n_scales(n_features), self.scales
        assert scales is not None
        prior = CovariancePrior.without_rows(scales.terms(size).coefficients)
        if isinstance(scales, HalfT):
            freedom = scales.degrees_of_freedom
            prior = prior._replace(beta=(freedom + 1) / 2, rate=scales.rate(size), freedom=freedom)
        return prior

    def mode_prior(self, n_features: int, n_components: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.mode_prior`.

        The density over log(sigma) is that over sigma times sigma. Unconstrained correlations add
        |R|^((d + 1) / 2), and every mean in coordinates without correlations |R|^(1 / 2).
        """
        prior = self.prior(n_features)
        n_matrices = self.covariance_map(n_components, n_features).n_matrices
        terms, means = prior.terms.copy(), n_components / n_matrices
        terms[:, 1] += 1.0
        return prior._replace(terms=terms, eta=prior.eta + 0.5 * (n_features + 1 + means))

    def log_jacobian(self, factor: np.ndarray, n_components: int) -> float:
        """See :meth:`CovarianceStructure.log_jacobian`: logarithms and correlations only shift."""
        return 0.0

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

    correlations: LKJ | None = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        if self.scales is None and self.correlations is not None:
            object.__setattr__(self, "scales", Exponential())
        super().__post_init__()
        if self.correlations is None and not self.is_joint:
            object.__setattr__(self, "correlations", LKJ())
        if self.correlations is None:
            return
        if not isinstance(self.correlations, LKJ):
            raise SpecificationError(
                f"{owner}: correlations must be an LKJ prior, not {self.correlations!r}."
            )
        if self.is_joint:
            raise SpecificationError(
                f"{owner}: HalfT scales have correlations of their own, flat on (-1, 1). Leave "
                "correlations out, or give LKJ correlations other scales, such as Exponential()."
            )

    @property
    def is_joint(self) -> bool:
        """Whether scales and correlations have the joint prior of Huang & Wand (2013)."""
        return isinstance(self.scales, HalfT)

    def prior(self, n_features: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.prior`."""
        if n_features == 1:
            return super().prior(n_features)
        scales = self.scales
        if isinstance(scales, HalfT):
            return huang_wand(scales.degrees_of_freedom, scales.rate(n_features))
        assert scales is not None
        assert self.correlations is not None
        terms, eta = scales.terms(n_features).coefficients, self.correlations.eta
        terms[:, 0] += lkj_log_normalizer(eta, n_features) / n_features
        return CovariancePrior.without_rows(terms, eta=eta)

    def sentences(self) -> dict[str, str]:
        """See :meth:`CovarianceStructure.sentences`."""
        return {**super().sentences(), "correlations ~": self._correlations_in_words()}

    def _correlations_in_words(self) -> str:
        if not isinstance(self.scales, HalfT):
            return str(self.correlations)
        shape = self.scales.degrees_of_freedom / 2
        each = "Uniform" if shape == 1 else f"Beta({shape:g}, {shape:g})"
        return f"{each} on (-1, 1) each (Huang & Wand, 2013)"

    def __str__(self) -> str:
        return f"{super().__str__()}, correlations ~ {self._correlations_in_words()}"


def huang_wand(freedom: float, rate: np.ndarray) -> CovariancePrior:
    """Return the joint prior of half-t scales and their correlations as numbers.

    Sigma | psi is inverse-Wishart with nu + d - 1 degrees of freedom and scale matrix diag(psi),
    and psi_j ~ Gamma(1 / 2, rate_j / 2). With psi integrated out, the density of Sigma is
    proportional to |Sigma|^(-(nu + 2 d) / 2) prod_j ((Sigma^-1)_jj + rate_j)^(-(nu + d) / 2). Every
    sigma_j is half-t with nu degrees of freedom and scale 1 / sqrt(nu rate_j), and every
    correlation follows a Beta(nu / 2, nu / 2) distribution, stretched to (-1, 1).
    """
    size = rate.size
    wishart, beta = freedom + size - 1, 0.5 * (freedom + size)
    shares = gammaln(beta) - 0.5 * math.log(math.pi) + 0.5 * np.log(rate)
    # Over scales and correlations the density is that over Sigma times 2^d prod_j sigma_j^d.
    shares = shares + math.log(2.0) - multigammaln(0.5 * wishart, size) / size
    terms = LogScaleTerms.of(constant=shares, power=float(size)).coefficients
    nothing = np.zeros((size, size))
    return CovariancePrior(
        terms, 1.0, beta, rate, freedom + 2 * size, nothing, wishart, np.zeros(size)
    )


@dataclass(frozen=True)
class Full(CorrelatedStructure):
    """Every component has a covariance matrix of its own (mclust: VVV).

    Parameters
    ----------
    scales : ScalePrior, optional
        Prior of each standard deviation: :class:`HalfT` by default, or :class:`Exponential` where
        correlations are given.
    correlations : LKJ, optional
        Prior of each correlation matrix. By default, with :class:`HalfT` scales, the joint prior
        of Huang & Wand (2013), under which each correlation is flat on (-1, 1) in any dimension;
        with other scales, ``LKJ()``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Full(scales=bg.HalfNormal(1.0), correlations=bg.LKJ(eta=1.0)).tied
    False
    """


@dataclass(frozen=True)
class Tied(CorrelatedStructure):
    """All components share one covariance matrix (mclust: EEE).

    Parameters
    ----------
    scales, correlations : optional
        Priors of the standard deviations and of the correlation matrix, as for :class:`Full`.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Tied().tied
    True
    """

    volume: ClassVar[Relation] = "equal"
    shape: ClassVar[Relation] = "equal"
    orientation: ClassVar[Relation] = "equal"


@dataclass(frozen=True)
class DiagonalStructure(SeparatedStructure):
    """A structure without correlations; not to be used itself."""

    orientation: ClassVar[Relation] = "identity"


@dataclass(frozen=True)
class Diagonal(DiagonalStructure):
    """Every component has standard deviations of its own, and no correlations (mclust: VVI).

    Parameters
    ----------
    scales : ScalePrior, default HalfT()
        Prior of each standard deviation.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Diagonal().correlated
    False
    """


@dataclass(frozen=True)
class Spherical(DiagonalStructure):
    """Every component is a ball with a radius of its own (mclust: VII).

    The features should share one unit: rescaling one of them changes this model.

    Parameters
    ----------
    scales : ScalePrior, default HalfT()
        Prior of each component's standard deviation; its hyperparameters are single numbers.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.Spherical().isotropic
    True
    """

    shape: ClassVar[Relation] = "identity"


@dataclass(frozen=True)
class TiedDiagonal(DiagonalStructure):
    """All components share the standard deviations, and there are no correlations (EEI).

    Parameters
    ----------
    scales : ScalePrior, default HalfT()
        Prior of each standard deviation.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.TiedDiagonal().tied
    True
    """

    volume: ClassVar[Relation] = "equal"
    shape: ClassVar[Relation] = "equal"


@dataclass(frozen=True)
class TiedSpherical(DiagonalStructure):
    """All components are balls of one radius (mclust: EII).

    The features should share one unit: rescaling one of them changes this model.

    Parameters
    ----------
    scales : ScalePrior, default HalfT()
        Prior of the one standard deviation; its hyperparameters are single numbers.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.TiedSpherical().isotropic
    True
    """

    volume: ClassVar[Relation] = "equal"
    shape: ClassVar[Relation] = "identity"
