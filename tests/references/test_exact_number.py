"""The exact posterior of the number of components, against independent truths.

SciPy, integrals by brute force, closed forms, and sums over all allocations with named components,
in which neither partitions nor factorials occur.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, special, stats

import bayesgmm as bg
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior.finish import log_prior_of_covariances
from bayesgmm.priors.inverse_wishart import InverseWishartStructure
from bayesgmm.priors.spec import layout_of
from tests.references.exact_number import (
    ONE_FEATURE,
    ONE_FEATURE_SPEC,
    TWO_FEATURES,
    TWO_FEATURES_SPEC,
    Concentrations,
    allocations,
    exact_posterior,
    log_marginals,
    log_scale_density,
    normalized,
    partitions,
    prior_of_clusters,
    scale_nodes,
)

STRUCTURES = {
    "half-t": bg.Full(bg.HalfT(1.3, degrees_of_freedom=3.0)),
    "half-normal": bg.Diagonal(bg.HalfNormal(1.3)),
    "log-normal": bg.Full(bg.LogNormal(-0.3, 0.5)),
    "exponential": bg.Full(bg.Exponential(0.7)),
    "gamma": bg.Diagonal(bg.Gamma(1.5, 0.7)),
    "inverse-gamma": bg.Spherical(bg.InverseGamma(2.0, 0.8)),
    "inverse-wishart": bg.InverseWishart(3.5, 1.2),
}
NUMBER = stats.betanbinom(1, 4, 3).logpmf(np.arange(40))
"""log p(K), K - 1 being beta-negative-binomial(1, 4, 3)."""

CONCENTRATIONS = {
    "static": (0.7, False),
    "dynamic": (1.3, True),
    "random": (Concentrations.of(stats.f(6, 3)), True),
    "random static": (Concentrations.of(stats.gamma(1.0, scale=0.05)), False),
}
BELL = [1, 1, 2, 5, 15, 52, 203, 877, 4140]


def spec_with(structure, **means) -> bg.MixtureSpec:
    return bg.MixtureSpec(
        1, means=bg.NormalMeans(**{"loc": 0.5, "scale": 2.0, **means}), covariances=structure,
        resolution=0.9,
    )  # fmt: skip


def prior_of_the_package(spec: bg.MixtureSpec, scales: np.ndarray) -> np.ndarray:
    """Return the log prior density of the standard deviation of one feature."""
    n = scales.size
    parameters = MixtureParameters(np.ones((n, 1)), np.zeros((n, 1, 1)), scales[:, None, None])
    if spec.covariances.correlated:
        parameters = MixtureParameters.from_covariances(
            np.ones((n, 1)), np.zeros((n, 1, 1)), scales[:, None, None, None] ** 2
        )
    return log_prior_of_covariances(
        parameters, layout_of(spec, 1).covariances, spec.covariance_prior(1)
    )


# --- marginals ---


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_prior_of_scales_is_that_of_the_package(name):
    spec, scales = spec_with(STRUCTURES[name]), np.geomspace(0.1, 20, 30)
    ours = log_scale_density(spec, 1, scales)[:, 0]
    assert_allclose(prior_of_the_package(spec, scales), ours, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", STRUCTURES)
def test_nodes_give_the_moments_and_the_normalizer_of_the_prior(name):
    """With SciPy's adaptive quadrature; the prior without a resolution is normalized itself."""
    spec = spec_with(STRUCTURES[name])

    def integral(function) -> float:
        def integrand(log_scale: float) -> float:
            scale = np.exp(log_scale)
            return function(scale) * np.exp(
                prior_of_the_package(spec, np.array([scale]))[0] + log_scale
            )

        parts = [(-4, -1), (-1, 0), (0, 1), (1, 4), (4, 30)]
        return sum(integrate.quad(integrand, *part, epsabs=1e-13)[0] for part in parts)

    variances, log_weights = scale_nodes(spec, 1)
    weights = np.exp(log_weights[:, 0])
    total = integral(lambda scale: 1.0)
    if isinstance(spec.covariances, InverseWishartStructure):
        assert total == pytest.approx(1.0, abs=1e-10)
    else:
        assert total < 0.99
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    for function in (np.log, np.tanh):
        expected = integral(function) / total
        assert weights @ function(np.sqrt(variances)) == pytest.approx(expected, abs=1e-9)


