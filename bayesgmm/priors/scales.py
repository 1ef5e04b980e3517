"""The priors of the standard deviations, and the one form that compiled code sees of them.

Written in u = log(sigma), the log density of every prior here is

    log p(sigma) = constant + power * u - rate * exp(exponent * u) - precision / 2 * (u - center)^2

so that EM, NUTS and Gibbs need one small function for all of them, and a further prior of this
form needs no compiled code at all. The density is with respect to sigma, not to u. The half-t
prior has one factor more, (sigma^-2 + rate)^-beta, see ``bayesgmm.numerics.mixture_prior``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import Field, dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import gammaln

from bayesgmm.errors import SpecificationError
from bayesgmm.priors.hyperparameters import (
    Given,
    Hyperparameter,
    checked,
    checked_number,
    collapsed,
    expanded,
    filled,
    words,
)


@dataclass(frozen=True)
class Columns:
    """Summaries of columns that hyperparameters are scaled to.

    Attributes
    ----------
    center, deviation : arrays, shape (d,)
        Mean and standard deviation of each column.
    spread : array, shape (d,)
        Its typical spread, which a few outliers do not change.
    resolution : array, shape (d,)
        How finely it was recorded.
    names : tuple of d strings
        None where no hyperparameter goes by names.
    """

    center: np.ndarray
    deviation: np.ndarray
    spread: np.ndarray
    resolution: np.ndarray
    names: tuple[str, ...] = ()

    def pooled(self) -> Columns:
        """Return one root mean square for all columns, in arrays of one entry."""
        center, deviation, spread, resolution = (
            np.sqrt(np.mean(each**2, keepdims=True))
            for each in (self.center, self.deviation, self.spread, self.resolution)
        )
        return Columns(center, deviation, spread, resolution)


@dataclass(frozen=True)
class LogScaleTerms:
    """The coefficients of log p(sigma) as a function of u = log(sigma), one row per scale.

    Attributes
    ----------
    coefficients : array, shape (s, 6)
        Columns: constant, power, rate, exponent, precision, center.
    """

    coefficients: np.ndarray

    @classmethod
    def of(
        cls,
        *,
        constant: np.ndarray,
        power: np.ndarray | float = 0.0,
        rate: np.ndarray | float = 0.0,
        exponent: float = 1.0,
        precision: np.ndarray | float = 0.0,
        center: np.ndarray | float = 0.0,
    ) -> LogScaleTerms:
        """Gather the six coefficients into columns."""
        columns = np.broadcast_arrays(constant, power, rate, exponent, precision, center)
        return cls(np.stack([np.asarray(column, float) for column in columns], axis=-1))


class ScalePrior(ABC):
    """A prior on the standard deviations of the components.

    Hyperparameters are one number for all features, one number per feature, or ``None``, which
    is filled from the data. Those with units may be a mapping from names of columns to numbers,
    too; columns that it does not name are filled from the data. A spherical structure takes one
    number only.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # every prior is a dataclass
    unit_parameters: ClassVar[tuple[str, ...]]
    """Hyperparameters that carry the units of the data (and may be one per feature)."""

    law: ClassVar[str] = ""
    """The distribution in words, as the end of a sentence after "follow"; by default as printed."""

    @property
    def in_words(self) -> str:
        """The prior, as the end of a sentence after "standard deviations follow"."""
        return self.law or f"the distribution {self}"

    @abstractmethod
    def resolved(self, columns: Columns) -> ScalePrior:
        """Fill what was left open from summaries of the columns, or of all together, shape (s,)."""

    def standardized(self, factor: np.ndarray) -> Self:
        """Return the prior of sigma / factor, with factor of shape (s,) or a number.

        Hyperparameters with units are scales, and divided, or rates, and multiplied.
        """
        values = {name: np.asarray(getattr(self, name)) for name in self.unit_parameters}
        scaled = {
            name: collapsed(value * factor if name == "rate" else value / factor)
            for name, value in values.items()
        }
        return replace(self, **scaled)

    @abstractmethod
    def terms(self, size: int) -> LogScaleTerms:
        """Return the coefficients of log p(sigma) in log(sigma), for ``size`` scales."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Draw scales from the prior, which must be resolved; the last axis is the features."""

    @property
    def hyperprior(self) -> Gamma | None:
        """The prior of a hyperparameter, if it has one."""
        return None

    def at_mean_of_hyperprior(self) -> ScalePrior:
        """Return the prior with every hyperparameter a number; itself if they are."""
        return self

    def __str__(self) -> str:
        values = ", ".join(
            f"{item.name} {words(getattr(self, item.name))}" for item in fields(self)
        )
        return f"{type(self).__name__}({values})"

    def _expanded(self, name: str, size: int) -> np.ndarray:
        return expanded(type(self).__name__, name, getattr(self, name), size)


