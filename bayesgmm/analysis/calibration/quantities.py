"""Numbers about a mixture that no labelling of its components can change.

Axes: mixtures m, rows n, components k, features d, reference points r.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import entr, logsumexp

from bayesgmm.engines.target import Target
from bayesgmm.numerics.annotated_rows import Rows
from bayesgmm.numerics.statistics import component_log_densities, each_mixture
from bayesgmm.parameters import MixtureParameters


def label_free(mixtures: MixtureParameters, target: Target) -> dict[str, Float[np.ndarray, " m"]]:
    """Return every quantity, by name, of many mixtures (one batch axis) given rows and prior.

    Left out is what cannot vary: weights of one component, the largest scale where all are equal.
    """
    layout, scales = target.layout, mixtures.scales[..., 0]
    of_rows, points = _of_rows(mixtures, target.data.rows), _densities(mixtures, target)
    quantities = {
        "log_likelihood": of_rows["log_likelihood"],
        "log_posterior": _log_posteriors(mixtures, target),
        "log_density_centre": points[:, 0],
        "log_density_aside": points[:, 1],
        **_totals(mixtures),
        "smallest_scale": scales.min(axis=-1),
    }
    if layout.n_matrices > 1:
        quantities["largest_scale"] = scales.max(axis=-1)
    if layout.n_components > 1:
        quantities["largest_weight"] = mixtures.weights.max(axis=-1)
        quantities["allocation_entropy"] = of_rows["allocation_entropy"]
    if layout.n_components > 2:  # of two, one is the rest
        quantities["smallest_weight"] = mixtures.weights.min(axis=-1)
    return quantities


def _of_rows(mixtures: MixtureParameters, X: Rows) -> dict[str, np.ndarray]:
    """Return the log-likelihood, and how undecided rows are on average, in nats."""
    tables = _component_tables(mixtures, X)
    densities = logsumexp(tables, axis=-1)
    entropies = entr(np.exp(tables - densities[..., None])).sum(axis=-1)
    return {
        "log_likelihood": densities.sum(axis=-1),
        "allocation_entropy": entropies.mean(axis=-1),
    }


def _densities(mixtures: MixtureParameters, target: Target) -> Float[np.ndarray, "m r"]:
    """Return log densities at the centre of the prior of a mean, and one deviation aside."""
    layout = target.layout
    prior = target.spec.means.expanded(layout.n_components, layout.n_features)
    loc, precision = (of_each[0] for of_each in prior)
    points = np.stack([loc, loc + precision**-0.5])
    return logsumexp(_component_tables(mixtures, points), axis=-1)


def _component_tables(mixtures: MixtureParameters, X: Rows) -> Float[np.ndarray, "m n k"]:
    return np.stack([component_log_densities(X, mixture) for _, mixture in each_mixture(mixtures)])


def _log_posteriors(mixtures: MixtureParameters, target: Target) -> Float[np.ndarray, " m"]:
    """Return log densities on the unconstrained space, where relabelling changes nothing either.

    They are computed anew, not taken from the engine, so that all mixtures are treated alike.
    """
    return np.array([target(position)[0] for position in target.layout.pack(mixtures)])


def _totals(mixtures: MixtureParameters) -> dict[str, np.ndarray]:
    """Return mean and variance of the first feature, and its correlation with the second."""
    weights, means = mixtures.weights, mixtures.means
    centre = np.einsum("mk,mkd->md", weights, means)
    away = means - centre[:, None]
    spread = mixtures.covariances + away[..., :, None] * away[..., None, :]
    total = np.einsum("mk,mkde->mde", weights, spread)
    totals = {"total_mean": centre[:, 0], "total_variance": total[:, 0, 0]}
    if mixtures.n_features > 1:
        product = np.sqrt(total[:, 0, 0] * total[:, 1, 1])
        totals["total_correlation"] = total[:, 0, 1] / product
    return totals
