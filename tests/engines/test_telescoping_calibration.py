"""The telescoping sampler on tables drawn from its own prior.

Simulation-based calibration (Talts et al., 2018): mixtures are drawn from the prior, rows from the
mixtures, and among draws from the posterior the truth has a rank that is uniform. That holds for
any prior, where ``test_telescoping.py`` needs few rows and independent features.

References
----------
Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018). Validating Bayesian
inference algorithms with simulation-based calibration. arXiv:1804.06788.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

import bayesgmm as bg
from bayesgmm.analysis.calibration.value import uniformity_p_value
from bayesgmm.data.dataset import read_table
from bayesgmm.engines.telescoping import Telescope, Telescoper, _State, _unpacked
from bayesgmm.parameters import FactoredCorrelations, MixtureParameters
from bayesgmm.priors.sampling import draw_parameters
from bayesgmm.priors.spec import MixtureSpec

N_ROWS, N_DRAWS = 20, 99
WARM_UP, BETWEEN_ADAPTATIONS = 500, 25
POINTS = np.linspace([-2.0, 1.0, 0.5], [3.0, -1.0, 0.0], 3)
"""Where the predictive density is asked for; their first d coordinates."""

ERROR_RATE = 0.01
"""Of the p-values of one test together, by Bonferroni; seeds are fixed."""


@dataclass(frozen=True)
class Case:
    """A prior with every hyperparameter a number or a distribution of its own.

    ``thin`` are sweeps from draw to draw, which are to be nearly independent.
    """

    spec: MixtureSpec
    n_features: int
    thin: int = 40
    replications: int = 500


MEANS = bg.NormalMeans(0.5, 2.5)
CASES = {
    "inverse-Wishart, random scale": Case(
        bg.MixtureSpec(
            bg.UniformCount(1, 6), weights=bg.DynamicDirichlet(), means=MEANS,
            covariances=bg.InverseWishart(5.0, bg.Wishart(3.0, 1.0)),
        ),
        1,
    ),
    "inverse-Wishart of two features, random scale": Case(
        bg.MixtureSpec(
            bg.UniformCount(1, 5), weights=bg.Dirichlet(1.5), means=MEANS,
            covariances=bg.InverseWishart(6.0, bg.Wishart(4.0, ((1.0, 0.3), (0.3, 0.6)))),
        ),
        2,
    ),
    "full": Case(
        bg.MixtureSpec(
            bg.BetaNegativeBinomial(at_most=10), weights=bg.DynamicDirichlet(), means=MEANS,
            covariances=bg.Full(bg.HalfT((0.8, 1.2))), resolution=0.9,
        ),
        2,
    ),
    "full with LKJ": Case(
        bg.MixtureSpec(
            bg.PoissonCount(1.5, at_most=8), weights=bg.Dirichlet(0.8), means=MEANS,
            covariances=bg.Full(bg.LogNormal(-0.3, 0.5), correlations=bg.LKJ(2.0)), resolution=0.9,
        ),
        2,
    ),
    "diagonal, random scale": Case(
        bg.MixtureSpec(
            bg.Geometric(0.4, at_most=8), weights=bg.DynamicDirichlet(2.0), means=MEANS,
            covariances=bg.Diagonal(bg.InverseGamma(3.0, bg.Gamma(2.0, (1.0, 0.7)))),
            resolution=0.01,
        ),
        2,
    ),
    "spherical": Case(
        bg.MixtureSpec(
            bg.UniformCount(1, 6), weights=bg.Dirichlet(0.5), means=MEANS,
            covariances=bg.Spherical(bg.HalfNormal(1.5)), resolution=0.6,
        ),
        2,
    ),
    "tied": Case(
        bg.MixtureSpec(
            bg.UniformCount(1, 6), weights=bg.DynamicDirichlet(), means=MEANS,
            covariances=bg.Tied(bg.HalfT(1.0)), resolution=0.9,
        ),
        2,
    ),
    "factors": Case(
        bg.MixtureSpec(
            bg.UniformCount(1, 4), weights=bg.DynamicDirichlet(), means=MEANS,
            covariances=bg.Factors(1, scales=bg.HalfT(1.0)), resolution=0.5,
        ),
        3, thin=80,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """One draw from the prior, with the rows that were drawn from it.

    ``scales`` are hyperparameters; there are none without a prior of them.
    """

    alpha: float
    parameters: MixtureParameters
    n_clusters: int
    X: np.ndarray
    scales: np.ndarray


def with_hyperparameters(
    spec: MixtureSpec, d: int, rng: np.random.Generator
) -> tuple[MixtureSpec, np.ndarray]:
    """Return the spec with hyperparameters drawn from their priors, and the drawn ones."""
    structure, prior = spec.covariances, spec.covariances.hyperprior
    if isinstance(prior, bg.Wishart):
        matrix = stats.wishart(prior.degrees_of_freedom, prior.matrix(d)).rvs(random_state=rng)
        matrix = np.reshape(matrix, (d, d))
        drawn = np.diagonal(matrix)
        scale = float(matrix[0, 0]) if d == 1 else tuple(map(tuple, matrix))
        return replace(spec, covariances=replace(structure, scale_matrix=scale)), drawn
    if isinstance(prior, bg.Gamma):
        drawn = rng.gamma(prior.shape, 1 / np.asarray(prior.rate), d)
        scales = replace(structure.scales, scale=tuple(drawn))
        return replace(spec, covariances=replace(structure, scales=scales)), drawn
    return spec, np.empty(0)


def from_prior(case: Case, rng: np.random.Generator) -> Truth:
    """Draw everything in turn."""
    number, weights, d = case.spec.n_components, case.spec.weights, case.n_features
    chances = np.exp(number.log_probabilities())
    n_components = int(rng.choice(chances.size, p=chances)) + 1
    alpha, dynamic = weights.expanded(1)[0], isinstance(weights, bg.DynamicDirichlet)
    if dynamic and weights.alpha is None:
        alpha = stats.f(6, 3).rvs(random_state=rng)
    spec, drawn = with_hyperparameters(case.spec, d, rng)
    shares = rng.dirichlet(np.full(n_components, alpha / (n_components if dynamic else 1.0)))
    parameters = components_from_prior(spec, d, n_components, rng)
    parameters = replace(parameters, weights=shares)
    allocations = rng.choice(n_components, N_ROWS, p=shares)
    noise = rng.standard_normal((N_ROWS, d))
    X = parameters.means[allocations]
    X = X + np.einsum("nij,nj->ni", parameters.cholesky[allocations], noise)
    return Truth(float(alpha), parameters, np.unique(allocations).size, X, drawn)


def components_from_prior(
    spec: MixtureSpec, d: int, n_components: int, rng: np.random.Generator
) -> MixtureParameters:
    """Draw components; covariance matrices are left out at random by the resolution."""
    many = draw_parameters(spec.given(1), d, 60, rng)
    accepted = np.flatnonzero(rng.random(60) < np.exp(-walls(spec, many)))
    assert accepted.size >= n_components
    chosen = accepted[:n_components]
    matrices = chosen[:1].repeat(n_components) if spec.covariances.tied else chosen
    correlations = many.correlations
    return MixtureParameters(
        np.ones(n_components), many.means[chosen, 0], many.scales[matrices, 0],
        None if correlations is None else correlations[matrices, 0],
    )  # fmt: skip


def walls(spec: MixtureSpec, drawn: MixtureParameters) -> np.ndarray:
    """Return what the resolution subtracts from the log density, by its definition."""
    if spec.covariances.conjugate:
        return np.zeros(drawn.batch_shape)
    if isinstance(drawn.correlations, FactoredCorrelations):
        precisions = 1 / (drawn.correlations.uniquenesses * drawn.scales**2)
    else:
        precisions = np.diagonal(np.linalg.inv(drawn.covariances), axis1=-2, axis2=-1)
    if spec.covariances.isotropic:
        precisions = precisions[..., :1]
    return ((spec.resolution**2 / 12 * precisions[:, 0]) ** 4).sum(axis=-1)


def quantities(
    parameters: MixtureParameters, found: np.ndarray, scales: np.ndarray, X: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what is compared; parameters have a batch axis, and weight zero where they are NaN.

    ``found`` are the numbers of components and of clusters, and alpha, of every draw.
    """
    d = X.shape[1]
    asked = np.concatenate([POINTS[:, :d], X])
    weights = parameters.weights
    exists = weights > 0
    covariances = np.where(exists[..., None, None], parameters.covariances, np.eye(d))
    means = np.where(exists[..., None], parameters.means, 0.0)
    roots = np.linalg.cholesky(covariances)
    away = np.swapaxes(asked[:, None, None] - means, 0, 1)  # draw, row, component, feature
    along = np.linalg.solve(roots[:, None], away[..., None])[..., 0]
    logs = -0.5 * np.sum(along**2, axis=-1) - 0.5 * d * np.log(2 * np.pi)
    logs -= np.log(np.diagonal(roots, axis1=-2, axis2=-1)).sum(axis=-1)[:, None]
    with np.errstate(divide="ignore"):
        logs += np.log(weights)[:, None]
    densities = special.logsumexp(logs, axis=-1)
    shares = np.exp(logs - densities[..., None])[:, len(POINTS) :]
    return {
        "components": found[:, 0],
        "clusters": found[:, 1],
        "alpha": found[:, 2],
        "predictive density": densities[:, : len(POINTS)].mean(axis=1),
        "likelihood": densities[:, len(POINTS) :].sum(axis=1),
        "co-clustering": (shares[:, 0] * shares[:, 1]).sum(axis=-1),
        **{f"scale {place}": values for place, values in enumerate(scales.T)},
    }


