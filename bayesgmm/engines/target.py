"""The log posterior density that every engine targets, as one compiled function of a vector."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from bayesgmm.data.dataset import Dataset
from bayesgmm.numerics.log_posterior import LogPosterior
from bayesgmm.numerics.mixture_prior import MixturePrior
from bayesgmm.numerics.unconstrained import Layout, made_regular
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec, layout_of


@dataclass(frozen=True, eq=False)
class Target:
    """Log posterior density and gradient on the unconstrained space.

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
        layout, spec = self.layout, self.spec
        loc, precision = spec.means.expanded(layout.n_components, layout.n_features)
        concentration = spec.weights.expanded(layout.n_components)
        constant = _log_dirichlet_constant(concentration)
        constant += 0.5 * math.fsum(np.log(precision / (2 * np.pi)).sum(axis=1))
        mixture_prior = MixturePrior(
            constant, concentration, loc, precision, layout.covariances.n_matrices,
            spec.covariance_prior(layout.n_features),
        )  # fmt: skip
        return LogPosterior(self.data.fitted_rows, mixture_prior, layout.covariances)

    def __call__(self, position: Float[np.ndarray, " p"]) -> tuple[float, Float[np.ndarray, " p"]]:
        """Return the log density and its gradient at one position."""
        return self.log_posterior(position)

    def position_of(self, parameters: MixtureParameters) -> Float[np.ndarray, " p"]:
        """Return the position of some parameters, moved off the edge of the space if need be."""
        # A mode may have weights of zero, and maximum likelihood singular correlation matrices.
        total = self.data.fitted.total_weight
        least = 1 / (total + parameters.n_components)  # what no row would leave it
        weights = np.maximum(parameters.weights, least)
        inner = replace(parameters, weights=weights / weights.sum())
        if self.layout.covariances.correlated:
            assert parameters.correlations is not None
            inner = replace(inner, correlations=made_regular(parameters.correlations))
        return self.layout.pack(inner)

    def rough_deviations(self, parameters: MixtureParameters) -> Float[np.ndarray, " p"]:
        """Return rough posterior standard deviations of a position around some parameters."""
        layout = self.layout
        _, precision = self.spec.means.expanded(layout.n_components, layout.n_features)
        return layout.rough_deviations(parameters, self.data.fitted.total_weight, precision)


def _log_dirichlet_constant(concentration: np.ndarray) -> float:
    """Log normalizer of the Dirichlet density, with log k from the Jacobian of its transform."""
    if concentration.size == 1:
        return 0.0
    normalizer = gammaln(concentration.sum()) - gammaln(concentration).sum()
    return float(normalizer + np.log(concentration.size))
