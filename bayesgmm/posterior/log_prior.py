"""What the priors say of every draw, prior by prior: the group ``log_prior`` of a tree.

ArviZ scales a prior by a power and asks how far the posterior moves (``psense``). Densities are
over the parameters that a spec has priors of, without the Jacobians of any sampler: weights, means,
standard deviations and correlations. The formula of the last two is in
``numerics/mixture_prior.py``.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float

from bayesgmm.numerics.mixture_prior import CovariancePrior
from bayesgmm.numerics.unconstrained import Layout, made_regular
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.fit import read_parameters
from bayesgmm.priors.layout import layout_of
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import CHAIN, DRAW


def log_priors(tree: xr.DataTree, spec: MixtureSpec) -> xr.Dataset:
    """Return the log prior density of every draw, each term up to a constant.

    ``weights``, ``means`` and ``covariances`` (chain, draw); the last is that of standard
    deviations and correlations, the resolution included. Tree and spec are in the same units.
    """
    posterior = tree["posterior"]
    draws = read_parameters(posterior)
    layout = layout_of(spec, draws.n_features)
    loc, precision = spec.means.expanded(draws.n_components, draws.n_features)
    concentration = spec.weights.expanded(draws.n_components)
    log_weights = np.log(np.maximum(draws.weights, np.finfo(float).tiny))
    with np.errstate(over="ignore"):  # far below the resolution a log density is -inf
        covariances = _of_matrices(draws, layout, spec.covariance_prior(draws.n_features))
    terms = {
        "weights": np.sum((concentration - 1) * log_weights, axis=-1),
        "means": -0.5 * np.sum(precision * (draws.means - loc) ** 2, axis=(-2, -1)),
        "covariances": covariances,
    }
    return xr.Dataset(
        {name: ((CHAIN, DRAW), values) for name, values in terms.items()},
        coords={name: posterior[name] for name in (CHAIN, DRAW)},
    )


def _of_matrices(
    draws: MixtureParameters, layout: Layout, prior: CovariancePrior
) -> Float[np.ndarray, "*batch"]:
    """Return the log prior density of all free covariance matrices of each draw."""
    scales = draws.scales[..., : layout.n_matrices, :]
    log_scales = np.log(scales)
    whitener = np.broadcast_to(np.eye(layout.n_features), (*scales.shape, layout.n_features))
    log_determinant = np.zeros(scales.shape[:-1])
    if layout.correlated:
        assert draws.correlations is not None
        correlations = draws.correlations[..., : layout.n_matrices, :, :]
        factors = np.linalg.cholesky(made_regular(correlations))
        log_determinant = 2 * np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
        whitener = np.linalg.solve(factors, whitener)
    whitener = whitener / scales[..., None, :]
    precisions = np.sum(whitener**2, axis=-2)[..., : layout.n_scales]  # (Sigma^-1)_jj
    value = (prior.eta - 1) * log_determinant
    value = value + _of_scales(log_scales[..., : layout.n_scales], prior.terms).sum(axis=-1)
    value -= np.sum((prior.floor**2 * precisions) ** 4, axis=-1)
    if prior.beta > 0:
        value -= prior.beta * np.log(precisions + prior.rate).sum(axis=-1)
    if prior.count > 0:
        value -= 0.5 * prior.count * (log_determinant + 2 * log_scales.sum(axis=-1))
        value -= 0.5 * np.sum((whitener @ prior.scatter) * whitener, axis=(-2, -1))
    return value.sum(axis=-1)


def _of_scales(
    log_scales: Float[np.ndarray, "*batch s"], terms: Float[np.ndarray, "s 6"]
) -> Float[np.ndarray, "*batch s"]:
    """Return log p(sigma); ``numerics/kernels/scale_priors.py`` has the form."""
    constant, power, rate, exponent, precision, center = terms.T
    tail = rate * np.exp(exponent * log_scales)
    distance = log_scales - center
    return constant + power * log_scales - tail - 0.5 * precision * distance**2