def draws_of(
    case: Case, truth: Truth, pool: dict[str, Any], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return draws of every quantity, thinned, from a chain that starts near the truth.

    ``pool`` has draws from the prior, which is the same for all tables.
    """
    shared = Telescope(case.spec, read_table(truth.X))
    sweeper, n_components = Telescoper(shared, rng), truth.parameters.n_components
    if not pool:
        pool.update(sweeper._pool)
    sweeper.__dict__["_pool"] = pool
    position, layout = np.zeros(shared.largest_layout.size), shared.layout(n_components)
    weights = 0.9 * truth.parameters.weights + 0.1 / n_components
    position[: layout.size] = layout.pack(replace(truth.parameters, weights=weights))
    state = _State(position, np.array([float(n_components), truth.alpha]))
    for _ in range(WARM_UP // BETWEEN_ADAPTATIONS):
        sweeper.run(state, BETWEEN_ADAPTATIONS, rng)
        sweeper.adapt()
    places = sweeper.run(state, N_DRAWS * case.thin, rng)
    kept = slice(case.thin - 1, None, case.thin)
    found = places.found[kept]
    draws = _unpacked(shared, places.positions[None, kept], found[None, :, 0].astype(int))
    return quantities(draws.draw((0,)), found, places.scales[kept], truth.X)


@cache
def ranks(name: str) -> dict[str, np.ndarray]:
    """Return the ranks of the truth, 0, ..., ``N_DRAWS``, for every quantity; ties at random."""
    case, pool = CASES[name], {}
    places: dict[str, list[int]] = {}
    for child in np.random.SeedSequence([2026, list(CASES).index(name)]).spawn(case.replications):
        rng = np.random.default_rng(child)
        truth = from_prior(case, rng)
        draws = draws_of(case, truth, pool, rng)
        found = [[truth.parameters.n_components, truth.n_clusters, truth.alpha]]
        batch = truth.parameters.draw((None,))
        true = quantities(batch, np.array(found), truth.scales[None], truth.X)
        for quantity, values in draws.items():
            if np.ptp(values) == 0 and quantity == "alpha":  # a number
                continue
            below, same = np.sum(values < true[quantity]), np.sum(values == true[quantity])
            places.setdefault(quantity, []).append(int(below + rng.integers(0, same + 1)))
    return {quantity: np.array(values) for quantity, values in places.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_truth_has_uniform_ranks_among_draws(name):
    """By the narrowest band around the distribution function (Saeilynoja et al., 2022)."""
    p_values = {
        quantity: uniformity_p_value(values, N_DRAWS) for quantity, values in ranks(name).items()
    }
    assert len(p_values) >= 5
    assert min(p_values.values()) > ERROR_RATE / len(p_values), p_values
