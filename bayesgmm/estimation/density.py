"""The log density of a mixture given rows: one density, over two kinds of coordinates.

Engines draw positions: log-ratios of weights, means, log standard deviations and unconstrained
correlations. The density over these (``Target``) includes their Jacobians.

EM seeks a mode, and a mode depends on the coordinates over which the density is taken. Those of
``Objective`` are the weights, the means along axes in which their component has no correlations (a
factor |R|^(1/2) for each), the logarithms of the standard deviations, and the unconstrained
correlations of ``kernels/covariances.py``. The mode is then independent of the order and the
units of the features, weights with a flat Dirichlet prior are those of maximum likelihood, and
there is no mode where a component takes a few rows only: over standard deviations and correlations
themselves the density grows without bound there, although next to no probability lies there. Under
an inverse-Wishart prior the coordinates are the means and the entries of the covariance matrices
instead, where the mode has a closed form given the allocations.

Both differ in the priors only. ``prior_as_numbers`` makes them from a spec, and ``LogPosterior``
adds the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import gammaln, xlogy

from bayesgmm.data.dataset import Dataset
from bayesgmm.numerics.factor_analyzers import (
    Analyzers,
    FactorLogPosterior,
    factor_statistics,
    log_prior_of_factors,
)
from bayesgmm.numerics.kernels.covariances import partial_prior, scale_prior
from bayesgmm.numerics.log_posterior import LogPosterior
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.statistics import WIDE, sufficient_statistics
from bayesgmm.numerics.unconstrained import FactorMap, Layout, made_regular
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.spec import MixtureSpec, layout_of

SMALLEST_SCALE = 1e-7
"""Of the typical spread of a feature: below this a component is a point."""


def prior_as_numbers(
    spec: MixtureSpec, layout: Layout, *, of_mode: bool, uses_prior: bool = True
) -> MixturePrior:
    """Return the priors of a spec as numbers; flat ones where no prior is used.

    Over positions they are normalized. With ``of_mode`` they are over the coordinates of the mode,
    up to a constant, and the concentrations are pseudo-counts a_k - 1. Where a concentration is
    below 1 the density has no mode on the simplex, and a_k is kept instead: the mode with respect
    to the log-ratios of the weights.
    """
    (k, d), n_matrices = (layout.n_components, layout.n_features), layout.covariances.n_matrices
    if not uses_prior:
        flat, zeros = CovariancePrior.flat(layout.covariances.n_scales), np.zeros((k, d))
        # Of a shape at which the prior of loadings is flat, too.
        flat = flat._replace(n_factors=layout.covariances.n_factors, signal_shape=-0.5 * d)
        return MixturePrior(0.0, np.zeros(k), zeros, zeros, n_matrices, flat)
    concentration, (loc, precision) = spec.weights.expanded(k), spec.means.expanded(k, d)
    constant = 0.0
    if of_mode and np.all(concentration >= 1):
        concentration = concentration - 1.0
    elif not of_mode:
        constant = _log_dirichlet_constant(concentration)
        constant += 0.5 * math.fsum(np.log(precision / (2 * np.pi)).sum(axis=1))
    covariances = spec.covariance_prior(d, of_mode=of_mode)
    return MixturePrior(constant, concentration, loc, precision, n_matrices, covariances)


def _log_dirichlet_constant(concentration: np.ndarray) -> float:
    """Log normalizer of the Dirichlet density, with log k from the Jacobian of its transform."""
    if concentration.size == 1:
        return 0.0
    normalizer = gammaln(concentration.sum()) - gammaln(concentration).sum()
    return float(normalizer + np.log(concentration.size))


@dataclass(frozen=True, eq=False)
class Target:
    """Log posterior density and gradient of positions, which engines draw from.

    It is normalized as the PyMC model's log density is, likelihood, priors and Jacobians
    included, and equals it to rounding error.

    Attributes
    ----------
    spec : MixtureSpec
        With every hyperparameter a number.
    data : Dataset
        In the units of the hyperparameters.
    """

    spec: MixtureSpec
    data: Dataset

    @cached_property
    def layout(self) -> Layout:
        """Where each parameter lies in a position."""
        return layout_of(self.spec, self.data.n_features)

    @cached_property
    def log_posterior(self) -> LogPosterior:
        """The compiled function."""
        prior = prior_as_numbers(self.spec, self.layout, of_mode=False)
        return LogPosterior(self.data.fitted_rows, prior, self.layout.covariances)

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        return self._function(position)

    @cached_property
    def _function(self) -> LogPosterior | FactorLogPosterior:
        """The compiled function, or a faster one for factor analyzers with many features."""
        X, covariances = self.data.fitted_rows, self.layout.covariances
        if isinstance(covariances, FactorMap) and covariances.n_features >= WIDE and not X.has_gaps:
            return FactorLogPosterior(X, self.log_posterior.mixture_prior, covariances)
        return self.log_posterior

    def position_of(self, parameters: MixtureParameters) -> Float[np.ndarray, " p"]:
        """Return the position of some parameters, moved off the edge of the space if need be."""
        # A mode may have weights of zero, and maximum likelihood singular correlation matrices.
        total = self.data.fitted.total_weight
        least = 1 / (total + parameters.n_components)  # what no row would leave it
        weights = np.maximum(parameters.weights, least)
        inner = replace(parameters, weights=weights / weights.sum())
        if isinstance(parameters.correlations, np.ndarray):
            inner = replace(inner, correlations=made_regular(parameters.correlations))
        return self.layout.pack(inner)

    def rough_deviations(self, parameters: MixtureParameters) -> Float[np.ndarray, " p"]:
        """Return rough posterior standard deviations of a position around some parameters."""
        precision, total = self.log_posterior.mixture_prior.precision, self.data.fitted.total_weight
        return self.layout.rough_deviations(parameters, total, precision)


@dataclass(frozen=True, eq=False)
class Objective:
    """The function that EM maximizes, of any rows: the posterior density, or the likelihood.

    Attributes
    ----------
    spec : MixtureSpec
        With every hyperparameter a number.
    n_features : int
        d.
    uses_prior : bool
        ``False`` for maximum likelihood: all prior terms vanish.
    spread : array, shape (d,), or None
        The typical spread of each feature, which outliers do not change; ``None`` for ones.
    """

    spec: MixtureSpec
    n_features: int
    uses_prior: bool = True
    spread: Float[np.ndarray, " d"] | None = None

    @cached_property
    def layout(self) -> Layout:
        """Sizes of the free parameters."""
        return layout_of(self.spec, self.n_features)

    @cached_property
    def mode_prior(self) -> MixturePrior:
        """The priors over the coordinates of the mode."""
        return prior_as_numbers(self.spec, self.layout, of_mode=True, uses_prior=self.uses_prior)

    @cached_property
    def mixture_prior(self) -> MixturePrior:
        """The same without the Jacobians that compiled code adds.

        Of the logarithms, one in the power of every scale; of the correlation coordinates,
        (d + 1) / 2 in the shape of the LKJ prior. That of the log-ratios is one in every
        concentration, which pseudo-counts lack.
        """
        covariances = self.mode_prior.covariances
        terms, eta = covariances.terms.copy(), covariances.eta - 0.5 * (self.n_features + 1)
        terms[:, 1] -= 1.0
        covariances = covariances._replace(terms=terms, eta=eta)
        return self.mode_prior._replace(covariances=covariances).as_compiled()

    def function_of(self, X: Rows) -> LogPosterior | FactorLogPosterior:
        """Return value (up to a constant) and gradient as a function of a position."""
        if isinstance(self.layout.covariances, FactorMap) and not X.has_gaps:
            return FactorLogPosterior(X, self.mixture_prior, self.layout.covariances)
        return LogPosterior(X, self.mixture_prior, self.layout.covariances)

    def height(self, X: Rows, parameters: MixtureParameters) -> float:
        """Return the value at some parameters, up to the constant of the Dirichlet."""
        if isinstance(self.layout.covariances, FactorMap) and not X.has_gaps:
            log_likelihood = factor_statistics(X, Analyzers.of(parameters)).log_likelihood
        else:
            log_likelihood = sufficient_statistics(X, parameters).log_likelihood
        return float(log_likelihood + self.log_prior(parameters))

    @cached_property
    def tells_apart(self) -> bool:
        """Whether the priors of any two components differ, be they used or not."""
        hyperparameters = self.spec.of_each_component(self.n_features)
        return bool(np.any(hyperparameters != hyperparameters[0]))

    @cached_property
    def smallest_scales(self) -> Float[np.ndarray, " s"]:
        """Where a free scale counts as zero; one for all features, or one for each."""
        spread = np.ones(self.n_features) if self.spread is None else self.spread
        if self.layout.covariances.isotropic:
            spread = np.sqrt(np.mean(spread**2, keepdims=True))
        return SMALLEST_SCALE * spread

    def log_prior(self, parameters: MixtureParameters) -> float:
        """Log prior density of the parameters, up to the constant of the Dirichlet."""
        if not self.uses_prior:
            return 0.0
        prior = self.mode_prior
        distance = parameters.means - prior.loc
        # A weight may be zero where its pseudo-count is, and then contributes nothing.
        total = float(np.sum(xlogy(prior.concentration, parameters.weights)))
        normal = np.log(prior.precision / (2 * np.pi)) - prior.precision * distance**2
        total += 0.5 * float(np.sum(normal))
        if isinstance(self.layout.covariances, FactorMap):
            return total + self._log_prior_of_factors(parameters)
        free = np.log(self.layout.covariances.free_scales(parameters.scales))
        terms = prior.covariances.terms
        total += float(sum(scale_prior(terms[place[1]], u)[0] for place, u in np.ndenumerate(free)))
        return total + self._log_prior_of_matrices(parameters)

    def _log_prior_of_factors(self, parameters: MixtureParameters) -> float:
        covariances, prior = self.layout.covariances, self.mode_prior.covariances
        assert isinstance(covariances, FactorMap)
        assert isinstance(parameters.correlations, FactoredCorrelations)
        parts = covariances.taken_apart(parameters.scales, parameters.correlations)
        return float(log_prior_of_factors(*parts, prior).sum())

    def _log_prior_of_matrices(self, parameters: MixtureParameters) -> float:
        """All terms of a ``CovariancePrior`` but those of single scales.

        Minus infinity where a matrix is singular as floating point numbers are.
        """
        prior, structure = self.mode_prior.covariances, self.layout.covariances
        total = 0.0
        for covariance in structure.free_matrices(parameters.covariances):
            log_scales = 0.5 * np.log(np.diagonal(covariance))
            try:
                factor = np.linalg.cholesky(covariance)
            except np.linalg.LinAlgError:
                return -math.inf
            log_determinant = 2.0 * float(np.log(np.diagonal(factor)).sum())
            whitened = solve_triangular(factor, np.eye(self.n_features), lower=True)
            precisions = np.sum(whitened**2, axis=0)[: structure.n_scales]
            if structure.correlated:
                total += (prior.eta - 1) * (log_determinant - 2.0 * float(log_scales.sum()))
            if prior.count > 0:
                total -= 0.5 * prior.count * log_determinant
                total -= 0.5 * float(np.trace(whitened @ prior.scatter @ whitened.T))
            total += partial_prior(precisions, prior)
        return total