def test_marginals_are_those_of_a_sum_over_means_and_scales():
    """Trapezoidal sums: their error decreases exponentially in the number of nodes."""
    means, log_scales = np.linspace(-18, 18, 600), np.arange(-3, 13, 0.05)
    scales = np.exp(log_scales)
    log_prior = prior_of_the_package(ONE_FEATURE_SPEC, scales) + log_scales
    log_prior = normalized(log_prior + stats.norm.logpdf(means, 0.2, 2.5)[:, None])
    for chosen in ([2], [0, 3, 4], [0, 1, 2, 3, 4, 5]):
        rows = ONE_FEATURE[chosen]
        log_densities = stats.norm.logpdf(rows[:, None, None], means[:, None], scales).sum(axis=0)
        marginal = log_marginals(rows, ONE_FEATURE_SPEC)[-1]
        assert marginal == pytest.approx(special.logsumexp(log_densities + log_prior), abs=1e-9)


def test_with_a_known_mean_and_an_inverse_wishart_prior_rows_have_a_t_distribution():
    rows, freedom, scale = np.array([0.1, 0.6, 2.0, -1.0]), 3.5, 1.2
    spec = spec_with(bg.InverseWishart(freedom, scale), scale=1e-6)
    for n in range(1, 5):
        shape = scale / freedom * np.eye(n)
        expected = stats.multivariate_t(np.full(n, 0.5), shape, df=freedom).logpdf(rows[:n])
        assert log_marginals(rows, spec)[2**n - 1] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["half-t", "inverse-wishart"])
def test_the_density_of_a_further_row_integrates_to_one(name):
    spec, rows = spec_with(STRUCTURES[name]), np.array([0.1, 0.6])
    steps, width = np.arange(-12, 12, 0.25), 0.25
    points, derivative = 0.4 + np.sinh(steps), np.cosh(steps) * width
    marginals = [log_marginals(np.append(rows, point), spec) for point in points]
    densities = np.exp([values[-1] - values[3] for values in marginals])
    assert densities @ derivative == pytest.approx(1.0, abs=1e-8)


def test_features_multiply_and_missing_cells_drop_out():
    spec = TWO_FEATURES_SPEC
    of_both = log_marginals(TWO_FEATURES, spec)
    means, scales = spec.means, spec.covariances.scales
    of_each, observed = [], ~np.isnan(TWO_FEATURES)
    for j in range(2):
        one = bg.MixtureSpec(
            1,
            means=bg.NormalMeans(means.loc[j], means.scale[j]),
            covariances=bg.Diagonal(bg.HalfT(scales.scale[j])),
            resolution=spec.resolution[j],
        )
        of_each.append(log_marginals(TWO_FEATURES[observed[:, j], j], one))
    for subset in range(2**6):
        chosen = (subset >> np.arange(6)) % 2 == 1
        parts = (chosen[seen] @ 2 ** np.arange(seen.sum()) for seen in observed.T)
        expected = sum(values[part] for values, part in zip(of_each, parts, strict=True))
        assert of_both[subset] == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("structure", [bg.Full(bg.HalfT(1.0)), bg.Spherical(bg.HalfT(1.0))])
def test_features_that_depend_on_each_other_are_refused(structure):
    with pytest.raises(ValueError, match="independent"):
        log_marginals(TWO_FEATURES, spec_with(structure))


# --- partitions ---


@pytest.mark.parametrize("n", range(1, 9))
def test_there_is_each_partition_once(n):
    labels = partitions(n)
    assert len(labels) == len(np.unique(labels, axis=0)) == BELL[n]
    assert (labels[:, 0] == 0).all()
    largest = np.maximum.accumulate(labels, axis=1)
    assert (labels[:, 1:] <= largest[:, :-1] + 1).all()  # numbered in the order of the rows
    n_of_clusters = np.bincount(labels.max(axis=1) + 1)[1:]
    assert n_of_clusters.tolist() == [stirling(n, k) for k in range(1, n + 1)]


def stirling(n: int, k: int) -> int:
    """Return the number of partitions of n into k blocks, by inclusion and exclusion."""
    signs = (-1) ** np.arange(k + 1)[::-1]
    total = signs @ (special.comb(k, np.arange(k + 1)) * np.arange(k + 1.0) ** n)
    return round(total / special.factorial(k))


