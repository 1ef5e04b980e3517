"""The M-step: closed forms where there are any, and nothing better nearby where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.estimation import maximization
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.maximization import maximize, update_covariances, update_weights
from bayesgmm.numerics.kernels.maximize import best_covariance, best_log_scale
from bayesgmm.numerics.statistics import SufficientStatistics, sufficient_statistics
from bayesgmm.parameters import MixtureParameters
from tests.cases import (
    FREE,
    PAIRS,
    SCALE_PRIORS,
    STRUCTURES,
    columns_of,
    example_rows,
    random_parameters,
)
from tests.estimation.problems import layout_for, spec_of
from tests.references.density import log_prior_of_covariances, natural, scale_distribution

LOWEST = -16.0


def one_scale(prior):
    """Return the numbers of a prior of one scale, without a floor."""
    return bg.Diagonal(prior).prior(1)


def expected_log_density(count, scatter, covariance) -> float:
    """Return -count/2 log|Sigma| - tr(Sigma^-1 scatter)/2."""
    log_determinant = np.linalg.slogdet(covariance)[1]
    return -0.5 * (count * log_determinant + np.trace(np.linalg.solve(covariance, scatter)))


@pytest.mark.parametrize("count", [0.0, 0.3, 7.0, 5000.0])
@pytest.mark.parametrize("prior", SCALE_PRIORS)
def test_one_scale_is_the_maximum_that_scipy_finds(prior, count):
    distribution, scatter = scale_distribution(SCALE_PRIORS[prior]), 0.5 * count

    def loss(log_scale: float) -> float:
        scale = np.exp(log_scale)
        return count * log_scale + scatter / (2 * scale**2) - distribution.logpdf(scale)

    ours = best_log_scale(0.7, count, scatter, one_scale(SCALE_PRIORS[prior]), 0, LOWEST)
    if count == 0 and prior in ("half-t", "half-normal", "exponential"):
        assert ours < -10  # densest at zero, which only the data could prevent
        return
    theirs = minimize_scalar(loss, bracket=(-2.0, 1.0), tol=1e-12)
    assert loss(ours) <= theirs.fun + 1e-10 * (1 + count)
    assert ours == pytest.approx(theirs.x, abs=1e-6)


def test_scales_under_half_normal_and_inverse_gamma_priors_have_closed_forms():
    n, scatter = 12.0, 5.0
    # -n log s - B / (2 s^2) - s^2 / 2 has its mode where s^4 + n s^2 - B = 0.
    half_normal = np.sqrt((-n + np.sqrt(n**2 + 4 * scatter)) / 2)
    ours = best_log_scale(0.0, n, scatter, one_scale(bg.HalfNormal(1.0)), 0, LOWEST)
    assert np.exp(ours) == pytest.approx(half_normal, rel=1e-8)
    # -(n + a + 1) log s - B / (2 s^2) - c / s where (n + a + 1) s^2 - c s - B = 0.
    shape, scale = 2.0, 0.5
    total = n + shape + 1
    inverse_gamma = (scale + np.sqrt(scale**2 + 4 * total * scatter)) / (2 * total)
    prior = one_scale(bg.InverseGamma(shape, scale))
    assert np.exp(best_log_scale(0.0, n, scatter, prior, 0, LOWEST)) == pytest.approx(
        inverse_gamma, rel=1e-8
    )


@pytest.mark.parametrize("far", [-12.0, 12.0])
def test_newton_reaches_the_mode_from_far_away(far):
    prior = one_scale(bg.InverseGamma(2.0, 0.5))
    near = best_log_scale(0.0, 40.0, 10.0, prior, 0, LOWEST)
    assert best_log_scale(far, 40.0, 10.0, prior, 0, LOWEST) == pytest.approx(near, abs=1e-7)


@pytest.mark.parametrize("covariances", [bg.Full(bg.HalfT(1.2)),
                         bg.Full(bg.InverseGamma(2.0, 0.5), bg.LKJ(1.7))], ids=str)  # fmt: skip
@pytest.mark.parametrize("count", [0.4, 60.0, 20_000.0])
@pytest.mark.parametrize("size", [2, 3, 5])
def test_one_covariance_is_a_maximum(size, count, covariances):
    rng = np.random.default_rng(size)
    root = rng.normal(size=(size, size + 3))
    scatter = count * root @ root.T / size
    spec = bg.MixtureSpec(1, covariances=covariances)
    prior = covariances.mode_prior(size, 1)

    def value(log_scales: np.ndarray, pairs: np.ndarray) -> float:
        position = np.concatenate([np.zeros(size), log_scales, pairs])
        parameters = natural(spec, size, position)
        total = expected_log_density(count, scatter, parameters.covariances()[0])
        total += log_prior_of_covariances(covariances, parameters) + log_scales.sum()
        # Unconstrained correlations, and a mean along axes without correlations.
        return total + 0.5 * (size + 2) * np.linalg.slogdet(parameters.correlations[0])[1]

    best = best_covariance(
        np.zeros(size), np.zeros(size * (size - 1) // 2), prior.count + count, scatter, prior,
        np.full(size, LOWEST),
    )  # fmt: skip
    highest = value(*best)
    for width in (1e-3, 1e-2, 1e-1):
        for _ in range(20):
            near = [part + width * rng.normal(size=part.size) for part in best]
            assert value(*near) < highest + 1e-9 * count


@pytest.mark.parametrize("structure", FREE)
def test_without_priors_the_maximum_is_the_pooled_sample_covariance(structure):
    spec, X = spec_of(structure, n_components=2), example_rows(50, 3)
    objective = Objective(spec, 3, uses_prior=False)
    current = random_parameters(spec, 3, seed=1)
    statistics = sufficient_statistics(X, current)
    new = maximize(statistics, current, objective)
    assert_allclose(new.weights, statistics.counts / 50)
    assert_allclose(new.means, current.means + statistics.sums / statistics.counts[:, None])

    # Celeux & Govaert (1995): average over what is shared, drop what is forbidden.
    centered = statistics.about(new.means - current.means)
    kind, counts = STRUCTURES[structure], statistics.counts
    scatter = centered.scatter
    if kind.correlated:
        pooled = scatter.sum(axis=0, keepdims=True) if kind.tied else scatter
        totals = np.full(1, 50.0) if kind.tied else counts
        expected = pooled / totals[:, None, None]
    else:
        pooled = scatter.sum(axis=0, keepdims=True) if kind.tied else scatter
        variances = pooled / (np.full(1, 50.0) if kind.tied else counts)[:, None]
        if kind.isotropic:
            variances = np.repeat(variances.mean(axis=1, keepdims=True), 3, axis=1)
        expected = variances[:, :, None] * np.eye(3)
    assert_allclose(new.covariances, np.broadcast_to(expected, (2, 3, 3)), atol=1e-12)


@pytest.mark.parametrize(("structure", "prior"), PAIRS)
def test_every_step_raises_the_expected_log_posterior(structure, prior):
    spec, X = spec_of(structure, prior, n_components=3), example_rows(60, 3)
    objective = Objective(spec, 3, uses_prior=True)
    for seed in range(5):
        before = random_parameters(spec, 3, seed=seed)
        statistics = sufficient_statistics(X, before)
        after = maximize(statistics, before, objective)
        assert expected(statistics, before, after, objective) >= expected(
            statistics, before, before, objective
        )


def expected(
    statistics: SufficientStatistics, responsible: MixtureParameters,
    parameters: MixtureParameters, objective: Objective,
) -> float:  # fmt: skip
    """Return the expected complete log-likelihood of parameters, plus their log prior."""
    centered = statistics.about(parameters.means - responsible.means)
    total = float(statistics.counts @ np.log(parameters.weights)) + objective.log_prior(parameters)
    for count, scatter, covariance in zip(
        statistics.counts, centered.scatter, parameters.covariances, strict=True
    ):
        full = scatter if scatter.ndim == 2 else np.diag(scatter)
        total += expected_log_density(count, full, covariance)
    return total


def test_weights_are_the_mode_of_their_dirichlet_posterior():
    spec = bg.MixtureSpec(2, weights=bg.Dirichlet((1.5, 4.0)))
    spec = spec.resolved(columns_of(np.ones(1)))
    statistics = SufficientStatistics(0.0, np.array([3.0, 7.0]), np.zeros((2, 1)), np.zeros((2, 1)))
    ours = update_weights(statistics, Objective(spec, 1, uses_prior=True))
    best = minimize_scalar(
        lambda p: -(3.5 * np.log(p) + 10 * np.log1p(-p)), bounds=(1e-6, 1 - 1e-6),
        method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    assert_allclose(ours, [best.x, 1 - best.x], atol=1e-6)


def test_a_component_without_rows_takes_what_its_prior_says():
    spec = spec_of("diagonal", "inverse-gamma", n_components=2)
    objective = Objective(spec, 2, uses_prior=True)
    current = random_parameters(spec, 2)
    scatter = np.array([[5.0, 9.0], [0.0, 0.0]])
    statistics = SufficientStatistics(0.0, np.array([10.0, 0.0]), np.zeros((2, 2)), scatter)
    new = maximize(statistics, current, objective)
    prior = SCALE_PRIORS["inverse-gamma"]
    assert_allclose(new.means[1], spec.means.loc)
    # Over log scales the density is sigma times as high.
    assert_allclose(new.scales[1], prior.scale / prior.shape, rtol=1e-6)


@pytest.mark.parametrize("n_features", [1, 3])
@pytest.mark.parametrize("structure", ["inverse-wishart", "tied-inverse-wishart"])
def test_under_an_inverse_wishart_prior_the_covariances_have_a_closed_form(structure, n_features):
    """The mode of the inverse-Wishart posterior given the means: (B + Psi) / (N + nu + d + 1)."""
    spec, X = spec_of(structure), example_rows(50, n_features)
    objective, current = Objective(spec, n_features, True), random_parameters(spec, n_features)
    statistics = sufficient_statistics(X, current)
    new = maximize(statistics, current, objective)
    centered, prior = statistics.about(new.means - current.means), spec.covariances
    scatter, counts = centered.scatter.reshape(2, n_features, n_features), centered.counts
    if prior.tied:
        scatter, counts = scatter.sum(axis=0, keepdims=True), counts.sum(keepdims=True)
    rows = counts + prior.degrees_of_freedom + n_features + 1
    expected = (scatter + prior.scale_matrix * np.eye(n_features)) / rows[:, None, None]
    assert_allclose(new.covariances, np.broadcast_to(expected, new.covariances.shape), rtol=1e-8)


def test_a_structure_without_an_m_step_is_refused():
    spec = spec_of("full")
    dataset = read_table(example_rows(10, 2))
    parameters = layout_for(spec, dataset).unpack(np.zeros(layout_for(spec, dataset).size))
    statistics = sufficient_statistics(dataset.values, parameters)
    with pytest.raises(NotImplementedError, match="object has no M-step"):
        update_covariances(object(), statistics, parameters, Objective(spec, 2, uses_prior=True))


@pytest.mark.parametrize("prior", ["half-t", "inverse-gamma"])
def test_wide_matrices_end_where_others_do(prior, monkeypatch):
    dataset, spec = read_table(example_rows(60, 3)), spec_of("full", prior)
    objective = Objective(spec, 3, True)
    parameters = random_parameters(spec, 3, seed=3)
    statistics = sufficient_statistics(dataset.rows, parameters)
    dense = update_covariances(spec.covariances, statistics, parameters, objective)
    monkeypatch.setattr(maximization, "_MOST_FEATURES", 0)
    wide = update_covariances(spec.covariances, statistics, parameters, objective)
    for one, other in zip(dense, wide, strict=True):
        assert_allclose(one, other, rtol=0, atol=1e-3)
