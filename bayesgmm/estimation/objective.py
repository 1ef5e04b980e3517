"""What EM climbs: the likelihood alone, or the posterior density of a spec.

The posterior density is taken with respect to the natural parameters: weights, means, standard
deviations and correlation matrices. (On other coordinates the mode would lie elsewhere; these
make it independent of the order and the units of the features, and, with a flat Dirichlet prior,
leave the weights where maximum likelihood has them.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import xlogy

from bayesgmm.numerics.kernels.log_posterior import diagonal_log_posterior, full_log_posterior
from bayesgmm.numerics.kernels.scale_priors import scale_prior
from bayesgmm.numerics.lkj import lkj_log_normalizer
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec


@dataclass(frozen=True)
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
    """

    spec: MixtureSpec
    n_features: int
    uses_prior: bool

    @cached_property
    def layout(self) -> Layout:
        """Sizes of the free parameters."""
        layout = layout_of(self.spec, self.n_features)
        return layout if self.uses_prior else layout.without_shrinkage()

    @cached_property
    def weight_pseudo_counts(self) -> Float[np.ndarray, " k"]:
        """What the Dirichlet prior adds to the counts of the components.

        That is a_k - 1. Where a concentration is below 1 the density has no mode on the simplex,
        and a_k is added instead: the mode with respect to the log-ratios of the weights.
        """
        if not self.uses_prior:
            return np.zeros(self.spec.n_components)
        concentration = self.spec.weights.expanded(self.spec.n_components)
        return concentration - 1.0 if np.all(concentration >= 1) else concentration

    @cached_property
    def means_prior(self) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """Location and precision of the normal prior of the means."""
        if not self.uses_prior:
            return np.zeros(self.n_features), np.zeros(self.n_features)
        return self.spec.means.expanded(self.n_features)

    @cached_property
    def scale_terms(self) -> Float[np.ndarray, "s 6"]:
        """Coefficients of the log prior of every scale."""
        n_scales = self.layout.n_scales
        if not self.uses_prior:
            return np.zeros((n_scales, 6))
        return self.spec.covariances.scales.terms(n_scales).coefficients

    @property
    def eta(self) -> float:
        """Shape of the LKJ prior; 1, which is flat, without a prior."""
        if self.uses_prior and self.layout.correlated:
            return self.spec.covariances.correlations.eta
        return 1.0

    def function_of(self, X: Float[np.ndarray, "n d"]) -> Callable:
        """Return value (up to a constant) and gradient as a function of an unconstrained vector.

        It is the log posterior density with the Jacobians taken out: of the log-ratios, one in
        every concentration; of the logarithms, one in the power of every scale; of the
        correlation coordinates, (d + 1) / 2 in the shape of the LKJ prior.
        """
        layout = self.layout
        terms = self.scale_terms.copy()
        terms[:, 1] -= 1.0
        shared = (X, 0.0, self.weight_pseudo_counts, *self.means_prior, terms)
        if not layout.correlated:
            arguments = (*shared, layout.n_matrices, layout.n_scales)
            return lambda position: diagonal_log_posterior(position, *arguments)
        eta = self.eta - 0.5 * (layout.n_features + 1)
        arguments = (*shared, eta, layout.shrinkage, layout.n_matrices)
        return lambda position: full_log_posterior(position, *arguments)

    def log_prior(self, parameters: MixtureParameters) -> float:
        """Log prior density of the parameters, up to the constant of the Dirichlet."""
        if not self.uses_prior:
            return 0.0
        loc, precision = self.means_prior
        distance = parameters.means - loc
        # A weight may be zero where its pseudo-count is, and then contributes nothing.
        total = float(np.sum(xlogy(self.weight_pseudo_counts, parameters.weights)))
        total += 0.5 * float(np.sum(np.log(precision / (2 * np.pi)) - precision * distance**2))
        layout = self.layout
        free_scales = parameters.scales[: layout.n_matrices, : layout.n_scales]
        for scales in np.log(free_scales):
            total += sum(
                scale_prior(terms, scale)[0]
                for terms, scale in zip(self.scale_terms, scales, strict=True)
            )
        return total + self._log_prior_of_correlations(parameters)

    def _log_prior_of_correlations(self, parameters: MixtureParameters) -> float:
        layout = self.layout
        if not layout.correlated:
            return 0.0
        shrinkage, size = layout.shrinkage, self.n_features
        free = parameters.correlations[: layout.n_matrices]
        _, log_determinants = np.linalg.slogdet((free - shrinkage * np.eye(size)) / (1 - shrinkage))
        constant = lkj_log_normalizer(self.eta, size) * layout.n_matrices
        return constant + (self.eta - 1) * float(log_determinants.sum())