def test_named_blocks_may_be_empty_and_hold_their_rows():
    assert len(allocations(3, 1)) == BELL[4]  # the named block is that of a further row
    assert len(allocations(5, 2)) == BELL[7] - BELL[6]  # two further rows are apart
    assert allocations(3, 2, [1, -1, 0]).tolist() == [[1, 0, 0], [1, 1, 0], [1, 2, 0]]
    with pytest.raises(ValueError, match="block 2"):
        allocations(3, 2, [2, -1, -1])


# --- the posterior ---


def by_all_allocations(log_marginal_of, n, log_prior_of_number, e_of, n_named, allowed):
    """Sum over K and over all K^n allocations, of which every one has named components."""
    number, clusters = np.zeros(len(log_prior_of_number)), np.zeros(len(log_prior_of_number) + 1)
    co_clustering = np.zeros((n, n))
    for k in range(max(n_named, 1), len(log_prior_of_number) + 1):
        e, prior = e_of(k), np.exp(normalized(log_prior_of_number)[k - 1])
        for z in product(range(k), repeat=n):
            if allowed is not None and any(
                a not in (-1, b) for a, b in zip(allowed, z, strict=True)
            ):
                continue
            filled = set(z) | set(range(n_named))
            counts = np.array([z.count(j) for j in range(k)])
            moments = special.beta(np.cumsum(counts)[:-1] + np.arange(1, k) * e, e + counts[1:])
            weight = prior * np.prod(moments / special.beta(np.arange(1, k) * e, e))
            for j in set(z):
                weight *= np.exp(log_marginal_of[sum(2**i for i in range(n) if z[i] == j)])
            number[k - 1] += weight
            clusters[len(filled)] += weight
            co_clustering += weight * np.equal.outer(z, z)
    total = number.sum()
    return number / total, clusters[1:] / total, co_clustering / total, np.log(total)


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize(
    ("n_named", "allowed"),
    [
        (0, None),
        (1, None),
        (1, [-1, -1, 0, -1]),
        (2, None),
        (2, [0, -1, -1, -1]),
        (3, [2, -1, 2, 0]),
    ],
)
def test_the_posterior_is_the_sum_over_all_allocations(dynamic, n_named, allowed):
    n, concentration = 4, 0.7
    log_marginal_of = log_marginals(ONE_FEATURE[[0, 2, 3, 5]], ONE_FEATURE_SPEC)
    log_prior = np.log([0.2, 0.3, 0.1, 0.25, 0.15])

    def e_of(k: int) -> float:
        return concentration / k if dynamic else concentration

    ours = exact_posterior(log_marginal_of, n, log_prior, concentration, dynamic, n_named, allowed)
    number, clusters, co_clustering, log_evidence = by_all_allocations(
        log_marginal_of, n, log_prior, e_of, n_named, allowed
    )
    assert_allclose(ours.number, number, atol=1e-12)
    assert_allclose(ours.clusters, clusters[: len(ours.clusters)], atol=1e-12)
    assert clusters[len(ours.clusters) :].sum() == pytest.approx(0.0)
    assert_allclose(ours.co_clustering, co_clustering, atol=1e-12)
    assert ours.log_evidence == pytest.approx(log_evidence, abs=1e-11)


def test_without_information_in_the_rows_the_posterior_is_the_prior():
    for concentration, dynamic in CONCENTRATIONS.values():
        posterior = exact_posterior(np.zeros(2**6), 6, NUMBER, concentration, dynamic)
        assert posterior.log_evidence == pytest.approx(0.0, abs=1e-11)
        assert_allclose(posterior.number, np.exp(normalized(NUMBER)), atol=1e-12)
        if isinstance(concentration, Concentrations):
            assert_allclose(posterior.concentration, np.exp(concentration.log_weights), atol=1e-12)


def test_with_concentration_one_all_counts_of_rows_are_equally_likely():
    """Two components: 0, ..., n rows in the first; two rows are together with probability 2/3."""
    posterior = exact_posterior(np.zeros(2**7), 7, [-np.inf, 0.0], 1.0, dynamic=False)
    assert_allclose(posterior.clusters, [2 / 8, 6 / 8], atol=1e-13)
    assert_allclose(posterior.co_clustering, 2 / 3 + 1 / 3 * np.eye(7), atol=1e-13)


