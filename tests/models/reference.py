"""The log density of a mixture model by SciPy, and ways to evaluate a PyMC model quickly."""

from __future__ import annotations

import numpy as np
import pymc as pm
from pytensor.compile.mode import Mode
from scipy import special, stats

from bayesgmm.data.dataset import Dataset
from bayesgmm.models.mixture import declare_model
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec
from tests.references.density import (
    huang_wand_log_density,
    inverse_wishart,
    joint_log_densities,
    scale_distribution,
)
from tests.references.density import lkj_log_density as lkj_log_density_of_matrix

FAST = Mode(linker="py", optimizer="fast_compile")
"""Compiles in a second what numba compiles in a minute."""


def rows_of(n_features: int, *, n_rows: int = 25, seed: int = 0) -> np.ndarray:
    """Return rows in units that differ from feature to feature."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n_rows, n_features)) * 3.0 ** np.arange(n_features)


def resolved(spec: MixtureSpec, values: np.ndarray) -> MixtureSpec:
    deviation = values.std(axis=0)
    return spec.resolved(Columns(values.mean(axis=0), deviation, deviation, 0.3 * deviation))


def model_of(
    spec: MixtureSpec,
    values: np.ndarray,
    *,
    initial: MixtureParameters | None = None,
    **known: object,
) -> pm.Model:
    """Declare a model of rows; ``known`` is what else a ``Dataset`` says of them."""
    names = tuple(f"feature {j}" for j in range(values.shape[1]))
    data = Dataset(values, names, **{"row_names": np.arange(len(values)), **known})
    return declare_model(data, spec, initial=initial)


def random_point(model: pm.Model, spec: MixtureSpec, n_features: int, seed: int = 0) -> dict:
    """Return random unconstrained values of the free variables, by name of the value."""
    k, d, structure = spec.n_components, n_features, spec.covariances
    component = () if structure.tied else (k,)
    scale = component if structure.isotropic else (*component, d)
    shapes = {
        "weights": (k - 1,),
        "means": (k, d),
        "scales": scale,
        "scale": scale,
        "covariances": (k * d * (d + 1) // 2,),
        "covariance": (d * (d + 1) // 2,),
        "correlation_cholesky": (*component, d * (d - 1) // 2),
    }
    generator = np.random.default_rng(seed)
    return {
        model.rvs_to_values[rv].name: 0.7 * generator.normal(size=shapes[rv.name])
        for rv in model.free_RVs
    }


def log_density(spec: MixtureSpec, values: np.ndarray, point: dict[str, np.ndarray]) -> float:
    """Return the log posterior density, not normalized, at constrained values."""
    weights, means = point["weights"], point["means"]
    total = row_log_density(values, weights, means, point["covariances"]).sum()
    total += stats.norm(spec.means.loc, spec.means.scale).logpdf(means).sum()
    if spec.n_components > 1:
        total += stats.dirichlet(spec.weights.expanded(spec.n_components)).logpdf(weights)
    free = point["covariances"][: 1 if spec.covariances.tied else None]
    if isinstance(spec.covariances, InverseWishartStructure):
        prior = inverse_wishart(spec.covariances, values.shape[1])
        return total + sum(prior.logpdf(matrix) for matrix in free)
    total -= _wall(spec, free)
    if spec.covariances.correlated and spec.covariances.is_joint and values.shape[1] > 1:
        scales = spec.covariances.scales
        return total + sum(huang_wand_log_density(matrix, scales) for matrix in free)
    natural = "scale" if "scale" in point else "scales"
    total += scale_distribution(spec.covariances.scales).logpdf(point[natural]).sum()
    if "correlation_cholesky" in point:
        eta = spec.covariances.correlations.eta
        total += lkj_log_density(point["correlation_cholesky"], eta).sum()
    return total


def _wall(spec: MixtureSpec, covariances: np.ndarray) -> float:
    """Return what keeps partial standard deviations above the floor."""
    resolution = np.broadcast_to(spec.resolution, covariances.shape[1])
    precisions = np.diagonal(np.linalg.inv(covariances), axis1=1, axis2=2)
    if spec.covariances.isotropic:
        resolution, precisions = np.sqrt(np.mean(resolution**2)), precisions[:, :1]
    return float(np.sum((resolution**2 / 12 * precisions) ** 4))


def row_log_density(
    values: np.ndarray, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray
) -> np.ndarray:
    return special.logsumexp(joint_log_densities(values, weights, means, covariances), axis=1)


def lkj_log_density(cholesky: np.ndarray, eta: float) -> np.ndarray:
    """Return the LKJ log density with respect to the entries of the factor below its diagonal.

    The Jacobian of the map from factor to matrix is the product of L_jj^(d - j), j counted from
    one; the density at the identity is the normalizer.
    """
    d = cholesky.shape[-1]
    log_diagonal = np.log(np.diagonal(cholesky, axis1=-2, axis2=-1))
    exponents = d - np.arange(1, d + 1) + 2 * (eta - 1)
    return (exponents * log_diagonal).sum(axis=-1) + lkj_log_density_of_matrix(np.eye(d), eta)
