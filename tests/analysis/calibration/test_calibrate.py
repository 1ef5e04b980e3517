"""A right engine passes, wrong ones are caught, and an interrupted calibration goes on.

The right engine is a grid: with one component and one feature the posterior has two dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import bayesgmm as bg
from bayesgmm.parameters import MixtureParameters
from bayesgmm.progress import CountProgress
from bayesgmm.schema import with_record
from bayesgmm.tree.write import draws_tree

SPEC = bg.MixtureSpec(
    1, means=bg.NormalMeans(0.5, 2.0), covariances=bg.Diagonal(scales=bg.LogNormal(0.0, 0.4))
)
MIXTURE = bg.MixtureSpec(
    2,
    weights=bg.Dirichlet(4.0),
    means=bg.NormalMeans(0.0, 2.0),
    covariances=bg.Diagonal(scales=bg.InverseGamma(8.0, 6.0)),
)
GIBBS = bg.Gibbs(draws=60, tune=20, chains=1)
SOLVER = bg.EM(n_starts=1)


@dataclass(frozen=True)
class Grid:
    """Exact draws from the posterior of ``SPEC``, or with an error on purpose."""

    shift: float = 0.0
    stretch: float = 1.0
    from_prior: bool = False
    fails_at: tuple[int, ...] = ()

    def run(self, spec, data, *, start, seed, progress=False):
        rng = np.random.default_rng(seed)
        means, scales = np.linspace(-8, 9, 250)[:, None], np.exp(np.linspace(-2, 2, 120))
        rows = data.values[:, 0]
        density = stats.norm(0.5, 2.0).logpdf(means) + stats.norm(0.0, 0.4).logpdf(np.log(scales))
        if not self.from_prior:
            squares = ((rows - rows.mean()) ** 2).sum() + rows.size * (rows.mean() - means) ** 2
            density = density - rows.size * np.log(scales) - 0.5 * squares / scales**2
        chances = np.exp(density - density.max()).ravel()
        chosen = rng.choice(chances.size, 99, p=chances / chances.sum())
        i, j = np.unravel_index(chosen, density.shape)
        centers = means[i, 0] + rng.uniform(-0.5, 0.5, 99) * 17 / 249
        centers = centers.mean() + self.stretch * (centers - centers.mean()) + self.shift
        widths = scales[j] * np.exp(rng.uniform(-0.5, 0.5, 99) * 4 / 119)
        shape = (1, 99, 1)
        draws = MixtureParameters(
            np.ones(shape), centers.reshape(*shape, 1), widths.reshape(*shape, 1)
        )
        return draws_tree(
            draws, data=data, spec=spec, start=start,
            chain_starts=draws.draw((slice(None), 0)), sample_stats={},
        )  # fmt: skip


@dataclass(frozen=True)
class Unreliable:
    """Gibbs, but at one call something happens."""

    at: int
    what: type[BaseException]

    def run(self, spec, data, *, start, seed, progress=False):
        calls.append(1)
        if len(calls) == self.at:
            raise self.what("out of order")
        return GIBBS.run(spec, data, start=start, seed=seed)

    def __repr__(self):
        return repr(GIBBS)


@dataclass(frozen=True)
class Partial:
    """An engine that was interrupted and returned what it had."""

    def run(self, spec, data, *, start, seed, progress=False):
        calls.append(1)
        tree = GIBBS.run(spec, data, start=start, seed=seed)
        return with_record(tree, partial=len(calls) > 2)


@dataclass(frozen=True)
class Sticky:
    """Gibbs that gives every draw ten times."""

    def run(self, spec, data, *, start, seed, progress=False):
        tree = GIBBS.run(spec, data, start=start, seed=seed)
        return tree.isel(draw=np.repeat(np.arange(6), 10))


calls: list[int] = []


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


def calibrated(engine, spec=SPEC, **options) -> bg.Calibration:
    settings = {"n_rows": 8, "n_features": 1, "n_replications": 60, "random_seed": 1}
    settings |= {"solver": SOLVER, "progress": False}
    return bg.calibrate(spec, engine, **(settings | options))


def small(engine, **options) -> bg.Calibration:
    settings = {"n_rows": 10, "n_replications": 6, "n_draws": 19}
    return calibrated(engine, MIXTURE, **(settings | options))


@cache
def exact() -> bg.Calibration:
    """Calibrate exact draws; fails with a probability of 1 %."""
    return calibrated(Grid())


@pytest.fixture
def right() -> bg.Calibration:
    return exact()


def test_exact_draws_pass(right):
    assert right.passed
    assert right.findings == ()
    assert right.verdict.startswith("Calibrated: Grid(")
    assert right.ranks.sizes == {"replication": 60, "quantity": 7}
    assert "p-value" in str(right)


def test_ranks_and_their_normalized_form_are_in_range(right):
    ranks, pit = right.ranks["ranks"].values, right.ranks["pit"].values
    assert ranks.min() >= 0
    assert ranks.max() <= 99
    np.testing.assert_array_equal(np.floor(pit * 100), ranks)


def test_independent_draws_are_effective(right):
    """Of 99 independent draws, the estimate of the effective number is off by some 15."""
    np.testing.assert_allclose(right.figures["effective"], 1.0, atol=0.15)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "sign"), [(Grid(shift=0.4), -1), (Grid(shift=-0.4), 1)], ids=["high", "low"]
)
def test_shifted_draws_are_caught(engine, sign):
    calibration = calibrated(engine, n_replications=40)
    assert not calibration.passed
    mean = float(calibration.figures["mean_pit"].sel(quantity="total_mean"))
    assert sign * (mean - 0.5) > 0.1
    assert any("total_mean" in finding.problem for finding in calibration.findings)


@pytest.mark.slow
@pytest.mark.parametrize(("stretch", "covered"), [(2.5, 0.93), (0.4, 0.6)])
def test_draws_of_a_wrong_width_are_caught(stretch, covered):
    calibration = calibrated(Grid(stretch=stretch), n_replications=40)
    assert not calibration.passed
    coverage = float(calibration.figures["coverage"].sel(quantity="total_mean"))
    assert (coverage > covered) == (stretch > 1)


@pytest.mark.slow
def test_an_engine_that_ignores_the_rows_is_caught_by_quantities_that_know_them():
    """Its parameters are calibrated: truths come from the prior, too (Modrak et al., 2023)."""
    p_values = calibrated(Grid(from_prior=True)).figures["p_value"]
    assert p_values.sel(quantity="log_likelihood") < 1e-6
    assert p_values.sel(quantity=["total_mean", "smallest_scale"]).min() > 0.005


def test_same_seed_same_ranks_and_another_seed_others():
    first, again, other = small(GIBBS), small(GIBBS), small(GIBBS, random_seed=2)
    xr.testing.assert_identical(first.ranks, again.ranks)
    assert not np.array_equal(first.ranks["ranks"], other.ranks["ranks"])


def test_interrupted_it_returns_what_is_finished_and_goes_on(tmp_path):
    path = tmp_path / "calibration.nc"
    interrupted = small(Unreliable(4, KeyboardInterrupt), path=path)
    assert interrupted.ranks.sizes["replication"] == 3
    assert "3 replications are missing" in interrupted.findings[0].problem
    resumed = small(GIBBS, path=path)
    xr.testing.assert_identical(resumed.ranks, small(GIBBS).ranks)
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.nc"]


def test_an_engine_that_returns_a_part_was_interrupted():
    assert small(Partial()).ranks.sizes["replication"] == 2


def test_interrupted_at_once():
    with pytest.raises(KeyboardInterrupt):
        small(Unreliable(1, KeyboardInterrupt))


def test_replications_can_be_added_later(tmp_path):
    path = tmp_path / "calibration.nc"
    small(GIBBS, path=path, n_replications=2)
    longer = small(GIBBS, path=path)
    xr.testing.assert_identical(longer.ranks, small(GIBBS).ranks)
    assert small(GIBBS, path=path, n_replications=2).ranks.sizes["replication"] == 2


def test_failures_are_counted_and_kept(tmp_path):
    path = tmp_path / "calibration.nc"
    calibration = small(Unreliable(3, RuntimeError), path=path)
    assert not calibration.passed
    assert calibration.ranks["replication"].values.tolist() == [0, 1, 3, 4, 5]
    assert calibration.ranks.attrs["failures"] == {2: "RuntimeError: out of order"}
    problem = calibration.findings[0].problem
    assert problem == "1 of 6 replications failed; number 2: RuntimeError: out of order"
    calls.clear()
    xr.testing.assert_identical(small(GIBBS, path=path).ranks, calibration.ranks)


def test_correlated_draws_are_remarked_on():
    findings = small(Sticky()).findings
    assert any("The draws kept are autocorrelated" in finding.problem for finding in findings)


def test_other_settings_are_refused_a_file(tmp_path):
    path = tmp_path / "calibration.nc"
    small(GIBBS, path=path, n_replications=1)
    for options in ({"n_rows": 11}, {"random_seed": 2}, {"n_draws": 20}):
        with pytest.raises(bg.SpecificationError, match=next(iter(options))):
            small(GIBBS, path=path, **options)
    with pytest.raises(bg.SpecificationError, match="another engine"):
        small(bg.Gibbs(draws=61), path=path)


def test_unusable_paths(tmp_path):
    with pytest.raises(bg.DataError, match="no folder"):
        small(GIBBS, path=tmp_path / "nowhere" / "calibration.nc")
    with pytest.raises(bg.SpecificationError, match="random_seed must be given"):
        small(GIBBS, path=tmp_path / "calibration.nc", random_seed=None)
    other = tmp_path / "other.nc"
    other.write_text("something else")
    with pytest.raises(bg.DataError, match=r"not a file that bayesgmm\.calibrate wrote"):
        small(GIBBS, path=other)


def test_priors_that_are_scaled_to_the_data_are_refused():
    with pytest.raises(bg.SpecificationError, match=r"loc of NormalMeans.*Give numbers"):
        calibrated(GIBBS, bg.MixtureSpec(2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": bg.NUTS}, "engine must be an engine"),
        ({"spec": 2}, "spec must be a MixtureSpec"),
        ({"n_rows": 1}, "n_rows must be at least 2"),
        ({"n_replications": 0}, "n_replications must be a whole number"),
        ({"n_draws": 99.0}, "n_draws must be a whole number"),
        ({"engine": GIBBS}, "60 draws, fewer than n_draws, 99"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(bg.SpecificationError, match=message):
        calibrated(**({"engine": Grid()} | options))


def test_arviz_draws_the_ranks(right):
    import arviz_plots

    tree = right.pit
    assert tree["prior_sbc"].sizes == {"chain": 1, "draw": 60}
    collection = arviz_plots.plot_ecdf_pit(tree, backend="none")
    assert set(collection.viz["ecdf_lines"].data_vars) == set(right.figures["quantity"].values)


def test_progress_is_shown_only_if_wanted(monkeypatch):
    asked = []

    def recorded(*arguments, visible):
        asked.append(visible)
        return CountProgress(*arguments, visible=False)

    monkeypatch.setattr("bayesgmm.analysis.calibration.calibrate.CountProgress", recorded)
    small(GIBBS, n_replications=1)
    small(GIBBS, n_replications=1, progress=True)
    assert asked == [False, True]