@pytest.mark.parametrize(
    ("rows", "spec"), [(ONE_FEATURE, ONE_FEATURE_SPEC), (TWO_FEATURES, TWO_FEATURES_SPEC)]
)
def test_the_tables_leave_the_number_of_clusters_open(rows, spec):
    nodes = Concentrations.of(stats.f(6, 3))
    posterior = exact_posterior(log_marginals(rows, spec), 6, NUMBER, nodes, dynamic=True)
    assert posterior.clusters[:4].min() > 0.02
    assert posterior.clusters.max() < 0.5


def test_a_random_concentration_is_a_mixture_of_fixed_ones():
    log_marginal_of = log_marginals(ONE_FEATURE, ONE_FEATURE_SPEC)
    values, prior = np.array([0.2, 1.0, 5.0]), np.array([0.5, 0.2, 0.3])
    nodes = Concentrations(values, np.log(prior))
    mixed = exact_posterior(log_marginal_of, 6, NUMBER, nodes, dynamic=True)
    each = [exact_posterior(log_marginal_of, 6, NUMBER, one, dynamic=True) for one in values]
    weights = prior * np.exp([one.log_evidence for one in each])
    assert mixed.log_evidence == pytest.approx(np.log(weights.sum()))
    weights /= weights.sum()
    assert_allclose(mixed.concentration, weights)
    for name in ("number", "clusters", "co_clustering"):
        average = sum(w * getattr(one, name) for w, one in zip(weights, each, strict=True))
        assert_allclose(getattr(mixed, name), average, atol=1e-13)


def test_the_nodes_of_a_random_concentration_are_fine_enough():
    log_marginal_of = log_marginals(ONE_FEATURE, ONE_FEATURE_SPEC)
    coarse, fine = (
        exact_posterior(
            log_marginal_of, 6, NUMBER, Concentrations.of(stats.f(6, 3), step), dynamic=True
        )
        for step in (0.2, 0.03)
    )
    assert_allclose(coarse.number, fine.number, atol=1e-12)
    assert_allclose(coarse.clusters, fine.clusters, atol=1e-12)
    nodes = Concentrations.of(stats.f(6, 3))
    mean = np.exp(nodes.log_weights) @ nodes.values
    assert mean == pytest.approx(3.0, rel=1e-5)  # the tail that is left out has 6e-6 of it


# --- the prior of the number of clusters ---


@pytest.mark.parametrize("name", CONCENTRATIONS)
@pytest.mark.parametrize("n_numbers", [3, 40])
def test_the_prior_of_clusters_is_the_sum_over_all_partitions(name, n_numbers):
    concentration, dynamic = CONCENTRATIONS[name]
    number = NUMBER[:n_numbers]
    ours = prior_of_clusters(6, number, concentration, dynamic)
    everything = exact_posterior(np.zeros(2**6), 6, number, concentration, dynamic)
    assert_allclose(ours, everything.clusters, atol=1e-13)
    assert ours.sum() == pytest.approx(1.0, abs=1e-12)


def test_with_concentration_one_and_a_fixed_number_counts_are_bars_and_stars():
    """p(K+ = k) = C(K, k) C(n - 1, k - 1) / C(n + K - 1, n)."""
    n, k = 50, np.arange(1, 9)
    ours = prior_of_clusters(n, np.where(np.arange(1, 9) == 8, 0.0, -np.inf), 1.0, dynamic=False)
    expected = special.comb(8, k) * special.comb(n - 1, k - 1) / special.comb(n + 7, n)
    assert_allclose(ours, expected, rtol=1e-10)


def test_with_very_many_components_the_dynamic_prior_is_that_of_a_dirichlet_process():
    """p(K+ = k) = |s(n, k)| alpha^k / (alpha (alpha + 1) ... (alpha + n - 1))."""
    n, alpha, n_numbers = 12, 1.3, 20_000
    number = np.full(n_numbers, -np.inf)
    number[-1] = 0.0
    rising = np.poly1d([1.0])
    for m in range(n):
        rising *= np.poly1d([1.0, m])
    expected = rising.coeffs[::-1] * alpha ** np.arange(n + 1) / rising(alpha)
    assert_allclose(prior_of_clusters(n, number, alpha, dynamic=True), expected[1:], rtol=0.01)
