"""The covariance structures whose prior is one of whole matrices: inverse-Wishart."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.distributions import inverse_wishart_log_normalizer
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.unconstrained import Relation
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.hyperparameters import (
    ByColumn,
    Matrix,
    checked,
    checked_matrix,
    expanded_matrix,
    filled,
    words,
)
from bayesgmm.priors.scales import Columns, LogScaleTerms
from bayesgmm.priors.wishart import Wishart, rescaled


@dataclass(frozen=True)
class InverseWishartStructure(CovarianceStructure):
    """A structure with an inverse-Wishart prior; not to be used itself."""

    conjugate: ClassVar[bool] = True

    degrees_of_freedom: float | None = None
    scale_matrix: Matrix | Wishart = None

    def __post_init__(self) -> None:
        owner = type(self).__name__
        freedom = checked(owner, "degrees_of_freedom", self.degrees_of_freedom, each=None)
        object.__setattr__(self, "degrees_of_freedom", freedom)
        if not isinstance(self.scale_matrix, Wishart):
            matrix = checked_matrix(owner, "scale_matrix", self.scale_matrix)
            object.__setattr__(self, "scale_matrix", matrix)

    @property
    def scales_in_words(self) -> str:
        """See :attr:`CovarianceStructure.scales_in_words`."""
        return (
            "an inverse-Wishart distribution of the covariance matrix, which ties them to the "
            "correlations"
        )

    def expect_features(self, n_features: int) -> None:
        """See :meth:`CovarianceStructure.expect_features`."""
        matrix = self.hyperprior.scale if self.hyperprior else self.scale_matrix
        if matrix is not None and not isinstance(matrix, ByColumn | Wishart):
            expanded_matrix(type(self).__name__, "scale_matrix", matrix, n_features)
        freedom = self.degrees_of_freedom
        if freedom is not None and freedom <= n_features - 1:
            raise SpecificationError(
                f"{type(self).__name__}: degrees_of_freedom is {freedom:g} but must be above "
                f"{n_features - 1}, the number of features minus one; "
                f"leave it out for {n_features + 2}."
            )

    def resolved(self, columns: Columns) -> InverseWishartStructure:
        """See :meth:`CovarianceStructure.resolved`."""
        spread = columns.spread
        size, freedom, scale = spread.size, self.degrees_of_freedom, self.scale_matrix
        freedom = size + 2.0 if freedom is None else freedom
        typical = (freedom - size + 1) / 12 * spread**2
        if isinstance(scale, Wishart):
            scale = scale.resolved(columns, typical)
        else:
            scale = filled(scale, typical, columns.names)
        return replace(self, degrees_of_freedom=freedom, scale_matrix=scale)

    def standardized(self, factor: np.ndarray) -> InverseWishartStructure:
        """See :meth:`CovarianceStructure.standardized`."""
        scale = self.scale_matrix
        if isinstance(scale, Wishart):
            return replace(self, scale_matrix=scale.standardized(factor))
        return replace(self, scale_matrix=rescaled(scale, factor))

    @property
    def hyperprior(self) -> Wishart | None:
        """See :attr:`CovarianceStructure.hyperprior`."""
        return self.scale_matrix if isinstance(self.scale_matrix, Wishart) else None

    def at_mean_of_hyperprior(self) -> InverseWishartStructure:
        """See :meth:`CovarianceStructure.at_mean_of_hyperprior`."""
        prior = self.hyperprior
        return self if prior is None else replace(self, scale_matrix=prior.mean)

    def matrix(self, n_features: int) -> Float[np.ndarray, "d d"]:
        """Return the scale matrix; it must not be ``None``."""
        assert not isinstance(self.scale_matrix, Wishart)
        return expanded_matrix(type(self).__name__, "scale_matrix", self.scale_matrix, n_features)

    def prior(self, n_features: int) -> CovariancePrior:
        """Return the prior of one matrix as numbers.

        The density of Sigma is, apart from a constant, that of nu + d + 1 prior rows with scatter
        Psi. Over standard deviations and correlations it is the same times 2^d times the product
        of all sigma_i^d, the Jacobian. The posterior is inverse-Wishart again.
        """
        freedom, scale = self.degrees_of_freedom, self.matrix(n_features)
        assert freedom is not None
        constant = inverse_wishart_log_normalizer(freedom, scale) + n_features * math.log(2)
        shares = np.full(n_features, constant / n_features)
        terms = LogScaleTerms.of(constant=shares, power=float(n_features)).coefficients
        rows = freedom + n_features + 1
        prior = CovariancePrior.without_rows(terms)
        return prior._replace(count=rows, scatter=scale, freedom=freedom)

    def mode_prior(self, n_features: int, n_components: int) -> CovariancePrior:
        """Return the prior over the entries of the matrix.

        Over standard deviations and correlations the density may have no maximum: along
        Sigma = t 1 1' + I it grows with t if d^2 exceeds the number of rows and prior rows. Over
        the matrix it has one, (scatter + Psi) / (N + nu + d + 1).
        """
        prior = self.prior(n_features)
        jacobian = LogScaleTerms.of(constant=np.full(n_features, math.log(2)), power=n_features)
        return prior._replace(terms=prior.terms - jacobian.coefficients)

    def log_jacobian(self, factor: np.ndarray, n_components: int) -> float:
        """See :meth:`CovarianceStructure.log_jacobian`."""
        each = float((factor.size + 1) * np.log(factor).sum())
        return self.covariance_map(n_components, factor.size).n_matrices * each

    def sentences(self) -> dict[str, str]:
        """See :meth:`CovarianceStructure.sentences`."""
        owner = "shared by all components" if self.tied else "one for each component"
        return {"covariances  ~": f"{self}, {owner}"}

    def __str__(self) -> str:
        given = self.degrees_of_freedom
        freedom = "d + 2" if given is None else words(given)
        scale = self.scale_matrix
        matrix = f"~ {scale}" if isinstance(scale, Wishart) else words(scale)
        return f"{type(self).__name__}(degrees_of_freedom {freedom}, scale matrix {matrix})"


@dataclass(frozen=True)
class InverseWishart(InverseWishartStructure):
    """Every component has a covariance matrix of its own, with an inverse-Wishart prior.

    p(Sigma) is proportional to |Sigma|^(-(nu + d + 1) / 2) exp(-tr(Psi Sigma^-1) / 2), with nu
    degrees of freedom and scale matrix Psi, as in SciPy's ``invwishart``. The conjugate prior:
    :class:`Gibbs` draws covariances from their conditional itself, and results compare with
    software that knows no other prior. It ties scales to correlations: where variances are large,
    correlations are likely to be strong. :class:`Full` keeps them apart.

    The density vanishes at singular matrices, so that the posterior is bounded, and has a mode,
    even where rows coincide or lie in a plane.

    Parameters
    ----------
    degrees_of_freedom : float, optional
        nu, above d - 1. ``None`` is d + 2, the smallest whole number for which the covariances
        have a prior mean, Psi / (nu - d - 1): with it, Psi itself.
    scale_matrix : float, sequence of d floats, d x d matrix, Wishart, or None
        Psi, in *squared* units of the features: a positive definite matrix, its diagonal, or one
        number for every entry of the diagonal. A :class:`Wishart` prior of it, where the number of
        components is unknown. ``None`` takes from each column the squared
        typical spread times (nu - d + 1) / 12: with the default degrees of freedom, half the
        spread, squared. Whatever they are, the harmonic mean of the prior of a variance,
        Psi_jj / (nu - d + 1), then is (0.29 spread)^2. With the default, 98 % of the prior of a
        standard deviation lie between 0.15 and 1.5 times that spread, the median at 0.33.

    Raises
    ------
    SpecificationError
        If ``degrees_of_freedom`` is not positive, or ``scale_matrix`` neither positive numbers nor
        a symmetric positive definite matrix.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.InverseWishart(degrees_of_freedom=5, scale_matrix=[[2.0, 0.5], [0.5, 1.0]]))
    InverseWishart(degrees_of_freedom 5, scale matrix ((2, 0.5), (0.5, 1)))
    """


@dataclass(frozen=True)
class TiedInverseWishart(InverseWishartStructure):
    """All components share one covariance matrix, with an inverse-Wishart prior.

    Parameters
    ----------
    degrees_of_freedom : float, optional
        As in :class:`InverseWishart`; above d - 1.
    scale_matrix : float, sequence of d floats, d x d matrix, or None
        As in :class:`InverseWishart`; in squared units of the features.

    Raises
    ------
    SpecificationError
        As :class:`InverseWishart` does.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.TiedInverseWishart())
    TiedInverseWishart(degrees_of_freedom d + 2, scale matrix scaled to the data)
    """

    volume: ClassVar[Relation] = "equal"
    shape: ClassVar[Relation] = "equal"
    orientation: ClassVar[Relation] = "equal"
