"""The factor-analytic structure: few factors cause the correlations of many features."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from scipy.special import gammaln

from bayesgmm.digits import counted
from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.unconstrained import CovarianceMap, FactorMap
from bayesgmm.options import expect_whole_number
from bayesgmm.priors.covariances import SeparatedStructure
from bayesgmm.priors.scales import ScalePrior

SIGNAL_SHAPE = 1.0
"""Of the inverse gamma prior of theta: columns of A are t with two degrees of freedom."""


@dataclass(frozen=True)
class Factors(SeparatedStructure):
    r"""A covariance matrix of few factors, :math:`\Sigma = L L' + \Psi`, for many features.

    Every row is the mean, plus loadings L (d, q) times q standard normal factors, plus independent
    noise whose variances, the diagonal of Psi, are the uniquenesses (mixtures of factor analyzers;
    Ghahramani & Hinton, 1996). A component has d (q + 1) parameters in place of d (d + 1) / 2, and
    can be fitted where it has fewer rows than features. The four parsimonious models of McNicholas
    & Murphy (2008) whose loadings and uniquenesses are both shared, or both not, are UUU (default),
    UUC (``equal_uniquenesses``: probabilistic principal components), CCU (``shared``) and CCC
    (both).

    Loadings are identified up to a rotation of the factors only. Covariances, uniquenesses and
    communalities, 1 - psi_j / sigma_j^2, do not depend on it. A fit keeps ``loadings`` and
    ``uniquenesses`` in place of covariance matrices. :class:`Gibbs` is the engine for many
    features; ``engine="auto"`` takes it.

    Parameters
    ----------
    n_factors : int, default 1
        Number of factors q of every component; fewer than features.
    shared : bool, default False
        Whether all components share one matrix.
    equal_uniquenesses : bool, default False
        Whether the uniquenesses of all features of a component are equal. The features should
        then share one unit.
    scales : ScalePrior, default HalfT()
        Prior of the square roots of the uniquenesses, in the units of the features. Loadings
        divided by these have no units. Those of a factor have a multivariate t prior with two
        degrees of freedom and scale 1 / sqrt(q), so that a signal of about the size of the noise is
        expected, and a far larger one is possible.

    Raises
    ------
    SpecificationError
        If ``n_factors`` is not a positive integer, or an option is not true or false.

    References
    ----------
    Ghahramani, Z. and Hinton, G. E. (1996). The EM algorithm for mixtures of factor analyzers.
    Technical report CRG-TR-96-1, University of Toronto.

    McNicholas, P. D. and Murphy, T. B. (2008). Parsimonious Gaussian mixture models. Statistics and
    Computing 18, 285-296.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.MixtureSpec(3, covariances=bg.Factors(2)))
    Gaussian mixture with 3 components
      weights      ~ Dirichlet(concentration 1)
      means        ~ Normal(loc scaled to the data, scale scaled to the data)
      covariances  : Factors (2 factors; own loadings, own uniquenesses)
      scales       ~ HalfT(scale scaled to the data, degrees_of_freedom 2), of uniquenesses
      loadings     ~ multivariate t, 2 degrees of freedom, in units of the scales
      resolution   : scaled to the data
    """

    n_factors: int = 1
    shared: bool = False
    equal_uniquenesses: bool = False
    scales: ScalePrior | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        expect_whole_number("Factors: n_factors", self.n_factors)
        object.__setattr__(self, "n_factors", int(self.n_factors))
        for name in ("shared", "equal_uniquenesses"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise SpecificationError(
                    f"Factors: {name} must be True or False, not {getattr(self, name)!r}."
                )
            object.__setattr__(self, name, bool(getattr(self, name)))
        relation = "equal" if self.shared else "varying"
        for name in ("volume", "shape", "orientation"):
            object.__setattr__(self, name, relation)
        object.__setattr__(self, "tied", self.shared)
        object.__setattr__(self, "isotropic", self.equal_uniquenesses)
        super().__post_init__()

    @property
    def name(self) -> str:
        """See :attr:`CovarianceStructure.name`: the options that are set belong to it."""
        options = [str(self.n_factors)]
        options += ["shared"] if self.shared else []
        options += ["equal uniquenesses"] if self.equal_uniquenesses else []
        return f"Factors({', '.join(options)})"

    @property
    def scales_in_words(self) -> str:
        """See :attr:`CovarianceStructure.scales_in_words`."""
        of_roots = f"square roots of the uniquenesses follow {super().scales_in_words}"
        return f"from loadings and uniquenesses; {of_roots}"

    def covariance_map(self, n_components: int, n_features: int) -> CovarianceMap:
        """Return the map from coordinates to covariance matrices."""
        if n_features == 1:  # nothing to be correlated with
            return CovarianceMap(n_components, 1, self.volume, self.shape, self.orientation)
        return FactorMap(
            n_components, n_features, self.volume, self.shape, self.orientation,
            self.n_factors, self.equal_uniquenesses,
        )  # fmt: skip

    def expect_features(self, n_features: int) -> None:
        """See :meth:`CovarianceStructure.expect_features`."""
        super().expect_features(n_features)
        if self.n_factors >= n_features > 1:
            raise SpecificationError(
                f"Factors: {counted(self.n_factors, 'factor')} for "
                f"{counted(n_features, 'feature')}; there must be fewer factors than features. "
                "Full() has all correlations."
            )

    def prior(self, n_features: int) -> CovariancePrior:
        """See :meth:`CovarianceStructure.prior`."""
        prior = super().prior(n_features)
        if n_features == 1:
            return prior
        shape, rate, terms = SIGNAL_SHAPE, SIGNAL_SHAPE / self.n_factors, prior.terms.copy()
        constant = gammaln(shape + 0.5 * n_features) - gammaln(shape) + shape * math.log(rate)
        constant -= 0.5 * n_features * math.log(2 * math.pi)
        terms[:, 0] += self.n_factors * constant / self.n_scales(n_features)
        return prior._replace(
            terms=terms, n_factors=self.n_factors, signal_shape=shape, signal_rate=rate
        )

    def sentences(self) -> dict[str, str]:
        """See :meth:`CovarianceStructure.sentences`."""
        owner = "shared" if self.shared else "own"
        each = ", equal for all features" if self.equal_uniquenesses else ""
        factors = counted(self.n_factors, "factor")
        return {
            "covariances  :": f"Factors ({factors}; {owner} loadings, {owner} uniquenesses{each})",
            "scales       ~": f"{self.scales}, of uniquenesses",
            "loadings     ~": "multivariate t, 2 degrees of freedom, in units of the scales",
        }

    def __str__(self) -> str:
        names = ("n_factors", "shared", "equal_uniquenesses")
        options = ", ".join(f"{name} {getattr(self, name)}" for name in names)
        return f"Factors({options}), scales ~ {self.scales}"
