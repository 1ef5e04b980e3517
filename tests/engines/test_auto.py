"""The choice of an engine: each of the three, on a table that it is for."""

from __future__ import annotations

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm.data.dataset import read_table
from bayesgmm.engines.auto import Auto, _sampler
from bayesgmm.engines.catalog import read_engine
from bayesgmm.schema import record


def chosen(rows: np.ndarray, n_components: int, **options: object) -> tuple[str, str]:
    """Run it; the engines that run chains make few draws, so that only the choice is looked at."""
    spec = bg.MixtureSpec(n_components)
    tree = bg.fit(rows, spec, engine="auto", random_seed=1, progress=False, **options)
    (finding,) = [one for one in bg.diagnose(tree).findings if one.kind == "engine"]
    assert not finding.serious
    return record(tree)["engine"].partition("(")[0], finding.problem


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr("bayesgmm.engines.auto.Gibbs", lambda: bg.Gibbs(draws=100, tune=50))
    monkeypatch.setattr("bayesgmm.engines.auto.NUTS", lambda: bg.NUTS(draws=100, tune=100))


@pytest.fixture
def clouds() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.concatenate([rng.normal(0, 1, (150, 2)), rng.normal(6, 1, (150, 2))])


def test_two_clear_clusters_are_resampled(clouds):
    engine, words = chosen(clouds, 2)
    assert engine == "Laplace"
    assert "nearly normal" in words


@pytest.mark.filterwarnings("ignore::bayesgmm.ConvergenceWarning")
def test_components_that_overlap_are_drawn_by_nuts(clouds):
    engine, words = chosen(clouds[:40], 3)
    assert engine == "NUTS"
    assert "not nearly normal and there are only 2 features" in words


@pytest.mark.filterwarnings("ignore::bayesgmm.ConvergenceWarning")
def test_many_features_are_drawn_by_gibbs_but_not_with_fractions_of_rows():
    rows = np.random.default_rng(2).normal(size=(60, 20))
    engine, words = chosen(rows, 2)
    assert engine == "Gibbs"
    assert "there are 20 features" in words
    engine, words = chosen(rows, 2, sample_weight=np.full(60, 1.5))
    assert engine == "NUTS"
    assert "fractions" in words


def test_gibbs_is_not_chosen_where_weights_make_too_many_rows():
    data = read_table(np.zeros((60, 20)) + np.arange(60)[:, None], np.full(60, 1e6))
    engine, words = _sampler(data)
    assert isinstance(engine, bg.NUTS)
    assert "too large for Gibbs" in words


def test_it_goes_by_its_name():
    assert read_engine("auto") == Auto()
