"""Every prior, covariance structure and engine, listed once for the contracts to run over."""

from __future__ import annotations

import numpy as np

import bayesgmm as bg
from bayesgmm.data.dataset import Dataset, default_names
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CorrelatedStructure, CovarianceStructure, SeparatedStructure
from bayesgmm.priors.scales import Columns
from bayesgmm.priors.spec import MixtureSpec

SCALE_PRIORS = {
    "half-t": bg.HalfT(1.2, 2.4),
    "half-normal": bg.HalfNormal(1.3),
    "log-normal": bg.LogNormal(-0.4, 0.8),
    "exponential": bg.Exponential(0.7),
    "gamma": bg.Gamma(2.5, 1.9),
    "inverse-gamma": bg.InverseGamma(2.2, 0.6),
}

UNSCALED_PRIORS = {
    "half-t": bg.HalfT(),
    "half-normal": bg.HalfNormal(),
    "log-normal": bg.LogNormal(),
    "exponential": bg.Exponential(),
    "gamma": bg.Gamma(),
    "inverse-gamma": bg.InverseGamma(),
}

STRUCTURES = {
    "full": bg.Full,
    "tied": bg.Tied,
    "diagonal": bg.Diagonal,
    "spherical": bg.Spherical,
    "tied-diagonal": bg.TiedDiagonal,
    "tied-spherical": bg.TiedSpherical,
    "inverse-wishart": bg.InverseWishart,
    "tied-inverse-wishart": bg.TiedInverseWishart,
    "factors": bg.Factors,
}

FREE = {name: kind for name, kind in STRUCTURES.items() if name != "factors"}
"""Structures whose correlation matrices, where there are any, are free."""

SEPARATED = [name for name, kind in STRUCTURES.items() if issubclass(kind, SeparatedStructure)]
"""Structures whose scales have a prior of their own."""

PAIRS = [
    (structure, prior)
    for structure in STRUCTURES
    for prior in SCALE_PRIORS
    if structure in SEPARATED or prior == "half-t"
]
"""Structures with every scale prior; those that take none come once."""

ENGINES = {
    "nuts": bg.NUTS(draws=40, tune=60, chains=2),
    "gibbs": bg.Gibbs(draws=60, tune=60, chains=2),
    "laplace": bg.Laplace(draws=60),
    "laplace-resampled": bg.Laplace(draws=60, resample=True),
    "advi": bg.ADVI(iterations=300, draws=60),
    "advi-fullrank": bg.ADVI("fullrank", iterations=300, draws=60),
}


def structure_with(structure: str, prior: str) -> CovarianceStructure:
    """Return a structure for up to eight features, with every hyperparameter a number."""
    kind = STRUCTURES[structure]
    if structure not in SEPARATED:
        return kind(degrees_of_freedom=7.4, scale_matrix=1.3)
    has_prior = issubclass(kind, CorrelatedStructure) and prior != "half-t"
    options = {"correlations": bg.LKJ(1.7)} if has_prior else {}
    return kind(scales=SCALE_PRIORS[prior], **options)


def unscaled_structure(structure: str, prior: str) -> CovarianceStructure:
    """Return a structure that is still to be scaled to the data."""
    options = {"scales": UNSCALED_PRIORS[prior]} if structure in SEPARATED else {}
    return STRUCTURES[structure](**options)


def example_spec(
    structure: str, prior: str, *, n_components: int = 3, resolution: float = 0.01
) -> MixtureSpec:
    """Return a spec with every hyperparameter a number."""
    return MixtureSpec(
        n_components,
        weights=bg.Dirichlet(1.4),
        means=bg.NormalMeans(0.3, 2.1),
        covariances=structure_with(structure, prior),
        resolution=resolution,
    )


def columns_of(spread: np.ndarray) -> Columns:
    """Return summaries of columns around zero that lack outliers."""
    return Columns(np.zeros_like(spread), spread, spread, 1e-3 * spread)


def example_rows(n_rows: int, n_features: int, *, seed: int = 0) -> np.ndarray:
    """Return rows from two overlapping clouds, correlated within each."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_rows, n_features))
    rows[:, 1:] += 0.5 * rows[:, :1]
    rows[: n_rows // 3] += 2.0
    return rows


KNOWN = ("gaps", "weights", "labels")


def annotated_dataset(
    n_rows: int, n_features: int, *known: str, n_components: int = 3, seed: int = 0
) -> Dataset:
    """Return rows with some of ``KNOWN``.

    Some rows then lack all cells, have no weight, are certain of their component, or exclude one;
    one that lacks all cells has a label.
    """
    rng = np.random.default_rng(seed)
    rows = example_rows(n_rows, n_features, seed=seed)
    parts = {}
    if "gaps" in known:
        rows[rng.random(rows.shape) < 0.3] = np.nan
        rows[:2] = np.nan
        rows[2] = 1.0
    if "weights" in known:
        parts["weights"] = rng.choice([0.0, 0.4, 1.0, 3.0], n_rows)
    if "labels" in known:
        label_log_likelihoods = np.zeros((n_rows, n_components))
        label_log_likelihoods[[1, 3], 1:] = -np.inf
        label_log_likelihoods[4, 0] = -np.inf
        label_log_likelihoods[5] = np.log(rng.dirichlet(np.ones(n_components)))
        parts["label_log_likelihoods"] = label_log_likelihoods
    return Dataset(rows, default_names(n_features), np.arange(n_rows), **parts)


def random_parameters(spec: MixtureSpec, n_features: int, *, seed: int = 0) -> MixtureParameters:
    """Return parameters that the spec allows, far from any mode."""
    from bayesgmm.priors.spec import layout_of

    layout = layout_of(spec, n_features)
    position = np.random.default_rng(seed).normal(0.0, 0.5, layout.size)
    return layout.unpack(position)
