"""The priors of a mixture, as the coefficients that compiled code takes.

The prior of one covariance matrix Sigma = D R D, with D = diag(sigma) and R a correlation matrix,
is

    log p(sigma, R) = sum_j log p_j(sigma_j) + (eta - 1) log|R|
                      - count / 2 log|Sigma| - tr(Sigma^-1 scatter) / 2
                      - beta sum_j log((Sigma^-1)_jj + rate_j)
                      - sum_j (floor_j^2 (Sigma^-1)_jj)^4

The first line has independent priors of scales and correlations (LKJ). The second is the
log-likelihood of ``count`` prior rows with this scatter about the mean. Compiled code adds them to
the rows of the table, so that inverse-Wishart priors, which are prior rows and terms of this form,
need no code of their own. The third turns this into a scale mixture of inverse-Wishart
distributions (Huang & Wand, 2013) with scale matrix diag(psi), psi integrated out. The fourth keeps
partial standard deviations, of one feature given all others, 1 / sqrt((Sigma^-1)_jj), above the
floor. It bounds the posterior density for any rows and other priors: as Sigma becomes singular,
one of its terms grows faster than any power of |Sigma|.

A factor-analytic matrix is Sigma = D (I + A A') D with A (d, q); sigma_j^2 are uniquenesses, and

    log p(sigma, A) = sum_j log p_j(sigma_j)
                      - beta sum_j log(1 / sigma_j^2 + rate_j) - sum_j (floor_j / sigma_j)^8
                      - (signal_shape + d / 2) sum_r log(signal_rate + |A_r|^2 / 2)

up to a constant. The entries of a column A_r are normal with mean 0 and variance theta_r, an
inverse gamma variable with this shape and rate, integrated out: columns are multivariate t. A has
no units, so that this prior is the same for narrow and for wide components.

References
----------
Huang, A. and Wand, M. P. (2013). Simple marginally noninformative prior distributions for
covariance matrices. Bayesian Analysis 8, 439-452.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class CovariancePrior(NamedTuple):
    """The coefficients of the prior of every free covariance matrix.

    A named tuple, because compiled functions can take these.

    Attributes
    ----------
    terms : array, shape (s, 6)
        The coefficients of every scale, see ``kernels/covariances.py``.
    eta : float
        Shape of the LKJ distribution of R; 1 for a flat one.
    beta : float
        Power of the scale mixture; 0 without one.
    rate : array, shape (s,)
        Rates of the scale mixture, in one over the squared units of the features.
    count : float
        Number of prior rows.
    scatter : array, shape (s, s)
        Their scatter; without correlations only its diagonal is used.
    freedom : float
        Degrees of freedom that the prior adds to those of a Gibbs proposal.
    floor : array, shape (s,)
        Lower bounds of partial standard deviations; 0 without a bound.
    n_factors : float
        Number of factors, q; 0 where matrices are not factor-analytic.
    signal_shape, signal_rate : float
        Parameters of the inverse gamma prior of theta.
    """

    terms: np.ndarray
    eta: float
    beta: float
    rate: np.ndarray
    count: float
    scatter: np.ndarray
    freedom: float
    floor: np.ndarray
    n_factors: float = 0.0
    signal_shape: float = 1.0
    signal_rate: float = 1.0

    @classmethod
    def without_rows(cls, terms: np.ndarray, *, eta: float = 1.0) -> CovariancePrior:
        """Return the prior of independent scales and correlations.

        A Gibbs proposal has one degree of freedom less than the number of rows: it is the
        likelihood times |Sigma|^(-d/2), see ``kernels/full_conditionals.py``.
        """
        size = terms.shape[0]
        nothing = np.zeros(size)
        return cls(terms, eta, 0.0, nothing, 0.0, np.zeros((size, size)), -1.0, nothing)

    @classmethod
    def flat(cls, n_scales: int) -> CovariancePrior:
        """Return the flat prior."""
        return cls.without_rows(np.zeros((n_scales, 6)))


def scale_terms(
    log_scales: Float[np.ndarray, "*batch s"], terms: Float[np.ndarray, "s 6"]
) -> tuple[Float[np.ndarray, "*batch s"], Float[np.ndarray, "*batch s"]]:
    """Return log p(sigma) and its derivative in log(sigma); see ``kernels/covariances.py``."""
    constant, power, rate, exponent, precision, center = terms.T
    tail = rate * np.exp(exponent * log_scales)
    distance = log_scales - center
    value = constant + power * log_scales - tail - 0.5 * precision * distance**2
    return value, power - exponent * tail - precision * distance


class MixturePrior(NamedTuple):
    """The coefficients of the priors of weights, means and covariances.

    Attributes
    ----------
    constant : float
        Constant term of the log density.
    concentration : array, shape (k,)
        Concentration of the Dirichlet prior of the weights.
    loc, precision : array, shape (k, d)
        Parameters of the normal priors of the means.
    n_matrices : int
        Number of free covariance matrices: k, or 1 if they are tied.
    covariances : CovariancePrior
        The prior of every free covariance matrix.
    """

    constant: float
    concentration: np.ndarray
    loc: np.ndarray
    precision: np.ndarray
    n_matrices: int
    covariances: CovariancePrior

    def as_compiled(self) -> MixturePrior:
        """Return the prior with the types of arrays and numbers that kernels are compiled for."""

        def of_one_kind(value: np.ndarray | float) -> np.ndarray | float:
            return (
                np.array(value, dtype=np.float64) if isinstance(value, np.ndarray) else float(value)
            )

        covariances = CovariancePrior(*map(of_one_kind, self.covariances))
        concentration, loc, precision = map(
            of_one_kind, (self.concentration, self.loc, self.precision)
        )
        return MixturePrior(
            float(self.constant), concentration, loc, precision, int(self.n_matrices), covariances
        )
