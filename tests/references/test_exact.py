"""A handful of rows and one feature: the posterior by summing over all allocations.

Given the allocations the weights integrate out (Dirichlet-multinomial), and so does the mean of
each component (its rows are jointly normal); the integral over its standard deviation is done by
Gauss-Legendre quadrature. Summed over all k^n allocations this gives the evidence Z(X) exactly,
and with it what does not depend on labels: p(x | X) = Z(X, x) / Z(X), and the probability that
two rows belong together.

All samplers must agree within four Monte Carlo errors; 8 runs with 8 numbers each are compared,
of which one would be further away with probability 64 * 6.3e-5 = 0.4 % at most, were everything
right.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import arviz_stats
import numpy as np
import pytest
from scipy import special, stats

import bayesgmm as bg

LOC, TAU, CONCENTRATION = 0.5, 2.0, 1.5
SCALE_PRIORS = {
    "inverse-gamma": (bg.InverseGamma(2.0, 0.8), stats.invgamma(2.0, scale=0.8)),
    "log-normal": (bg.LogNormal(-0.3, 0.5), stats.lognorm(s=0.5, scale=np.exp(-0.3))),
}
TABLES = {  # k and the rows
    "5 rows, k = 2": (2, np.array([-1.9, -1.6, 0.4, 1.2, 1.5])),
    "8 rows, k = 3": (3, np.array([-2.4, -1.9, -1.7, 0.1, 0.4, 0.9, 2.5, 2.8])),
}
NEW_ROWS = np.array([-3.0, -1.0, 0.0, 1.0, 4.0])
PAIRS = [(0, 1), (1, 2), (2, 3)]

ENGINES = {
    "nuts": bg.NUTS(draws=2500, tune=500, chains=4, target_accept=0.9),
    # With so few rows its scales come from slice sampling, and from proposals.
    "gibbs": bg.Gibbs(draws=8000, tune=500, chains=4),
}
QUICK = [("5 rows, k = 2", "inverse-gamma")]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("table", "prior"),
    [
        pytest.param(table, prior, marks=() if (table, prior) in QUICK else pytest.mark.slow)
        for table, prior in product(TABLES, SCALE_PRIORS)
    ],
)
def test_label_free_quantities_are_the_exact_ones(table, prior, engine):
    k, rows = TABLES[table]
    ours, distribution = SCALE_PRIORS[prior]
    spec = bg.MixtureSpec(
        k, bg.Dirichlet(CONCENTRATION), bg.NormalMeans(LOC, TAU), bg.Diagonal(ours)
    )
    tree = bg.fit(rows, spec, engine=ENGINES[engine], random_seed=1, progress=False)
    draws = densities_and_pairs(tree["posterior"], rows)
    exact = exact_densities_and_pairs(k, rows, distribution)
    errors = [arviz_stats.mcse(values, method="mean") for values in draws]
    z = (np.array([values.mean() for values in draws]) - exact) / np.array(errors, dtype=float)
    assert np.abs(z).max() < 4, z.round(1)


def densities_and_pairs(posterior, rows: np.ndarray) -> list[np.ndarray]:
    """Return p(x | parameters) and p(two rows together | parameters) of every draw."""
    weights, means, scales = (
        posterior[name].values.reshape(*posterior["weights"].shape, 1)
        for name in ("weights", "means", "scales")
    )
    densities = (weights * stats.norm.pdf(NEW_ROWS, means, scales)).sum(axis=2)
    joint = weights * stats.norm.pdf(rows, means, scales)
    responsibilities = joint / joint.sum(axis=2, keepdims=True)
    together = [(responsibilities[..., i] * responsibilities[..., j]).sum(axis=2) for i, j in PAIRS]
    return [*np.moveaxis(densities, -1, 0), *together]


def exact_densities_and_pairs(k: int, rows: np.ndarray, scale_distribution) -> np.ndarray:
    allocations, log_joint = log_joint_of_allocations(k, rows, scale_distribution)
    log_evidence = special.logsumexp(log_joint)
    densities = []
    for row in NEW_ROWS:
        _, with_row = log_joint_of_allocations(k, np.append(rows, row), scale_distribution)
        densities.append(np.exp(special.logsumexp(with_row) - log_evidence))
    posterior = np.exp(log_joint - log_evidence)
    together = [posterior @ (allocations[:, i] == allocations[:, j]) for i, j in PAIRS]
    return np.array([*densities, *together])


def log_joint_of_allocations(k: int, rows: np.ndarray, scale_distribution) -> tuple:
    """Return all k^n allocations z, and log p(rows, z) of each."""
    allocations = np.array(list(product(range(k), repeat=rows.size)))
    subsets = np.array(list(product([False, True], repeat=rows.size)))
    marginals = np.array([log_marginal(rows[subset], scale_distribution) for subset in subsets])
    places = 2 ** np.arange(rows.size)[::-1]  # of a subset in the list of all
    members = allocations[:, None, :] == np.arange(k)[:, None]
    log_likelihood = marginals[members @ places].sum(axis=1)
    return allocations, log_probability(members.sum(axis=2)) + log_likelihood


def log_probability(counts: np.ndarray) -> np.ndarray:
    """Return the log probability of allocations with these counts, weights integrated out."""
    a, (k, n) = CONCENTRATION, (counts.shape[1], counts[0].sum())
    constant = special.gammaln(k * a) - special.gammaln(k * a + n) - k * special.gammaln(a)
    return constant + special.gammaln(a + counts).sum(axis=1)


@cache
def quadrature(scale_distribution) -> tuple[np.ndarray, np.ndarray]:
    """Return sigma^2 at 400 nodes in log(sigma), and the log of weight times prior density.

    The ends are quantiles outside which lies 2e-12 of the prior.
    """
    ends = np.log(scale_distribution.ppf([1e-12, 1 - 1e-12]))
    nodes, widths = np.polynomial.legendre.leggauss(400)
    log_scales = ends.mean() + nodes * np.ptp(ends) / 2
    log_prior = scale_distribution.logpdf(np.exp(log_scales)) + log_scales
    return np.exp(2 * log_scales), log_prior + np.log(widths * np.ptp(ends) / 2)


def log_marginal(rows: np.ndarray, scale_distribution) -> float:
    """Return log of the integral over sigma of p(sigma) N(rows | loc, sigma^2 I + tau^2 11')."""
    variances, log_weights = quadrature(scale_distribution)
    centered, n = rows - LOC, rows.size
    total = variances + n * TAU**2
    quadratic = (centered @ centered - TAU**2 * centered.sum() ** 2 / total) / variances
    log_densities = -0.5 * (
        n * np.log(2 * np.pi) + (n - 1) * np.log(variances) + np.log(total) + quadratic
    )
    return special.logsumexp(log_densities + log_weights)


@pytest.mark.parametrize("prior", SCALE_PRIORS)
def test_the_quadrature_is_right(prior):
    """No rows: the prior integrates to one. Three rows: an average over a million prior draws."""
    rows = np.array([-1.9, -1.6, 0.4])
    _, distribution = SCALE_PRIORS[prior]
    assert log_marginal(np.array([]), distribution) == pytest.approx(0.0, abs=1e-9)
    rng = np.random.default_rng(0)
    scales = distribution.rvs(size=1_000_000, random_state=rng)
    means = rng.normal(LOC, TAU, scales.size)
    draws = np.prod([stats.norm.pdf(row, means, scales) for row in rows], axis=0)
    # Two comparisons at four standard errors: wrong by chance with probability 1.3e-4 at most.
    error = draws.std() / np.sqrt(draws.size)
    assert abs(np.exp(log_marginal(rows, distribution)) - draws.mean()) < 4 * error


@pytest.mark.parametrize("k", [1, 2, 3])
def test_allocations_have_probabilities_that_sum_to_one(k):
    allocations = np.array(list(product(range(k), repeat=6)))
    counts = (allocations[:, None, :] == np.arange(k)[:, None]).sum(axis=2)
    assert special.logsumexp(log_probability(counts)) == pytest.approx(0.0, abs=1e-12)
