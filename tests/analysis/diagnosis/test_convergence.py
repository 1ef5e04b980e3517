"""The worst entry of a quantity, also where there are very many."""

from __future__ import annotations

import numpy as np
import pytest

from bayesgmm.analysis.diagnosis.convergence import (
    RHAT_LIMIT,
    Quantity,
    chance_limit,
    convergence,
    disagreeing,
    largest_rhat,
)


def test_the_worst_of_very_many_entries_is_found():
    values = np.random.default_rng(0).normal(size=(4, 200, 40, 50))
    alone = values[:, :, 17, 31]
    alone[2] += 3.0
    figures = convergence([Quantity("many", values, label_free=True)])
    assert float(figures["rhat"][0]) == largest_rhat(alone)
    assert float(figures["rhat"][0]) > 1.3


def test_what_cannot_be_told_is_not_a_number():
    assert np.isnan(largest_rhat(np.zeros((1, 100))))
    assert np.isnan(largest_rhat(np.zeros((4, 3))))


def moving(shape, correlation, seed):
    """Chains that forget a part of each draw: autoregressive ones."""
    noise = np.random.default_rng(seed).normal(size=shape)
    values = noise.copy()
    for step in range(1, shape[-1]):
        values[..., step] = correlation * values[..., step - 1] + noise[..., step]
    return values


def test_chance_exceeds_its_limit_as_rarely_as_it_should(monkeypatch):
    """Two tests of 5 % each, of 300 converged runs: 10 % at most, plus three standard errors."""
    monkeypatch.setattr("bayesgmm.analysis.diagnosis.convergence.RHAT_LIMIT", 1.0)
    for correlation in (0.0, 0.6):
        runs = moving((300, 4, 200), correlation, seed=1)
        beyond = [largest_rhat(run[..., None]) > chance_limit(run, 0.05) for run in runs]
        assert 0.02 < np.mean(beyond) < 0.155


@pytest.mark.slow
def test_many_entries_of_a_perfect_sampler_do_not_disagree():
    """Seven hundred, each worth 250 draws a chain: the largest R-hat is often above 1.01.

    All of eight such fits pass with a probability of 96 % or more; in none of them the largest is
    above 1.01 with one of 1 % or less.
    """
    largest = []
    for seed in range(8):
        values = np.random.default_rng(seed).normal(size=(4, 250, 700))
        figures = convergence([Quantity("many", values, label_free=True)])
        largest.append(float(figures["rhat"][0]))
        assert disagreeing(figures).sizes["variable"] == 0
    assert max(largest) > RHAT_LIMIT


def test_a_chain_that_is_apart_is_not_excused():
    """By half a standard deviation, in one of seven hundred entries."""
    values = np.random.default_rng(0).normal(size=(4, 1000, 700))
    values[3, :, 17] += 0.5
    figures = convergence([Quantity("many", values, label_free=True)])
    assert disagreeing(figures).sizes["variable"] == 1
    assert float(figures["rhat_limit"][0]) < 1.03
    alone = values[:, :, 17]
    straight = np.delete(values, 17, axis=-1)[:, :, 17]
    assert chance_limit(alone, 1e-6) == pytest.approx(chance_limit(straight, 1e-6), abs=2e-3)
    assert chance_limit(alone[:, :200], 1e-6) > chance_limit(alone, 1e-6)