@dataclass(frozen=True)
class HalfT(ScalePrior):
    """Half-t prior: p(sigma) proportional to (1 + (sigma / scale)^2 / nu)^(-(nu + 1) / 2).

    The default (Gelman, 2006). The density is flat below ``scale`` and decreases as a power above,
    so it changes the standard deviation of a cluster of n rows by a fraction of about 1 / (2 n),
    however much narrower than the column, or wider, the cluster is. In :class:`Full` and
    :class:`Tied` it comes with correlations that each are flat on (-1, 1), if nu is 2.

    Parameters
    ----------
    scale : float, sequence of d floats, mapping, or None
        In the units of the features; ``None`` takes the standard deviation of each column.
    degrees_of_freedom : float, default 2.0
        nu.

    References
    ----------
    Gelman, A. (2006). Prior distributions for variance parameters in hierarchical models. Bayesian
    Analysis 1, 515-534.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.HalfT(scale=2.0))
    HalfT(scale 2, degrees_of_freedom 2)
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("scale",)
    law: ClassVar[str] = "a half-t distribution, which leaves their size to the data"
    scale: Hyperparameter = None
    degrees_of_freedom: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _of_columns(self, "scale", self.scale))
        freedom = checked_number(type(self).__name__, "degrees_of_freedom", self.degrees_of_freedom)
        object.__setattr__(self, "degrees_of_freedom", freedom)

    def resolved(self, columns: Columns) -> HalfT:
        """See :meth:`ScalePrior.resolved`."""
        return replace(self, scale=filled(self.scale, columns.deviation, columns.names))

    def rate(self, size: int) -> np.ndarray:
        """Return 1 / (nu scale^2) for every scale."""
        return 1.0 / (self.degrees_of_freedom * self._expanded("scale", size) ** 2)

    def terms(self, size: int) -> LogScaleTerms:
        """Return what the density is times (sigma^-2 + rate)^-((nu + 1) / 2)."""
        freedom, rate = self.degrees_of_freedom, self.rate(size)
        constant = math.log(2 / math.sqrt(math.pi)) + gammaln((freedom + 1) / 2)
        constant = constant - gammaln(freedom / 2) + 0.5 * np.log(rate)
        return LogScaleTerms.of(constant=constant, power=-freedom - 1)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        drawn = np.abs(rng.standard_t(self.degrees_of_freedom, shape))
        return drawn * self._expanded("scale", shape[-1])


@dataclass(frozen=True)
class HalfNormal(ScalePrior):
    """Half-normal prior: sigma ~ |Normal(0, scale^2)|.

    Flat below ``scale``, as the default :class:`HalfT` is, with a much lighter tail above.

    Parameters
    ----------
    scale : float, sequence of d floats, mapping, or None
        In the units of the features; ``None`` takes the standard deviation of each column.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.HalfNormal(scale=2.0))
    HalfNormal(scale 2)
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("scale",)
    law: ClassVar[str] = "a half-normal distribution, which allows them to be close to zero"
    scale: Hyperparameter = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _of_columns(self, "scale", self.scale))

    def resolved(self, columns: Columns) -> HalfNormal:
        """See :meth:`ScalePrior.resolved`."""
        return replace(self, scale=filled(self.scale, columns.deviation, columns.names))

    def terms(self, size: int) -> LogScaleTerms:
        """See :meth:`ScalePrior.terms`."""
        scale = self._expanded("scale", size)
        constant = 0.5 * math.log(2 / math.pi) - np.log(scale)
        return LogScaleTerms.of(constant=constant, rate=0.5 / scale**2, exponent=2.0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        return np.abs(rng.standard_normal(shape)) * self._expanded("scale", shape[-1])


@dataclass(frozen=True)
class LogNormal(ScalePrior):
    """Log-normal prior: log(sigma) ~ Normal(loc, scale^2).

    Parameters
    ----------
    loc : float, sequence of d floats, mapping, or None
        Mean of log(sigma); ``None`` takes the logarithm of half the typical spread of each
        column.
    scale : float, default 1.0
        Standard deviation of log(sigma), without units.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.LogNormal(loc=0.0, scale=0.5))
    LogNormal(loc 0, scale 0.5)
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("loc",)
    law: ClassVar[str] = "a log-normal distribution"
    loc: Hyperparameter = None
    scale: Hyperparameter = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "loc", _of_columns(self, "loc", self.loc, positive=False))
        object.__setattr__(self, "scale", _required(self, "scale", self.scale))

    def resolved(self, columns: Columns) -> LogNormal:
        """See :meth:`ScalePrior.resolved`."""
        return replace(self, loc=filled(self.loc, np.log(0.5 * columns.spread), columns.names))

    def standardized(self, factor: np.ndarray) -> Self:
        """See :meth:`ScalePrior.standardized`."""
        return replace(self, loc=collapsed(np.asarray(self.loc) - np.log(factor)))

    def terms(self, size: int) -> LogScaleTerms:
        """See :meth:`ScalePrior.terms`."""
        loc, scale = self._expanded("loc", size), self._expanded("scale", size)
        constant = -0.5 * math.log(2 * math.pi) - np.log(scale)
        return LogScaleTerms.of(constant=constant, power=-1.0, precision=scale**-2, center=loc)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        loc, scale = self._expanded("loc", shape[-1]), self._expanded("scale", shape[-1])
        return np.exp(loc + scale * rng.standard_normal(shape))


@dataclass(frozen=True)
class Exponential(ScalePrior):
    """Exponential prior: p(sigma) = rate * exp(-rate * sigma).

    Flat below 1 / rate, with a tail between those of :class:`HalfNormal` and :class:`HalfT`. The
    default where correlations have an :class:`LKJ` prior.

    Parameters
    ----------
    rate : float, sequence of d floats, mapping, or None
        In inverse units of the features; ``None`` takes one over the standard deviation.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.Exponential(rate=0.1))
    Exponential(rate 0.1)
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("rate",)
    law: ClassVar[str] = "an exponential distribution, which allows them to be close to zero"
    rate: Hyperparameter = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", _of_columns(self, "rate", self.rate))

    def resolved(self, columns: Columns) -> Exponential:
        """See :meth:`ScalePrior.resolved`."""
        return replace(self, rate=filled(self.rate, 1 / columns.deviation, columns.names))

    def terms(self, size: int) -> LogScaleTerms:
        """See :meth:`ScalePrior.terms`."""
        rate = self._expanded("rate", size)
        return LogScaleTerms.of(constant=np.log(rate), rate=rate, exponent=1.0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        return rng.standard_exponential(shape) / self._expanded("rate", shape[-1])


@dataclass(frozen=True)
class Gamma(ScalePrior):
    """Gamma prior: p(sigma) proportional to sigma^(shape - 1) * exp(-rate * sigma).

    With a shape above 1 the density vanishes at zero, but only as a power of sigma: rows that
    coincide can still outweigh it.

    Parameters
    ----------
    shape : float, default 2.0
        Without units.
    rate : float, sequence of d floats, mapping, or None
        In inverse units of the features; ``None`` sets the prior mean to half the typical
        spread of each column.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.Gamma(shape=2.0, rate=4.0))
    Gamma(shape 2, rate 4)
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("rate",)
    law: ClassVar[str] = "a gamma distribution"
    shape: Hyperparameter = 2.0
    rate: Hyperparameter = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _required(self, "shape", self.shape))
        object.__setattr__(self, "rate", _of_columns(self, "rate", self.rate))

    def resolved(self, columns: Columns) -> Gamma:
        """See :meth:`ScalePrior.resolved`."""
        rate = np.asarray(self.shape) / (0.5 * columns.spread)
        return replace(self, rate=filled(self.rate, rate, columns.names))

    def terms(self, size: int) -> LogScaleTerms:
        """See :meth:`ScalePrior.terms`."""
        shape, rate = self._expanded("shape", size), self._expanded("rate", size)
        constant = shape * np.log(rate) - gammaln(shape)
        return LogScaleTerms.of(constant=constant, power=shape - 1, rate=rate, exponent=1.0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        order, rate = self._expanded("shape", shape[-1]), self._expanded("rate", shape[-1])
        return rng.standard_gamma(order, shape) / rate


@dataclass(frozen=True)
class InverseGamma(ScalePrior):
    """Inverse-gamma prior: p(sigma) proportional to sigma^(-shape - 1) * exp(-scale / sigma).

    The density vanishes at zero faster than any power of sigma: the prior excludes that a
    component is much narrower than ``scale``. With n rows it changes a standard deviation that is
    narrower by a fraction of about scale / (2 n sigma), which is large for tight clusters. The
    upper tail is a power law.

    Parameters
    ----------
    shape : float, default 2.0
        Without units. With 2, the prior mean of sigma equals ``scale``.
    scale : float, sequence of d floats, mapping, Gamma, or None
        In the units of the features; ``None`` takes half the typical spread of each column:
        98 % of the prior then lies between 0.075 and 3.4 times that spread, the median at 0.30.
        A :class:`Gamma` prior of it, where the number of components is unknown: filled components
        then say how wide components are (Richardson & Green, 1997, who have it for variances).
        The ``resolution`` has no effect then.

    References
    ----------
    Richardson, S. and Green, P. J. (1997). On Bayesian analysis of mixtures with an unknown number
    of components. Journal of the Royal Statistical Society B 59, 731-792.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.InverseGamma(shape=2.0, scale=0.5))
    InverseGamma(shape 2, scale 0.5)
    >>> print(bg.InverseGamma(scale=bg.Gamma(shape=1.0, rate=0.5)))
    InverseGamma(shape 2, scale Gamma(shape 1, rate 0.5))
    """

    unit_parameters: ClassVar[tuple[str, ...]] = ("scale",)
    law: ClassVar[str] = (
        "an inverse-gamma distribution, which keeps them away from zero and lets them be wide if "
        "the data say so"
    )
    shape: Hyperparameter = 2.0
    scale: Hyperparameter | Gamma = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _required(self, "shape", self.shape))
        if not isinstance(self.scale, Gamma):
            object.__setattr__(self, "scale", _of_columns(self, "scale", self.scale))

    @property
    def hyperprior(self) -> Gamma | None:
        """See :attr:`ScalePrior.hyperprior`."""
        return self.scale if isinstance(self.scale, Gamma) else None

    def at_mean_of_hyperprior(self) -> InverseGamma:
        """See :meth:`ScalePrior.at_mean_of_hyperprior`."""
        prior = self.hyperprior
        if prior is None:
            return self
        return replace(self, scale=collapsed(np.asarray(prior.shape) / np.asarray(prior.rate)))

    def standardized(self, factor: np.ndarray) -> Self:
        """See :meth:`ScalePrior.standardized`."""
        if isinstance(self.scale, Gamma):
            return replace(self, scale=self.scale.standardized(factor))
        return super().standardized(factor)

    def resolved(self, columns: Columns) -> InverseGamma:
        """See :meth:`ScalePrior.resolved`."""
        if isinstance(self.scale, Gamma):
            return replace(self, scale=self.scale.resolved(columns))
        return replace(self, scale=filled(self.scale, 0.5 * columns.spread, columns.names))

    def terms(self, size: int) -> LogScaleTerms:
        """See :meth:`ScalePrior.terms`."""
        shape, scale = self._expanded("shape", size), self._expanded("scale", size)
        constant = shape * np.log(scale) - gammaln(shape)
        return LogScaleTerms.of(constant=constant, power=-shape - 1, rate=scale, exponent=-1.0)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """See :meth:`ScalePrior.draw`."""
        order, scale = self._expanded("shape", shape[-1]), self._expanded("scale", shape[-1])
        return scale / rng.standard_gamma(order, shape)


def _of_columns(
    owner: ScalePrior, name: str, value: Given, *, positive: bool = True
) -> Hyperparameter:
    """Check a hyperparameter with units, which can be filled from the columns."""
    return checked(type(owner).__name__, name, value, positive=positive, by_column=True)


def _required(owner: ScalePrior, name: str, value: Given) -> Hyperparameter:
    """Check a hyperparameter without units, which cannot be filled from the data."""
    if value is None:
        raise SpecificationError(
            f"{type(owner).__name__}: {name} must be a positive number, not None."
        )
    return checked(type(owner).__name__, name, value)
