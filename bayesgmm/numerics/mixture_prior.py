"""The priors of a mixture, as the numbers that compiled code takes.

That of one covariance matrix Sigma = D R D, with D = diag(sigma) and R = (1 - shrinkage) C +
shrinkage I, is

    log p(sigma, C) = sum_i log p_i(sigma_i) + log LKJ(C | eta)
                      - count / 2 log|Sigma| - tr(Sigma^-1 scatter) / 2

The second line is what ``count`` rows with this scatter about the mean would add to the
likelihood: prior rows. Compiled code adds them to the rows of the table, so that an
inverse-Wishart prior, which is little else, costs it nothing. Other priors have none of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class CovariancePrior(NamedTuple):
    """The coefficients of the prior of every free covariance matrix.

    A named tuple, because these can enter compiled functions.

    Attributes
    ----------
    terms : array, shape (s, 6)
        One row for every scale, as ``kernels/scale_priors.py`` takes them.
    eta, shrinkage : float
        Shape of the LKJ distribution of C (1: flat), and how far R is from it.
    count : float
        Number of prior rows.
    scatter : array, shape (s, s)
        Their scatter; without correlations only its diagonal counts.
    freedom : float
        What the prior adds to the number of rows in the degrees of freedom of a Gibbs proposal.
    """

    terms: np.ndarray
    eta: float
    shrinkage: float
    count: float
    scatter: np.ndarray
    freedom: float

    @classmethod
    def without_rows(
        cls, terms: np.ndarray, *, eta: float = 1.0, shrinkage: float = 0.0
    ) -> CovariancePrior:
        """Return the prior of scales and correlations that are independent.

        A Gibbs proposal has one degree of freedom less than there are rows: the likelihood alone,
        over |Sigma|^(-d/2), see ``kernels/conditionals.py``.
        """
        size = terms.shape[0]
        return cls(terms, eta, shrinkage, 0.0, np.zeros((size, size)), -1.0)

    @classmethod
    def flat(cls, n_scales: int) -> CovariancePrior:
        """Return the prior that says nothing."""
        return cls.without_rows(np.zeros((n_scales, 6)))


class MixturePrior(NamedTuple):
    """The coefficients of the priors of weights, means and covariances.

    Attributes
    ----------
    constant : float
        What is added to the log density.
    concentration : array, shape (k,)
        Of the Dirichlet prior of the weights.
    loc, precision : array, shape (d,)
        Of the normal prior of the means.
    n_matrices : int
        Number of free covariance matrices: k, or 1 where they are tied.
    covariances : CovariancePrior
        Of every free covariance matrix.
    """

    constant: float
    concentration: np.ndarray
    loc: np.ndarray
    precision: np.ndarray
    n_matrices: int
    covariances: CovariancePrior

    def as_compiled(self) -> MixturePrior:
        """Return the same with arrays and numbers of the one kind that kernels are compiled for."""
        terms, eta, shrinkage, count, scatter, freedom = self.covariances
        covariances = CovariancePrior(
            np.array(terms), float(eta), float(shrinkage), float(count), np.array(scatter),
            float(freedom),
        )  # fmt: skip
        concentration, loc, precision = (
            np.array(array, dtype=np.float64)
            for array in (self.concentration, self.loc, self.precision)
        )
        return MixturePrior(
            float(self.constant), concentration, loc, precision, int(self.n_matrices), covariances
        )
