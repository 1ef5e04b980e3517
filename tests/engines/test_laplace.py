"""Laplace against quadrature, and against exact sampling where the posterior is nearly normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import halfnorm, norm

import bayesgmm as bg
from bayesgmm.engines.importance import pareto_k
from bayesgmm.schema import record


def fitted(rows, spec, engine, **options):
    return bg.fit(rows, spec, engine=engine, random_seed=1, progress=False, **options)


def log_integral(rows):
    """Quadrature on a grid that holds all but 1e-12 of the posterior."""
    mean, scale = np.linspace(25.0, 35.0, 801)[:, None], np.linspace(5.5, 11.5, 801)
    squares = np.sum((rows - rows.mean()) ** 2) + rows.size * (rows.mean() - mean) ** 2
    log_density = -rows.size * np.log(scale * np.sqrt(2 * np.pi)) - squares / (2 * scale**2)
    log_density += norm(28.0, 5.0).logpdf(mean) + halfnorm(scale=9.0).logpdf(scale)
    highest = log_density.max()
    return highest + np.log(
        trapezoid(trapezoid(np.exp(log_density - highest), scale), mean.ravel())
    )


def scale_moments(rows):
    """The posterior mean and standard deviation of the scale, by the same quadrature."""
    mean, scale = np.linspace(15.0, 45.0, 801)[:, None], np.linspace(3.0, 25.0, 801)
    squares = np.sum((rows - rows.mean()) ** 2) + rows.size * (rows.mean() - mean) ** 2
    log_density = -rows.size * np.log(scale) - squares / (2 * scale**2)
    log_density += norm(28.0, 5.0).logpdf(mean) + halfnorm(scale=9.0).logpdf(scale)
    density = trapezoid(np.exp(log_density - log_density.max()), mean.ravel(), axis=0)
    density /= trapezoid(density, scale)
    first = trapezoid(density * scale, scale)
    return first, np.sqrt(trapezoid(density * (scale - first) ** 2, scale))


def test_resampled_draws_have_the_moments_of_quadrature():
    """Of 12 rows, whose posterior is skewed: the plain approximation is ten errors away.

    Standard errors are those of 4000 independent draws; 4 of them are exceeded by chance once in
    8000 pairs of moments.
    """
    rows = np.random.default_rng(0).normal(30.0, 8.0, (12, 1))
    spec = bg.MixtureSpec(1, means=bg.NormalMeans(28.0, 5.0), covariances=bg.Full(bg.HalfNormal(9)))
    exact, deviation = scale_moments(rows)
    error, n_draws = deviation / np.sqrt(4000), 4000
    plain, ours = (
        fitted(rows, spec, bg.Laplace(n_draws, resample=resample)) for resample in (False, True)
    )
    assert abs(plain["posterior"]["scales"].values.mean() - exact) > 6 * error
    assert abs(ours["posterior"]["scales"].values.mean() - exact) < 4 * error
    # The error of a standard deviation, with the kurtosis 5 that the tail may have.
    assert abs(ours["posterior"]["scales"].values.std() - deviation) < 4 * error
    diagnosis = bg.diagnose(ours)
    assert diagnosis.passed
    assert "importance resampling" in diagnosis.verdict
    assert not bg.diagnose(plain).passed


def test_a_posterior_that_is_far_from_normal_does_not_pass(overlapping):
    assert not overlapping.passed
    (finding,) = [one for one in overlapping.findings if one.kind == "approximation"]
    assert finding.serious
    assert "importance resampling" in finding.problem
    assert "NUTS()" in finding.remedy


def test_few_resampled_draws_are_no_failure_of_the_approximation():
    """No more of them are effective than there are, and the remedy draws as many as it takes."""
    rows = np.random.default_rng(1).normal(size=(200, 1))
    for n_draws in (10, 200):
        tree = fitted(rows, bg.MixtureSpec(1), bg.Laplace(n_draws, resample=True))
        (finding,) = bg.diagnose(tree).findings
        assert finding.kind == "few draws"
        assert f"gave {int(record(tree)['importance_ess'])}, below 400" in finding.problem
        assert record(tree)["importance_ess"] <= n_draws
        assert "Laplace(draws=1000, resample=True)" in finding.remedy


def test_there_is_no_marginal_likelihood_without_a_curvature(monkeypatch):
    monkeypatch.setattr("bayesgmm.engines.normal.MOST_CURVED", 1)
    rows = np.random.default_rng(1).normal(size=(60, 1))
    assert "log_marginal_likelihood" not in record(fitted(rows, bg.MixtureSpec(1), bg.Laplace(100)))


@pytest.fixture(scope="module")
def overlapping():
    rows = np.random.default_rng(1).normal(size=(60, 2))
    return bg.diagnose(fitted(rows, bg.MixtureSpec(3), bg.Laplace(1000, resample=True)))


@pytest.mark.parametrize("standardize", [True, False])
def test_marginal_likelihood_is_that_of_quadrature(standardize):
    """In the units of the data, and to the 1/n that Laplace's method may be off."""
    rows = np.random.default_rng(0).normal(30.0, 8.0, (200, 1))
    spec = bg.MixtureSpec(1, means=bg.NormalMeans(28.0, 5.0), covariances=bg.Full(bg.HalfNormal(9)))
    tree = fitted(rows, spec, bg.Laplace(), standardize=standardize)
    exact = log_integral(rows)
    ours = record(tree)["log_marginal_likelihood"]
    assert ours == pytest.approx(exact, abs=0.005)
    # The same from importance weights, whose error is far smaller with this approximation.
    statistics = tree["sample_stats"]
    log_weights = (statistics["lp"] - statistics["log_q"]).values
    jacobian = 200 * np.log(record(tree)["scaling"]["factor"][0])
    weighed = logsumexp(log_weights) - np.log(log_weights.size) - jacobian
    assert weighed == pytest.approx(exact, abs=0.01)


