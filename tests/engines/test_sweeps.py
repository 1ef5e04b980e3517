"""Sweeps over long tables: the same draws on any number of cores, and the same as in one loop."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import bayesgmm as bg
from bayesgmm.engines.gibbs import Sweeper
from bayesgmm.estimation.density import Target
from bayesgmm.estimation.problem import Problem
from bayesgmm.numerics.blocks import SHORT
from bayesgmm.numerics.kernels.full_conditionals import HAMILTONIAN, PROPOSED, SLICED
from bayesgmm.parameters import MixtureParameters
from tests.cases import STRUCTURES, example_rows


def target_of(structure: str, n_rows: int, *, gaps: bool = False) -> tuple[Target, np.ndarray]:
    spec = bg.MixtureSpec(2, covariances=STRUCTURES[structure]())
    X = example_rows(n_rows, 2)
    if gaps:
        missing = np.random.default_rng(2).random(n_rows) < 0.2
        X[missing, np.arange(n_rows)[missing] % 2] = np.nan
    problem = Problem.pose(X, spec, labels=[i % 2 if i % 7 == 0 else None for i in range(n_rows)])
    start = bg.EM(n_starts=2).run(problem.scaled_spec, problem.scaled_data, seed=0)
    target = Target(problem.scaled_spec, problem.scaled_data)
    return target, target.position_of(start.parameters)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_blocks_of_rows_make_the_sweeps_of_one_loop(structure, monkeypatch):
    target, start = target_of(structure, SHORT)
    here, there = start.copy(), start.copy()
    together = Sweeper(target).run(here, 4, np.random.default_rng(3))
    monkeypatch.setattr("bayesgmm.numerics.blocks.SHORT", 1000)
    in_blocks = Sweeper(target, cores=2).run(there, 4, np.random.default_rng(3))
    # Sums differ in the order of their terms, and so by rounding, which sweeps pass on.
    assert_allclose(in_blocks.positions, together.positions, rtol=1e-7, atol=1e-9)
    assert_allclose(in_blocks.log_densities, together.log_densities, rtol=1e-9)
    assert np.array_equal(in_blocks.acceptances, together.acceptances)
    assert_allclose(here, together.positions[-1], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_the_number_of_cores_changes_nothing_in_long_tables(structure, gaps):
    target, start = target_of(structure, 3 * SHORT + 11, gaps=gaps)
    runs = [
        Sweeper(target, cores).run(start.copy(), 3, np.random.default_rng(3)) for cores in (1, 2, 5)
    ]
    for run in runs[1:]:
        assert np.array_equal(run.positions, runs[0].positions)
        assert np.array_equal(run.log_densities, runs[0].log_densities)


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("n_rows", [50, SHORT + 1])
def test_log_densities_are_those_before_each_sweep(n_rows, gaps):
    target, start = target_of("full", n_rows, gaps=gaps)
    swept = Sweeper(target).run(start.copy(), 3, np.random.default_rng(0))
    before = [start, *swept.positions[:-1]]
    assert_allclose(swept.log_densities, [target(here)[0] for here in before], rtol=1e-12)


def test_cores_that_chains_leave_idle_share_rows(monkeypatch):
    monkeypatch.setattr("bayesgmm.engines.gibbs.available_cores", lambda: 8)
    assert bg.Gibbs(chains=1).cores_per_chain == 8
    assert bg.Gibbs(chains=4).cores_per_chain == 2
    assert bg.Gibbs(chains=20).cores_per_chain == 1
    assert bg.Gibbs(chains=4, cores=1).cores_per_chain == 1


def test_kept_draws_carry_their_own_log_density():
    X = example_rows(60, 2)
    tree = bg.fit(
        X, bg.MixtureSpec(2), engine=bg.Gibbs(draws=20, tune=5, chains=2, thin=3), random_seed=1,
        progress=False, standardize=False,
    )  # fmt: skip
    problem = Problem.pose(X, bg.MixtureSpec(2))
    target = Target(problem.spec, problem.data)
    posterior = tree["posterior"].to_dataset()
    for draw in (0, 7, 19):
        one = posterior.isel(chain=1, draw=draw)
        parameters = MixtureParameters(
            one["weights"].values, one["means"].values, one["scales"].values,
            one["correlations"].values,
        )  # fmt: skip
        expected = target(target.layout.pack(parameters))[0]
        assert float(tree["sample_stats"]["lp"][1, draw]) == pytest.approx(expected, rel=1e-8)


def test_what_is_rejected_too_often_is_proposed_no_longer():
    sweeper = Sweeper(target_of("diagonal", 20)[0])
    moves = sweeper.moves
    assert moves.kinds.shape == (2, 2)
    moves.tried[:], moves.accepted[:] = [[100, 100], [19, 25]], [[5, 45], [0, 2]]
    sweeper.adapt()
    assert moves.kinds.tolist() == [[SLICED, PROPOSED], [PROPOSED, SLICED]]
    # Few proposals are kept until they are enough to judge by.
    assert moves.tried.tolist() == [[0, 0], [19, 0]]


def test_step_sizes_are_adapted_to_an_acceptance_of_four_fifths():
    sweeper = Sweeper(target_of("full", 200)[0])
    moves = sweeper.moves
    moves.tried[:], moves.accepted[:] = 25, 1
    sweeper.adapt()
    assert np.all(moves.kinds == HAMILTONIAN)
    first = moves.step_sizes.copy()
    moves.tried[:], moves.accepted[:] = 25, [[25], [10]]
    sweeper.adapt()
    assert moves.step_sizes[0, 0] > first[0, 0]
    assert moves.step_sizes[1, 0] < first[1, 0]


@pytest.mark.parametrize("structure", ["full", "diagonal"])
def test_moves_count_proposals_and_slice_sampling_makes_none(structure):
    target, start = target_of(structure, 60)
    sweeper = Sweeper(target)
    sweeper.run(start.copy(), 5, np.random.default_rng(0))
    assert np.all(sweeper.moves.tried == 5)
    assert np.all(sweeper.moves.accepted <= 5)
    sliced = Sweeper(target)
    sliced.moves.kinds[:] = SLICED
    swept = sliced.run(start.copy(), 5, np.random.default_rng(0))
    assert not sliced.moves.tried.any()
    assert np.isnan(swept.acceptances).all()
    assert np.all(np.diff(swept.positions, axis=0) != 0)
