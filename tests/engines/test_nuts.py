"""The sampler's two backends target one posterior."""

from __future__ import annotations

from types import SimpleNamespace

import arviz_stats
import numpy as np
import pyarrow
import pytensor
import pytest
from arro3.core import RecordBatch

import bayesgmm as bg
from bayesgmm.engines.catalog import ENGINES, engine_named
from bayesgmm.engines.nuts import _STATISTICS, _read_trace

# Draws take long where PyTensor computes in Python, as it does in the other tests.
COMPILED = pytensor.config.change_flags(mode="NUMBA")

VARIABLES = ("weights", "means", "scales", "correlations")


@pytest.mark.slow
@COMPILED
@pytest.mark.parametrize("structure", [bg.Full(), bg.InverseWishart()], ids=str)
def test_the_pymc_backend_has_the_same_posterior(structure):
    """See ``expect_the_same_posterior``."""
    X = bg.datasets.load("penguins")[["bill_length_mm", "body_mass_g"]].dropna()
    spec = bg.MixtureSpec(2, covariances=structure)
    fused, pymc = (
        bg.fit(X, spec, engine=bg.NUTS(1000, backend=backend), random_seed=1, progress=False)
        for backend in ("fused", "pymc")
    )
    expect_the_same_posterior(fused, pymc)
    assert bg.diagnose(fused).passed


@pytest.mark.slow
@COMPILED
def test_the_pymc_backend_has_the_same_posterior_where_rows_are_annotated():
    """Gaps in a third of the rows, weights and labels: see ``expect_the_same_posterior``."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 2)) + np.repeat([[0.0], [4.0]], 40, axis=0)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[np.isnan(X).all(axis=1)] = 1.0
    known = {
        "sample_weight": rng.choice([0.0, 0.5, 1.0, 2.0], 80),
        "labels": ["low", *[None] * 78, {"low": 0.3, "high": 0.7}],
    }
    expect_the_same_posterior(*(
        bg.fit(
            X, bg.MixtureSpec(2), engine=bg.NUTS(1000, backend=backend), random_seed=1,
            progress=False, **known,
        )
        for backend in ("fused", "pymc")
    ))  # fmt: skip


def expect_the_same_posterior(*trees):
    """Means within 4.5 Monte Carlo errors: 28 of them, error rate below 2e-4 in all."""
    for name in VARIABLES:
        fused, pymc = (tree["posterior"].to_dataset()[[name]] for tree in trees)
        difference = fused.mean(("chain", "draw")) - pymc.mean(("chain", "draw"))
        errors = np.hypot(*(arviz_stats.mcse(one)[name].values for one in (fused, pymc)))
        # The diagonal of a correlation matrix is certain.
        scores = np.abs(difference[name].values[errors > 0]) / errors[errors > 0]
        assert scores.max() < 4.5


def test_draws_do_not_depend_on_the_cores():
    rows = np.random.default_rng(0).normal(size=(30, 1))
    trees = [
        bg.fit(
            rows, bg.MixtureSpec(1), engine=bg.NUTS(draws=20, tune=30, chains=3, cores=cores),
            random_seed=1, progress=False,
        )
        for cores in (1, 3)
    ]  # fmt: skip
    assert trees[0]["posterior"].equals(trees[1]["posterior"])


def test_sampling_statistics_have_their_names_and_types():
    statistics = bg.example_fit()["sample_stats"]
    assert statistics["diverging"].dtype == bool
    assert set(statistics.data_vars) == {
        "diverging", "energy", "lp", "tree_depth", "n_steps", "step_size", "acceptance_rate",
    }  # fmt: skip
    # The adapted acceptance rate is near its target.
    assert abs(float(statistics["acceptance_rate"].mean()) - 0.8) < 0.1


@pytest.mark.parametrize("shape", [(3,), (2, 2)])
@pytest.mark.parametrize(("n_drawn", "n_kept"), [(0, 0), (2, 0), (5, 3)])
def test_draws_after_warm_up_are_read_with_their_shape(shape, n_drawn, n_kept):
    """Of an aborted chain nutpie gives what it has: nothing, warm-up alone, or some draws."""
    values = np.random.default_rng(0).normal(size=(n_drawn, *shape))
    lists = pyarrow.array(
        list(values.reshape(n_drawn, int(np.prod(shape)))), pyarrow.list_(pyarrow.float64())
    )
    metadata = {"shape": ",".join(map(str, shape))}
    field = pyarrow.field("position", lists.type, metadata=metadata)
    statistics = {name: np.arange(n_drawn, dtype=float) for name in _STATISTICS}
    statistics["tuning"] = np.arange(n_drawn) < n_drawn - n_kept
    batches = (
        pyarrow.record_batch([lists], schema=pyarrow.schema([field])),
        pyarrow.record_batch(statistics),
    )
    trace = SimpleNamespace(
        get_arrow_trace=lambda: [[RecordBatch.from_arrow(batch)] for batch in batches]
    )
    read = _read_trace(trace, ("position",))
    assert read.n_draws == n_kept
    np.testing.assert_array_equal(read.posterior["position"], values[n_drawn - n_kept :])
    assert read.sample_stats["lp"].tolist() == list(range(n_drawn - n_kept, n_drawn))


def test_the_catalog_knows_every_engine():
    assert engine_named("nuts", draws=7) == bg.NUTS(draws=7)
    assert set(ENGINES) == {"nuts", "gibbs", "laplace", "advi", "auto"}
    with pytest.raises(bg.SpecificationError, match=r"\['advi', 'auto', 'gibbs', .*\]"):
        engine_named("hmc")


@pytest.mark.parametrize("engine", ["nuts", "gibbs", "laplace"])
def test_draws_that_have_no_room_are_refused_before_the_search(engine, monkeypatch):
    X = np.random.default_rng(0).normal(size=(40, 600))
    monkeypatch.setattr("bayesgmm.estimation.em.EM.run", None)
    with pytest.raises(bg.SpecificationError, match=r"600 features in 3 components.*GB of memory"):
        bg.fit(X, bg.MixtureSpec(3), engine=engine, random_seed=1, progress=False)
