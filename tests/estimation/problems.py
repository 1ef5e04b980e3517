"""Tables and specs that EM is tested on, and its objective written with SciPy."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, read_table
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.spec import layout_of
from tests.cases import example_rows, structure_with
from tests.references.density import (
    log_likelihood,
    log_prior,
    log_prior_of_covariances,
    log_prior_of_matrices,
    log_prior_of_weights,
    natural,
)


def separated_rows() -> np.ndarray:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(90, 2)) @ np.array([[0.6, 0.3], [0.0, 0.5]])
    return rows + np.repeat([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.0]], 30, axis=0)


TABLES = {
    "one-feature": example_rows(80, 1),
    "separated": separated_rows(),
    "overlapping": example_rows(120, 3),
    "one-normal": np.random.default_rng(2).normal(size=(100, 2)),
    "heavy-tails": np.random.default_rng(3).standard_t(2, size=(150, 2)),
}


def scaled(values: np.ndarray) -> Dataset:
    """Return a table with columns of mean zero and unit variance."""
    return read_table((values - values.mean(axis=0)) / values.std(axis=0, ddof=1))


def spec_of(structure: str, prior: str = "half-t", *, n_components: int = 2) -> bg.MixtureSpec:
    """Return a spec whose every hyperparameter matters, on the standard scale."""
    return bg.MixtureSpec(
        n_components,
        bg.Dirichlet(1.4),
        bg.NormalMeans(0.3, 1.1),
        structure_with(structure, prior),
        resolution=0.1,
    )


def layout_for(spec: bg.MixtureSpec, dataset: Dataset) -> Layout:
    return layout_of(spec, dataset.n_features)


def plain_objective(
    spec: bg.MixtureSpec, X: np.ndarray, position: np.ndarray, *, uses_prior: bool
) -> float:
    """Return what EM maximizes, at an unconstrained vector, by SciPy.

    The log-likelihood plus the log prior density, without the constant of the Dirichlet density,
    over weights, means along axes without correlations, log scales and unconstrained correlations.
    Where covariance matrices have an inverse-Wishart prior, it is over their entries and the means.
    """
    parameters = natural(spec, X.shape[1], position)
    value = log_likelihood(spec, X, parameters)
    if not uses_prior:
        return value
    even = np.full(spec.n_components, 1 / spec.n_components)
    pseudo_counts = np.broadcast_to(spec.weights.concentration, spec.n_components) - 1
    constant = log_prior_of_weights(spec, even) - float(pseudo_counts @ np.log(even))
    value += log_prior(spec, parameters) - constant
    structure = spec.covariances
    if isinstance(structure, InverseWishartStructure):
        value -= log_prior_of_covariances(structure, parameters)
        return value + log_prior_of_matrices(structure, parameters)
    value += np.log(parameters.scales).sum()
    if parameters.correlations is not None:
        power = (X.shape[1] + 1) / 2
        value += power * np.linalg.slogdet(parameters.correlations)[1].sum()
        value += 0.5 * np.linalg.slogdet(written_out(parameters.correlations, spec))[1].sum()
    return value


def written_out(matrices: np.ndarray, spec: bg.MixtureSpec) -> np.ndarray:
    """Return matrices for every component."""
    return np.broadcast_to(matrices, (spec.n_components, *matrices.shape[1:]))


def numeric_gradient(function, position: np.ndarray, width: float = 1e-4) -> np.ndarray:
    """Return central differences."""
    steps = width * np.eye(position.size)
    return np.array([
        (function(position + step) - function(position - step)) / (2 * width) for step in steps
    ])  # fmt: skip
