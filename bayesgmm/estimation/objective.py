"""The objective of EM: the likelihood, or the posterior density of a spec.

A mode depends on the coordinates in which the density is taken. Here they are the weights, the
means along axes in which their component has no correlations (a factor |R|^(1/2) for each), the
logarithms of the standard deviations, and the unconstrained correlations of
``kernels/covariances.py``. The mode is then independent of the order and the units of the features,
weights with a flat Dirichlet prior are those of maximum likelihood, and there is no mode where a
component takes a few rows only: over standard deviations and correlations themselves the density
grows without bound there, although next to no probability lies there. Under an inverse-Wishart
prior the coordinates are the means and the entries of the covariance matrices instead, where the
mode has a closed form given the allocations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.linalg import solve_triangular
from scipy.special import xlogy

from bayesgmm.numerics.kernels.covariances import partial_prior, scale_prior
from bayesgmm.numerics.log_posterior import LogPosterior
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior
from bayesgmm.numerics.rows import Rows
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec, layout_of

SMALLEST_SCALE = 1e-7
"""Of the typical spread of a feature: below this a component is a point."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The function that EM maximizes, with the priors as arrays.

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
    uses_prior: bool
    spread: Float[np.ndarray, " d"] | None = None

    @cached_property
    def layout(self) -> Layout:
        """Sizes of the free parameters."""
        return layout_of(self.spec, self.n_features)

    @cached_property
    def concentration(self) -> Float[np.ndarray, " k"]:
        """Of the Dirichlet prior of the weights."""
        return self.spec.weights.expanded(self.spec.n_components)

    @cached_property
    def weight_pseudo_counts(self) -> Float[np.ndarray, " k"]:
        """Pseudo-counts of the components from the Dirichlet prior.

        That is a_k - 1. Where a concentration is below 1 the density has no mode on the simplex,
        and a_k is added instead: the mode with respect to the log-ratios of the weights.
        """
        if not self.uses_prior:
            return np.zeros(self.spec.n_components)
        at_least_one = bool(np.all(self.concentration >= 1))
        return self.concentration - 1.0 if at_least_one else self.concentration

    @cached_property
    def means_prior(self) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, "k d"]]:
        """Locations and precisions of the normal priors of the means."""
        shape = self.spec.n_components, self.n_features
        return self.spec.means.expanded(*shape) if self.uses_prior else (np.zeros(shape),) * 2

    @cached_property
    def hyperparameters(self) -> Float[np.ndarray, "k h"]:
        """Hyperparameters of each component; without a prior they determine exchangeability."""
        return self.spec.of_each_component(self.n_features)

    @property
    def tells_apart(self) -> bool:
        """Whether the priors of any two components differ."""
        return bool(np.any(self.hyperparameters != self.hyperparameters[0]))

    def log_priors_in_places(
        self, weights: Float[np.ndarray, " k"], means: Float[np.ndarray, "k d"]
    ) -> Float[np.ndarray, "k k"]:
        """Return the log prior density of each component (first axis) in every place (second).

        Up to constants that no permutation changes; without a prior, that of the spec.
        """
        loc, precision = self.spec.means.expanded(*means.shape)
        distances = np.sum(precision * (means[:, None] - loc) ** 2, axis=-1)
        log_weights = np.log(np.maximum(weights, np.finfo(float).tiny))
        return log_weights[:, None] * self.concentration - 0.5 * distances

    @cached_property
    def covariance_prior(self) -> CovariancePrior:
        """The prior of every covariance matrix, over the coordinates of the mode."""
        if not self.uses_prior:
            return CovariancePrior.flat(self.layout.covariances.n_scales)
        return self.spec.covariance_prior(self.n_features, of_mode=True)

    @property
    def is_bounded(self) -> bool:
        """Whether the floor of partial standard deviations keeps components from collapsing."""
        return bool(np.all(self.covariance_prior.floor > 0))

    @cached_property
    def smallest_scales(self) -> Float[np.ndarray, " s"]:
        """Where a free scale counts as zero; one for all features, or one for each."""
        spread = np.ones(self.n_features) if self.spread is None else self.spread
        if self.layout.covariances.isotropic:
            spread = np.sqrt(np.mean(spread**2, keepdims=True))
        return SMALLEST_SCALE * spread

    @property
    def neutral_scales(self) -> Float[np.ndarray, " s"]:
        """Standard deviations to begin with: those of the prior rows, or of scaled data."""
        prior = self.covariance_prior
        if not np.any(prior.scatter):
            return np.ones(self.layout.covariances.n_scales)
        return np.sqrt(np.diagonal(prior.scatter) / prior.count)

    def function_of(self, X: Rows) -> LogPosterior:
        """Return value (up to a constant) and gradient as a function of an unconstrained vector."""
        return LogPosterior(X, self.mixture_prior, self.layout.covariances)

    @cached_property
    def mixture_prior(self) -> MixturePrior:
        """The priors as compiled code takes them.

        They make of a log posterior density one without the Jacobians that this adds: of the
        log-ratios, one in every concentration; of the logarithms, one in the power of every
        scale; of the correlation coordinates, (d + 1) / 2 in the shape of the LKJ prior.
        """
        prior, n_matrices = self.covariance_prior, self.layout.covariances.n_matrices
        terms = prior.terms.copy()
        terms[:, 1] -= 1.0
        covariances = prior._replace(terms=terms, eta=prior.eta - 0.5 * (self.n_features + 1))
        return MixturePrior(
            0.0, self.weight_pseudo_counts, *self.means_prior, n_matrices, covariances
        ).as_compiled()

    def log_prior(self, parameters: MixtureParameters) -> float:
        """Log prior density of the parameters, up to the constant of the Dirichlet."""
        if not self.uses_prior:
            return 0.0
        loc, precision = self.means_prior
        distance = parameters.means - loc
        # A weight may be zero where its pseudo-count is, and then contributes nothing.
        total = float(np.sum(xlogy(self.weight_pseudo_counts, parameters.weights)))
        total += 0.5 * float(np.sum(np.log(precision / (2 * np.pi)) - precision * distance**2))
        total += self._log_prior_of_scales(parameters)
        return total + self._log_prior_of_matrices(parameters)

    def _log_prior_of_scales(self, parameters: MixtureParameters) -> float:
        free = np.log(self.layout.covariances.free_scales(parameters.scales))
        terms = self.covariance_prior.terms
        return float(sum(scale_prior(terms[place[1]], u)[0] for place, u in np.ndenumerate(free)))

    def _log_prior_of_matrices(self, parameters: MixtureParameters) -> float:
        """All terms of a ``CovariancePrior`` but those of single scales.

        Minus infinity where a matrix is singular as floating point numbers are.
        """
        prior, structure = self.covariance_prior, self.layout.covariances
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
