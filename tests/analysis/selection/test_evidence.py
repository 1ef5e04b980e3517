"""Evidence against sums over all allocations and quadrature, and against itself in other units."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose
from scipy import integrate, special, stats

import bayesgmm as bg
from bayesgmm.tree.fit import Fit
from tests.references import test_exact as exact

SCALES, DISTRIBUTION = exact.SCALE_PRIORS["inverse-gamma"]
ROWS = np.array([-1.9, -1.6, 0.2, 0.4, 1.2, 1.5])
GIBBS = bg.Gibbs(draws=1500, tune=300, chains=2)


def spec_of(k: int, *, concentration: object = exact.CONCENTRATION, **options) -> bg.MixtureSpec:
    means = bg.NormalMeans(exact.LOC, exact.TAU)
    # So fine that the resolution takes nothing away from the prior.
    options = {"resolution": 1e-6, **options}
    return bg.MixtureSpec(k, bg.Dirichlet(concentration), means, bg.Diagonal(SCALES), **options)


@cache
def tree_of(k: int) -> xr.DataTree:
    return bg.fit(ROWS, spec_of(k), engine=GIBBS, random_seed=1, progress=False)


def exact_evidence(k: int, concentration: np.ndarray | None = None) -> float:
    allocations, log_joint = exact.log_joint_of_allocations(k, ROWS, DISTRIBUTION)
    if concentration is not None:  # in place of an equal one
        counts = (allocations[:, None, :] == np.arange(k)[:, None]).sum(axis=2)
        a, n = concentration, ROWS.size
        log_prior = special.gammaln(a.sum()) - special.gammaln(a.sum() + n)
        log_prior += (special.gammaln(a + counts) - special.gammaln(a)).sum(axis=1)
        log_joint = log_joint - exact.log_probability(counts) + log_prior
    return float(special.logsumexp(log_joint))


def of(table: xr.Dataset, method: str) -> tuple[float, float]:
    one = table.sel(estimator=method)
    return one["log_evidence"].item(), one["se"].item()


def test_one_component_by_quadrature():
    means, log_scales = np.linspace(-8, 9, 800)[:, None], np.linspace(-4, 5, 800)
    scales = np.exp(log_scales)
    density = stats.norm.pdf(means, exact.LOC, exact.TAU) * DISTRIBUTION.pdf(scales) * scales
    for row in ROWS:
        density = density * stats.norm.pdf(row, means, scales)
    integral = integrate.simpson(integrate.simpson(density, log_scales), means[:, 0])
    assert exact_evidence(1) == pytest.approx(np.log(integral), abs=1e-6)
    value, error = of(bg.evidence(tree_of(1), "bridge"), "bridge")
    assert error < 0.01
    assert value == pytest.approx(np.log(integral), abs=0.01 + 2 * error)


@pytest.mark.parametrize("k", [1, 2])
def test_all_allocations_summed(k):
    table = bg.evidence(tree_of(k), smaller=tree_of(1) if k == 2 else None)
    expected = exact_evidence(k)
    for method in table["estimator"].values:
        value, error = of(table, method)
        if method == "laplace":
            assert np.isnan(error)
        else:  # five numbers at four standard errors: by chance with probability 3e-4
            assert abs(value - expected) < 4 * error, method
    assert of(table, "bridge")[1] < 0.02
    assert "agree" in table.attrs["note"]


@pytest.mark.slow
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("prior", exact.SCALE_PRIORS)
def test_all_allocations_summed_with_more_draws(k, prior):
    ours, distribution = exact.SCALE_PRIORS[prior]
    rows = exact.TABLES["8 rows, k = 3"][1]
    spec = bg.MixtureSpec(
        k, bg.Dirichlet(exact.CONCENTRATION), bg.NormalMeans(exact.LOC, exact.TAU),
        bg.Diagonal(ours), resolution=1e-6,
    )  # fmt: skip
    engine = bg.Gibbs(draws=8000, tune=500, chains=4)
    tree = bg.fit(rows, spec, engine=engine, random_seed=1, progress=False)
    _, log_joint = exact.log_joint_of_allocations(k, rows, distribution)
    value, error = of(bg.evidence(tree, "bridge"), "bridge")
    assert error < 0.02
    assert value == pytest.approx(special.logsumexp(log_joint), abs=4 * error)


def test_components_that_are_not_exchangeable():
    concentration = np.array([3.0, 1.0])
    spec = spec_of(2, concentration=tuple(concentration))
    tree = bg.fit(ROWS, spec, engine=GIBBS, random_seed=1, progress=False)
    value, error = of(bg.evidence(tree, "bridge"), "bridge")
    assert value == pytest.approx(exact_evidence(2, concentration), abs=4 * error)
    assert error < 0.03
    with pytest.raises(bg.SpecificationError, match="exchangeable"):
        bg.evidence(tree, "nobile", smaller=tree_of(1))


def test_the_prior_is_normalized_above_the_resolution():
    # So coarse that a seventh of the prior is left.
    spec = spec_of(1, resolution=2.5)
    tree = bg.fit(ROWS, spec, engine=GIBBS, random_seed=1, progress=False)
    variances, log_weights = exact.quadrature(DISTRIBUTION)
    log_weights = log_weights - (2.5**2 / 12 / variances) ** 4
    total = special.logsumexp(log_weights)
    assert total < -1

    def normal(sigma2: float) -> float:
        covariance = sigma2 * np.eye(ROWS.size) + exact.TAU**2
        return stats.multivariate_normal.logpdf(ROWS, np.full(ROWS.size, exact.LOC), covariance)

    log_densities = np.array([normal(one) if one > 1e-8 else -np.inf for one in variances])
    value, error = of(bg.evidence(tree, "bridge"), "bridge")
    expected = special.logsumexp(log_densities + log_weights) - total
    assert value == pytest.approx(expected, abs=4 * error + 0.03)  # of 20 000 prior draws


def test_units_gaps_and_weights():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(0, 1, (10, 2)), rng.normal(4, 1, (10, 2))])
    X[3, 1] = np.nan
    spec = bg.MixtureSpec(2, covariances=bg.Diagonal())
    engine = bg.Gibbs(draws=300, tune=100, chains=2)
    options = {"engine": engine, "random_seed": 1, "progress": False}
    weights = np.r_[2.0, np.ones(19)]
    one = bg.evidence(bg.fit(X, spec, sample_weight=weights, **options), "bridge")
    wide = bg.evidence(bg.fit(X * [8.0, 0.25], spec, sample_weight=weights, **options), "bridge")
    # 21 cells of the first feature, one of them twice, and 20 of the second.
    change = 21 * np.log(8.0) + 20 * np.log(0.25)
    assert of(wide, "bridge")[0] == pytest.approx(of(one, "bridge")[0] - change, abs=1e-6)


def test_rows_that_were_left_out():
    tree = bg.fit(ROWS, spec_of(1), engine=GIBBS, random_seed=1, progress=False, keep_rows=False)
    with pytest.raises(bg.SchemaError, match="keep_rows"):
        bg.evidence(tree)
    again = bg.evidence(tree, "bridge", X=ROWS)
    assert of(again, "bridge")[0] == pytest.approx(
        of(bg.evidence(tree_of(1), "bridge"), "bridge")[0], abs=1e-6
    )


@pytest.mark.parametrize("engine", [bg.Laplace(draws=200), bg.Laplace(draws=2000, resample=True)])
def test_draws_of_an_approximation_and_resampled_ones(engine):
    tree = bg.fit(ROWS, spec_of(1), engine=engine, random_seed=1, progress=False)
    if engine.resample:
        value, error = of(bg.evidence(tree, "bridge"), "bridge")
        assert value == pytest.approx(exact_evidence(1), abs=4 * error + 0.01)
        return
    table = bg.evidence(tree)
    assert table["estimator"].values.tolist() == ["laplace"]
    with pytest.raises(bg.SchemaError, match="approximation"):
        bg.evidence(tree, "bridge")


def test_what_is_refused():
    point = bg.estimate(ROWS, spec_of(1))
    with pytest.raises(bg.SchemaError, match="point estimate"):
        bg.evidence(point)
    with pytest.raises(bg.SpecificationError, match="method must be one of"):
        bg.evidence(tree_of(1), "harmonic")
    with pytest.raises(bg.SpecificationError, match="smaller"):
        bg.evidence(tree_of(2), "nobile")
    with pytest.raises(bg.SpecificationError, match="one component less"):
        bg.evidence(tree_of(2), smaller=tree_of(2))
    other = bg.fit(ROWS, spec_of(1, concentration=1.0), engine=GIBBS, random_seed=1, progress=False)
    with pytest.raises(bg.SpecificationError, match="hyperparameters differ"):
        bg.evidence(tree_of(2), smaller=other)
    posterior = {name: tree_of(1)["posterior"][name].values for name in ("weights", "means")}
    posterior["covariances"] = tree_of(1)["posterior"]["covariances"].values
    without = bg.from_draws(posterior, ROWS)
    with pytest.raises(bg.SchemaError, match="without a spec"):
        bg.evidence(without)


def test_fractional_weights_with_nobile():
    engine = bg.Laplace(draws=200, resample=True)  # Gibbs sampling refuses such weights, too
    options = {"engine": engine, "random_seed": 1, "progress": False}
    weights = np.full(ROWS.size, 1.5)
    one, two = (bg.fit(ROWS, spec_of(k), sample_weight=weights, **options) for k in (1, 2))
    with pytest.raises(bg.SpecificationError, match="whole"):
        bg.evidence(two, smaller=one)


def test_too_few_draws_are_said_to_be():
    tree = tree_of(2).isel(draw=slice(10))
    table = bg.evidence(tree, "bridge")
    assert np.isnan(table["log_evidence"].item())
    assert "it needs" in table.attrs["note"]


def test_compare_by_evidence():
    table = bg.compare({"one": tree_of(1), "two": tree_of(2)}, by="evidence")
    expected = np.array([exact_evidence(1), exact_evidence(2)])
    probabilities = np.exp(expected - special.logsumexp(expected))
    found = table["probability"].sel(model=["one", "two"])
    np.testing.assert_allclose(found, probabilities, atol=0.02)
    assert table["model"].values.tolist() == ["two", "one"]
    assert table["log_bayes_factor"].values[0] == 0


def test_compare_by_evidence_refuses_other_weights_and_approximations():
    rough = bg.fit(ROWS, spec_of(1), engine=bg.Laplace(200), random_seed=1, progress=False)
    with pytest.raises(bg.SchemaError, match=r"'rough'.*approximation"):
        bg.compare({"two": tree_of(2), "rough": rough}, by="evidence")
    twice = bg.fit(
        ROWS, spec_of(1), engine=GIBBS, random_seed=1, progress=False,
        sample_weight=np.r_[2.0, np.ones(5)],
    )  # fmt: skip
    with pytest.raises(bg.DataError, match="weights"):
        bg.compare({"two": tree_of(2), "twice": twice}, by="evidence")
    with pytest.raises(bg.SpecificationError, match="by must be one of"):
        bg.compare({"one": tree_of(1), "two": tree_of(2)}, by="BIC")


def galaxies() -> np.ndarray:
    """Return velocities in thousands of km/s."""
    return bg.datasets.load("galaxies").to_numpy().ravel() / 1000


def galaxies_fit(
    y: np.ndarray, k: int, scale: float, draws: int, init: str = "mode"
) -> xr.DataTree:
    """Fit the priors of Richardson & Green (1997), the scale of their inverse gamma prior given."""
    spec = bg.MixtureSpec(
        k, bg.Dirichlet(1.0), bg.NormalMeans(np.ptp(y) / 2 + y.min(), np.ptp(y)),
        bg.InverseWishart(degrees_of_freedom=4, scale_matrix=2 * scale),
    )  # fmt: skip
    engine = bg.Gibbs(draws=draws, tune=1000, chains=4, init=init)
    return bg.fit(y, spec, engine=engine, random_seed=1, progress=False)


@pytest.mark.slow
def test_galaxies_by_three_methods():
    trees = {k: galaxies_fit(galaxies(), k, 1.0, 8000) for k in range(1, 7)}
    for k, tree in trees.items():
        table = bg.evidence(tree, smaller=trees.get(k - 1))
        bridged, error = of(table, "bridge")
        assert error < 0.06
        for method in {"thames", "nobile"} & set(table["estimator"].values):
            value, own = of(table, method)
            if not np.isnan(value):
                assert abs(value - bridged) < max(0.1, 3 * np.hypot(own, error)), (k, method)
        # A component is empty in enough draws as soon as there is one more than needed.
        assert k < 4 or np.isfinite(of(table, "nobile")[0])
    _expect_posterior_of_number(trees)


def _expect_posterior_of_number(trees: dict[int, xr.DataTree]) -> None:
    """Bayes factors are ratios of the posterior of K under a uniform prior."""
    numbers = range(3, 7)
    engine = bg.Gibbs(draws=20_000, tune=1000)
    spec = replace(Fit(trees[3]).spec, n_components=bg.UniformCount(3, 6))
    tree = bg.fit(galaxies(), spec, engine=engine, random_seed=2, progress=False)
    found = tree["number_of_components"].sel(number=list(numbers))
    shares, errors = found["components"].values, found["components_error"].values
    bridged = [of(bg.evidence(trees[k], "bridge"), "bridge") for k in numbers]
    values, own = np.array(bridged).T
    assert_allclose(
        np.log(shares / shares[1]), values - values[1],
        atol=0.1 + 3 * np.hypot(errors / shares, own).max(),
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("k", "published"), [(2, -235.254), (3, -226.677)])
def test_galaxies_under_the_priors_of_richardson_and_green(k, published):
    """By the vignette of thamesmix; the scale is integrated out by the trapezoidal rule."""
    y = galaxies()
    y[np.isclose(y, 26.96)] = 26.69  # as in the table of MASS
    log_scales = np.arange(np.log(0.02), np.log(40.0), 0.5)
    evidences = [
        of(bg.evidence(galaxies_fit(y, k, scale, 1500, "multi"), "bridge"), "bridge")[0]
        for scale in np.exp(log_scales)
    ]
    prior = stats.gamma(0.2, scale=np.ptp(y) ** 2 / 10)
    log_prior = prior.logpdf(np.exp(log_scales)) + log_scales
    assert special.logsumexp(evidences + log_prior + np.log(0.5)) == pytest.approx(
        published, abs=0.15
    )
