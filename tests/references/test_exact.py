"""A handful of rows, one feature, two components: the posterior by summing over allocations.

Given the allocations the weights integrate out (a beta function), and so does the mean of each
component (its rows are jointly normal); the integral over its standard deviation is done by
Gauss-Legendre quadrature. Summed over all 2^n allocations this gives the evidence Z(X) exactly,
and with it what does not depend on labels: p(x | X) = Z(X, x) / Z(X), and the probability that
two rows belong together.

Both samplers must agree within four Monte Carlo errors; 2 x 2 x 8 numbers are compared, of
which one would be further away with probability 32 * 6.3e-5 = 0.2 % at most, were everything right.
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
ROWS = np.array([-1.9, -1.6, 0.4, 1.2, 1.5])
NEW_ROWS = np.array([-3.0, -1.0, 0.0, 1.0, 4.0])
PAIRS = [(0, 1), (1, 2), (2, 3)]


ENGINES = {
    "nuts": bg.NUTS(draws=2500, tune=500, chains=4, target_accept=0.9),
    # With so few rows its scales come from slice sampling, and from proposals.
    "gibbs": bg.Gibbs(draws=8000, tune=500, chains=4),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "prior", ["inverse-gamma", pytest.param("log-normal", marks=pytest.mark.slow)]
)
def test_label_free_quantities_are_the_exact_ones(prior, engine):
    ours, distribution = SCALE_PRIORS[prior]
    spec = bg.MixtureSpec(
        2, bg.Dirichlet(CONCENTRATION), bg.NormalMeans(LOC, TAU), bg.Diagonal(ours)
    )
    tree = bg.fit(ROWS, spec, engine=ENGINES[engine], random_seed=1, progress=False)
    draws = densities_and_pairs(tree["posterior"])
    exact = exact_densities_and_pairs(distribution)
    errors = [arviz_stats.mcse(values, method="mean") for values in draws]
    z = (np.array([values.mean() for values in draws]) - exact) / np.array(errors, dtype=float)
    assert np.abs(z).max() < 4, z.round(1)


def densities_and_pairs(posterior) -> list[np.ndarray]:
    """Return p(x | parameters) and p(two rows together | parameters) of every draw."""
    weights, means, scales = (
        posterior[name].values.reshape(*posterior["weights"].shape, 1)
        for name in ("weights", "means", "scales")
    )
    densities = (weights * stats.norm.pdf(NEW_ROWS, means, scales)).sum(axis=2)
    joint = weights * stats.norm.pdf(ROWS, means, scales)
    responsibilities = joint / joint.sum(axis=2, keepdims=True)
    together = [(responsibilities[..., i] * responsibilities[..., j]).sum(axis=2) for i, j in PAIRS]
    return [*np.moveaxis(densities, -1, 0), *together]


def exact_densities_and_pairs(scale_distribution) -> np.ndarray:
    allocations, log_joint = log_joint_of_allocations(ROWS, scale_distribution)
    log_evidence = special.logsumexp(log_joint)
    densities = []
    for row in NEW_ROWS:
        _, with_row = log_joint_of_allocations(np.append(ROWS, row), scale_distribution)
        densities.append(np.exp(special.logsumexp(with_row) - log_evidence))
    posterior = np.exp(log_joint - log_evidence)
    together = [posterior @ (allocations[:, i] == allocations[:, j]) for i, j in PAIRS]
    return np.array([*densities, *together])


def log_joint_of_allocations(rows: np.ndarray, scale_distribution) -> tuple:
    """Return all 2^n allocations z, and log p(rows, z) of each."""
    allocations = np.array(list(product([False, True], repeat=rows.size)))
    log_joint = [
        log_probability(z.sum(), rows.size)
        + log_marginal(rows[z], scale_distribution)
        + log_marginal(rows[~z], scale_distribution)
        for z in allocations
    ]
    return allocations, np.array(log_joint)


def log_probability(n_first: int, n_rows: int) -> float:
    a = CONCENTRATION
    return special.betaln(a + n_first, a + n_rows - n_first) - special.betaln(a, a)


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
    centred, n = rows - LOC, rows.size
    total = variances + n * TAU**2
    quadratic = (centred @ centred - TAU**2 * centred.sum() ** 2 / total) / variances
    log_densities = -0.5 * (
        n * np.log(2 * np.pi) + (n - 1) * np.log(variances) + np.log(total) + quadratic
    )
    return special.logsumexp(log_densities + log_weights)


@pytest.mark.parametrize("prior", SCALE_PRIORS)
def test_the_quadrature_is_right(prior):
    """No rows: the prior integrates to one. Three rows: an average over a million prior draws."""
    _, distribution = SCALE_PRIORS[prior]
    assert log_marginal(np.array([]), distribution) == pytest.approx(0.0, abs=1e-9)
    rng = np.random.default_rng(0)
    scales = distribution.rvs(size=1_000_000, random_state=rng)
    means = rng.normal(LOC, TAU, scales.size)
    draws = np.prod([stats.norm.pdf(row, means, scales) for row in ROWS[:3]], axis=0)
    # Two comparisons at four standard errors: wrong by chance with probability 1.3e-4 at most.
    error = draws.std() / np.sqrt(draws.size)
    assert abs(np.exp(log_marginal(ROWS[:3], distribution)) - draws.mean()) < 4 * error