@pytest.fixture(scope="module")
def three_clouds():
    """3000 rows, every component apart from the others: nearly normal by Bernstein-von Mises."""
    rng = np.random.default_rng(8)
    centers = np.array([[0.0, 0.0], [9.0, 2.0], [-3.0, 8.0]])
    return rng.normal(size=(3000, 2)) + centers[rng.choice(3, 3000, p=[0.5, 0.3, 0.2])]


@pytest.mark.slow
def test_agrees_with_exact_draws_where_components_are_apart(three_clouds):
    """Means within 0.15 of a deviation, widths within 8 %.

    4000 draws on either side have an error of 0.022 in means and 1.6 % in widths. The mode of a
    log scale lies below its mean by up to 3 / (2 n), of n = 600 rows 0.09 of a deviation.
    """
    spec = bg.MixtureSpec(3)
    exact = fitted(three_clouds, spec, bg.Gibbs(1000))["posterior"].to_dataset()
    tree = fitted(three_clouds, spec, bg.Laplace(4000))
    ours = tree["posterior"].to_dataset()
    for name in ("weights", "means", "scales", "correlations"):
        theirs = exact[name].std(("chain", "draw"))
        shift = (ours[name] - exact[name].mean(("chain", "draw"))).mean(("chain", "draw"))
        certain = theirs < 1e-9  # the diagonal of a correlation matrix
        assert float((abs(shift) / theirs).where(~certain).max()) < 0.15
        ratio = (ours[name].std(("chain", "draw")) / theirs).where(~certain)
        assert float(abs(ratio - 1).max()) < 0.08
    assert record(tree)["pareto_k"] < 0.5
    assert record(tree)["regularized"] == 0


def test_more_rows_bring_the_approximation_nearer(three_clouds):
    few, many = (
        record(fitted(three_clouds[:n], bg.MixtureSpec(3), bg.Laplace()))["pareto_k"]
        for n in (60, 3000)
    )
    assert many < few


def test_pareto_k_of_pareto_weights():
    """Weights exp(E / 2), with E exponential, have a Pareto tail of shape 1/2."""
    log_weights = 0.5 * np.random.default_rng(0).exponential(size=20_000)
    assert pareto_k(log_weights) == pytest.approx(0.5, abs=0.1)
    assert pareto_k(log_weights[:20]) is None


def test_the_heaviest_tail_has_a_shape_too():
    """A few weights that dwarf all others by hundreds of powers of ten."""
    log_weights = 1000 * np.random.default_rng(0).exponential(size=300)
    assert pareto_k(log_weights) == np.inf
    assert pareto_k(-log_weights) > 10


@pytest.mark.parametrize("n_others", [0, 80])
def test_equal_weights_have_no_tail(n_others):
    others = -np.random.default_rng(0).exponential(size=n_others)
    assert pareto_k(np.append(others, np.zeros(100))) == 0.0


@pytest.mark.parametrize("structure", [bg.Spherical, bg.TiedSpherical])
def test_units_that_no_ball_suits_leave_the_small_features_to_the_prior(structure):
    """Where a ball is 1e24 times wider than a feature, its rows say nothing of the mean there."""
    units = np.array([1e-12, 1.0, 1e12])
    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows[:30] += 8.0
    spec = bg.MixtureSpec(2, covariances=structure())
    tree = fitted(rows * units, spec, bg.Laplace(draws=4000))
    assert record(tree)["regularized"] == 0
    assert record(tree)["pareto_k"] < 0.7
    means = tree["posterior"]["means"].values[0] / units
    # 4000 independent draws of 2 components in 2 features: the means lie within 4 errors, the
    # deviations within 5 %, 4.5 of theirs; wrong by chance with probability 3e-4 at most.
    deviations = rows.std(axis=0, ddof=1)
    errors = (means[..., :2].mean(axis=0) - rows.mean(axis=0)[:2]) / (2 * deviations[:2])
    assert np.abs(errors).max() < 4 / np.sqrt(4000)
    np.testing.assert_allclose(means[..., :2].std(axis=0) / (2 * deviations[:2]), 1, rtol=0.05)


@pytest.mark.slow
def test_needs_no_pymc():
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, bayesgmm as bg\n"
        "rows = np.random.default_rng(0).normal(size=(40, 2))\n"
        "bg.fit(rows, bg.MixtureSpec(1), engine=bg.Laplace(), random_seed=1, progress=False)\n"
        "print('pymc' in sys.modules, 'nutpie' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert result.stdout.split() == ["False", "False"]


def test_refuses_no_draws():
    with pytest.raises(bg.SpecificationError, match="draws"):
        bg.Laplace(draws=0)
