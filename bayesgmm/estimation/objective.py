"""What EM climbs: the likelihood alone, or the posterior density of a spec.

The posterior density is taken with respect to the natural parameters: weights, means, standard
deviations and correlation matrices. (On other coordinates the mode would lie elsewhere; these
make it independent of the order and the units of the features, and, with a flat Dirichlet prior,
leave the weights where maximum likelihood has them.) Under an inverse-Wishart prior the natural
parameters are the entries of the covariance matrices instead, for the same reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from bayesgmm.numerics.annotated_rows import Rows
from bayesgmm.numerics.kernels.scale_priors import scale_prior
from bayesgmm.numerics.lkj import lkj_log_normalizer
from bayesgmm.numerics.log_posterior import LogPosterior
from bayesgmm.numerics.mixture_prior import CovariancePrior, MixturePrior
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec

SMALLEST_SCALE = 1e-7
"""Of the typical spread of a feature: below this a component is a point."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The function that EM maximises, with the priors as arrays.

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
        layout = layout_of(self.spec, self.n_features)
        return layout if self.uses_prior else layout.without_shrinkage()

    @cached_property
    def concentration(self) -> Float[np.ndarray, " k"]:
        """Of the weights; without a prior, too, it says which components are alike."""
        return self.spec.weights.expanded(self.spec.n_components)

    @cached_property
    def weight_pseudo_counts(self) -> Float[np.ndarray, " k"]:
        """What the Dirichlet prior adds to the counts of the components.

        That is a_k - 1. Where a concentration is below 1 the density has no mode on the simplex,
        and a_k is added instead: the mode with respect to the log-ratios of the weights.
        """
        if not self.uses_prior:
            return np.zeros(self.spec.n_components)
        at_least_one = bool(np.all(self.concentration >= 1))
        return self.concentration - 1.0 if at_least_one else self.concentration

    @cached_property
    def means_prior(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """Location and precision of the normal prior of the means."""
        if not self.uses_prior:
            return np.zeros(self.n_features), np.zeros(self.n_features)
        return self.spec.means.expanded(self.n_features)

    @cached_property
    def covariance_prior(self) -> CovariancePrior:
        """The prior of every covariance matrix, over its natural parameters."""
        if not self.uses_prior:
            return CovariancePrior.flat(self.layout.n_scales)
        return self.spec.covariances.mode_prior(self.n_features)

    @cached_property
    def smallest_scales(self) -> Float[np.ndarray, " s"]:
        """Where a free scale counts as zero; one for all features, or one for each."""
        spread = np.ones(self.n_features) if self.spread is None else self.spread
        if self.layout.n_scales < self.n_features:
            spread = np.sqrt(np.mean(spread**2, keepdims=True))
        return SMALLEST_SCALE * spread

    @property
    def neutral_scales(self) -> Float[np.ndarray, " s"]:
        """Standard deviations to begin with: those of the prior rows, or of scaled data."""
        prior = self.covariance_prior
        if prior.count == 0:
            return np.ones(self.layout.n_scales)
        return np.sqrt(np.diagonal(prior.scatter) / prior.count)

    def function_of(self, X: Rows) -> LogPosterior:
        """Return value (up to a constant) and gradient as a function of an unconstrained vector."""
        return LogPosterior(X, self.mixture_prior, self.layout.correlated)

    @cached_property
    def mixture_prior(self) -> MixturePrior:
        """The priors as compiled code takes them.

        They make of a log posterior density one without the Jacobians that this adds: of the
        log-ratios, one in every concentration; of the logarithms, one in the power of every
        scale; of the correlation coordinates, (d + 1) / 2 in the shape of the LKJ prior.
        """
        layout, prior = self.layout, self.covariance_prior
        terms = prior.terms.copy()
        terms[:, 1] -= 1.0
        covariances = prior._replace(terms=terms, eta=prior.eta - 0.5 * (self.n_features + 1))
        return MixturePrior(
            0.0, self.weight_pseudo_counts, *self.means_prior, layout.n_matrices, covariances
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
        total += self._log_prior_of_correlations(parameters)
        return total + self._log_density_of_prior_rows(parameters)

    def _log_prior_of_scales(self, parameters: MixtureParameters) -> float:
        layout = self.layout
        free = np.log(parameters.scales[: layout.n_matrices, : layout.n_scales])
        terms = self.covariance_prior.terms
        return float(sum(scale_prior(terms[place[1]], u)[0] for place, u in np.ndenumerate(free)))

    def _log_prior_of_correlations(self, parameters: MixtureParameters) -> float:
        layout, eta = self.layout, self.covariance_prior.eta
        if not layout.correlated:
            return 0.0
        shrinkage, size = layout.shrinkage, self.n_features
        free = parameters.correlations[: layout.n_matrices]
        _, log_determinants = np.linalg.slogdet((free - shrinkage * np.eye(size)) / (1 - shrinkage))
        constant = lkj_log_normalizer(eta, size) * layout.n_matrices
        return constant + (eta - 1) * float(log_determinants.sum())

    def _log_density_of_prior_rows(self, parameters: MixtureParameters) -> float:
        prior = self.covariance_prior
        if prior.count == 0:
            return 0.0
        free = parameters.covariances[: self.layout.n_matrices]
        _, log_determinants = np.linalg.slogdet(free)
        traces = np.trace(np.linalg.solve(free, prior.scatter), axis1=-2, axis2=-1)
        return -0.5 * float(prior.count * log_determinants.sum() + traces.sum())
