"""Priors of the number of components, and what they say about the number of clusters.

A component is filled if rows are allocated to it; filled components are clusters. K components can
have fewer clusters, K+, and the prior of K+ depends on the number of rows and on the prior of the
weights as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import betaln, gammaln, logsumexp
from scipy.stats import f as f_distribution

from bayesgmm.errors import SpecificationError
from bayesgmm.numerics.kernels.partition_prior import cluster_probabilities
from bayesgmm.options import expect_between, expect_whole, is_number
from bayesgmm.priors.hyperparameters import checked, words
from bayesgmm.priors.weights import Dirichlet

_LARGEST = 50  # components, unless a prior says otherwise


@dataclass(frozen=True)
class NumberPrior(ABC):
    """A prior of the number of components, K = 1, 2, ..., ``at_most``; not to be used itself."""

    @property
    @abstractmethod
    def largest(self) -> int:
        """The largest number of components."""

    @property
    def is_truncated(self) -> bool:
        """Whether the distribution goes on beyond the largest number that is considered."""
        return False

    @abstractmethod
    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """Return the log probabilities of these numbers, up to a constant."""

    def log_probabilities(self) -> Float[np.ndarray, " m"]:
        """Return log p(K) for K = 1, ..., largest; normalized."""
        masses = self._log_masses(np.arange(1.0, self.largest + 1))
        return masses - logsumexp(masses)

    def _expect_positive(self, name: str) -> None:
        value = getattr(self, name)
        if not is_number(value) or not value > 0 or not np.isfinite(value):
            raise SpecificationError(
                f"{type(self).__name__}: {name} must be a positive number, not {value!r}."
            )


class TruncatedPrior(NumberPrior):
    """A prior of all numbers, of which larger ones are left out; not to be used itself."""

    at_most: int

    @property
    def largest(self) -> int:
        """See :attr:`NumberPrior.largest`."""
        return self.at_most

    @property
    def is_truncated(self) -> bool:
        """See :attr:`NumberPrior.is_truncated`."""
        return True


@dataclass(frozen=True)
class BetaNegativeBinomial(TruncatedPrior):
    """Beta-negative-binomial prior of K - 1.

    The recommendation of Fruehwirth-Schnatter, Malsiner-Walli & Gruen (2021): with (1, 4, 3), the
    default, K has mean 2 and is 1 with probability 0.57, and its tail falls as K^-5, so that
    many components are unlikely but not excluded.

    Parameters
    ----------
    r, alpha, beta : float, default 1.0, 4.0 and 3.0
        K - 1 is negative binomial, the failures before ``r`` successes whose probability has a
        Beta(alpha, beta) distribution.
    at_most : int, default 50
        Larger numbers are left out; a fit says so if they would matter.

    Raises
    ------
    SpecificationError
        If a parameter is not positive.

    References
    ----------
    Fruehwirth-Schnatter, S., Malsiner-Walli, G. and Gruen, B. (2021). Generalized mixtures of
    finite mixtures and telescoping sampling. Bayesian Analysis 16, 1279-1307.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import numpy as np
    >>> np.exp(bg.BetaNegativeBinomial().log_probabilities()[:3]).round(3)
    array([0.571, 0.214, 0.095])
    """

    r: float = 1.0
    alpha: float = 4.0
    beta: float = 3.0
    at_most: int = _LARGEST

    def __post_init__(self) -> None:
        for name in ("r", "alpha", "beta"):
            self._expect_positive(name)
        expect_whole(self, "at_most")

    def __str__(self) -> str:
        return f"1 + BetaNegativeBinomial({self.r:g}, {self.alpha:g}, {self.beta:g})"

    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        x = numbers - 1
        return gammaln(self.r + x) - gammaln(x + 1) + betaln(self.r + self.alpha, x + self.beta)


@dataclass(frozen=True)
class UniformCount(NumberPrior):
    """Every number of components in a range is equally likely.

    Parameters
    ----------
    low, high : int, default 1 and 30
        The range, both ends included.

    Raises
    ------
    SpecificationError
        If they are not whole numbers with 1 <= low <= high.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.UniformCount(1, 10))
    Uniform(1 to 10)
    """

    low: int = 1
    high: int = 30

    def __post_init__(self) -> None:
        expect_whole(self, "low")
        expect_whole(self, "high")
        if self.low > self.high:
            raise SpecificationError(
                f"UniformCount: high must be at least low, {self.low}, not {self.high}."
            )

    def __str__(self) -> str:
        return f"Uniform({self.low} to {self.high})"

    @property
    def largest(self) -> int:
        """See :attr:`NumberPrior.largest`."""
        return self.high

    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return np.where(numbers >= self.low, 0.0, -np.inf)


@dataclass(frozen=True)
class FixedCount(NumberPrior):
    """A known number of components, fitted as an unknown one is.

    For what only that sampler has: hyperpriors of scales, and sparse finite mixtures, a small
    Dirichlet concentration with more components than clusters (Malsiner-Walli et al., 2016).

    Parameters
    ----------
    n_components : int

    Raises
    ------
    SpecificationError
        If it is not a whole number of at least 1.

    References
    ----------
    Malsiner-Walli, G., Fruehwirth-Schnatter, S. and Gruen, B. (2016). Model-based clustering based
    on sparse finite Gaussian mixtures. Statistics and Computing 26, 303-324.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> spec = bg.MixtureSpec(bg.FixedCount(10), weights=bg.Dirichlet(0.01))
    >>> table = bg.prior_number_of_clusters(spec, 100)
    >>> table["clusters"].sel(number=[1, 2]).values.round(2)
    array([0.63, 0.3 ])
    """

    n_components: int = 10

    def __post_init__(self) -> None:
        expect_whole(self, "n_components")

    def __str__(self) -> str:
        return f"{self.n_components}"

    @property
    def largest(self) -> int:
        """See :attr:`NumberPrior.largest`."""
        return self.n_components

    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return np.where(numbers == self.n_components, 0.0, -np.inf)


@dataclass(frozen=True)
class Geometric(TruncatedPrior):
    """Geometric prior of K - 1: every further component is less likely by the same factor.

    Parameters
    ----------
    probability : float, default 0.1
        p(K = 1); p(K + 1) / p(K) is one minus it.
    at_most : int, default 50
        Larger numbers are left out; a fit says so if they would matter.

    Raises
    ------
    SpecificationError
        If ``probability`` does not lie between 0 and 1.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import numpy as np
    >>> np.exp(bg.Geometric(0.5).log_probabilities()[:3]).round(3)
    array([0.5  , 0.25 , 0.125])
    """

    probability: float = 0.1
    at_most: int = _LARGEST

    def __post_init__(self) -> None:
        expect_between(self, "probability", 0, 1)
        expect_whole(self, "at_most")

    def __str__(self) -> str:
        return f"1 + Geometric({self.probability:g})"

    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return (numbers - 1) * np.log1p(-self.probability)


@dataclass(frozen=True)
class PoissonCount(TruncatedPrior):
    """Poisson prior of K - 1.

    Parameters
    ----------
    rate : float, default 1.0
        The mean of K - 1.
    at_most : int, default 50
        Larger numbers are left out; a fit says so if they would matter.

    Raises
    ------
    SpecificationError
        If ``rate`` is not positive.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> import numpy as np
    >>> np.exp(bg.PoissonCount(1.0).log_probabilities()[:3]).round(3)
    array([0.368, 0.368, 0.184])
    """

    rate: float = 1.0
    at_most: int = _LARGEST

    def __post_init__(self) -> None:
        self._expect_positive("rate")
        expect_whole(self, "at_most")

    def __str__(self) -> str:
        return f"1 + Poisson({self.rate:g})"

    def _log_masses(self, numbers: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        return (numbers - 1) * np.log(self.rate) - gammaln(numbers)


F_FREEDOM = (6.0, 3.0)
"""Degrees of freedom of the prior of alpha (Fruehwirth-Schnatter et al., 2021)."""


@dataclass(frozen=True)
class DynamicDirichlet:
    """Dirichlet prior of the weights whose concentration alpha / K falls as components are added.

    With an unknown number of components only. Among many components few are then filled, so that
    components that the rows do not need stay empty, instead of splitting clusters
    (Fruehwirth-Schnatter, Malsiner-Walli & Gruen, 2021).

    Parameters
    ----------
    alpha : float, optional
        Sum of the concentrations. ``None``, the default, infers it: its prior is F(6, 3), with
        mean 3 and a heavy tail.

    Raises
    ------
    SpecificationError
        If ``alpha`` is not a positive number.

    References
    ----------
    Fruehwirth-Schnatter, S., Malsiner-Walli, G. and Gruen, B. (2021). Generalized mixtures of
    finite mixtures and telescoping sampling. Bayesian Analysis 16, 1279-1307.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> print(bg.DynamicDirichlet())
    Dirichlet(concentration alpha / K, alpha ~ F(6, 3))
    """

    alpha: float | None = None

    def __post_init__(self) -> None:
        alpha: Any = checked("DynamicDirichlet", "alpha", self.alpha, each=None)
        object.__setattr__(self, "alpha", alpha)

    def __str__(self) -> str:
        alpha = "alpha / K, alpha ~ F(6, 3)" if self.alpha is None else f"{words(self.alpha)} / K"
        return f"Dirichlet(concentration {alpha})"

    def expanded(self, n_components: int) -> np.ndarray:
        """Return the concentrations of K components, shape (k,); at alpha = 1 if it is inferred."""
        return np.full(n_components, (self.alpha or 1.0) / n_components)


def probabilities_of_clusters(
    number: NumberPrior, weights: Dirichlet | DynamicDirichlet, n_rows: int
) -> Float[np.ndarray, " m"]:
    """Return p(K+ = k | n) for k = 1, ..., largest, exactly.

    The distribution of K+ given K follows row by row from Polya's urn; Greve et al. (2022) give the
    same by sums over partitions.

    References
    ----------
    Greve, J., Gruen, B., Malsiner-Walli, G. and Fruehwirth-Schnatter, S. (2022). Spying on the
    prior of the number of data clusters and the partition distribution in Bayesian cluster
    analysis. Australian & New Zealand Journal of Statistics 64, 205-229.
    """
    prior = np.exp(number.log_probabilities())
    numbers = np.flatnonzero(prior > _LEAST_PROBABILITY) + 1.0
    shares = prior[numbers.astype(int) - 1]
    found = np.zeros(number.largest)
    for concentrations, mass in zip(*_concentrations(weights, numbers), strict=True):
        chances = cluster_probabilities(numbers, np.ascontiguousarray(concentrations), n_rows)
        found[: chances.shape[1]] += mass * shares @ chances
    return found


_LEAST_PROBABILITY = 1e-9
_NODES = 48  # of a quadrature over alpha


def _concentrations(
    weights: Dirichlet | DynamicDirichlet, numbers: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "a m"], Float[np.ndarray, " a"]]:
    """Return the concentration of every component, for values of alpha and of K, and the masses."""
    if isinstance(weights, Dirichlet):
        return np.full((1, numbers.size), weights.expanded(1)[0]), np.ones(1)
    if weights.alpha is not None:
        return (weights.alpha / numbers)[None], np.ones(1)
    nodes, masses = np.polynomial.legendre.leggauss(_NODES)
    alphas = f_distribution(*F_FREEDOM).ppf(0.5 * (nodes + 1))
    return alphas[:, None] / numbers, 0.5 * masses
