"""Running chains: order, limits, and what an interrupted run is worth."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from bayesgmm.engines.sampling import ChainDraws, run_chains
from bayesgmm.progress import ChainProgress


@dataclass
class FakeHandle:
    """A chain that needs some looks before it is done; looking at it may interrupt the run."""

    number: int
    looks: int
    draws_so_far: int
    interrupts: bool = False
    abort_raises: type[BaseException] | None = None
    canceled: bool = False

    @property
    def is_finished(self) -> bool:
        self.looks -= 1
        if self.interrupts and self.looks == 0:
            raise KeyboardInterrupt
        return self.looks <= 0

    def wait(self):
        return self.number, 100

    def abort(self):
        if self.abort_raises is not None:
            raise self.abort_raises
        return self.number, self.draws_so_far

    def cancel(self):
        self.canceled = True


def read(trace):
    number, n_draws = trace
    values = np.full(n_draws, float(number))
    return ChainDraws({"position": values}, {"lp": values}) if n_draws else ChainDraws({}, {})


def run(handles, cores=None):
    launched = []

    def launch(chain, report):
        launched.append(chain)
        return handles[chain]

    result = run_chains(
        launch,
        read,
        n_chains=len(handles),
        cores=cores,
        progress=ChainProgress(len(handles), 100, visible=False),
    )
    return result, launched


def test_chains_come_in_order_whatever_the_cores():
    for cores in (1, 2, 4):
        result, launched = run([FakeHandle(n, 3 + 5 * (n == 0), 0) for n in range(4)], cores)
        assert launched == [0, 1, 2, 3]
        assert result.posterior("position")[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
        assert not result.partial


def test_an_interrupted_run_keeps_what_is_finished():
    handles = [FakeHandle(0, 9, 60), FakeHandle(1, 9, 50), FakeHandle(2, 5, 0, interrupts=True)]
    result, _ = run(handles, cores=3)
    assert result.partial
    assert result.kept == [0, 1]
    assert result.posterior("position").shape == (2, 50)
    assert result.sample_stats()["lp"].shape == (2, 50)


def test_a_short_chain_does_not_cost_the_long_ones():
    handles = [FakeHandle(0, 9, 90), FakeHandle(1, 9, 80), FakeHandle(2, 5, 3, interrupts=True)]
    result, _ = run(handles, cores=3)
    assert result.kept == [0, 1]
    assert result.posterior("position").shape == (2, 80)


def test_nothing_finished_is_an_interruption():
    with pytest.raises(KeyboardInterrupt, match="warm-up"):
        run([FakeHandle(0, 5, 0, interrupts=True)])


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_no_chain_runs_on_whatever_is_raised(error):
    handles = [FakeHandle(0, 5, 9, interrupts=True, abort_raises=error), FakeHandle(1, 9, 9)]
    with pytest.raises(error):
        run(handles, cores=2)
    assert all(handle.canceled for handle in handles)


INTERRUPTED_FIT = """
import os, signal
import numpy as np, bayesgmm as bg
from bayesgmm.progress import ChainProgress

class Impatient(ChainProgress):
    def reporter(self, chain):
        def report(states):
            if not self.__dict__.get("sent") and states[0].finished_draws > 200:
                self.sent = True
                os.kill(os.getpid(), signal.SIGINT)
        return report

import bayesgmm.engines.sampling
bayesgmm.engines.sampling.ChainProgress = Impatient
rows = np.random.default_rng(0).normal(size=(3000, 3))
engine = bg.NUTS(draws=1_000_000, tune=50, chains=2)
tree = bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
print(*[found.problem for found in bg.diagnose(tree).findings if found.kind == "interrupted"])
print(tree["posterior"].sizes["draw"] > 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
def test_ctrl_c_in_a_real_run_returns_a_tree():
    command = [sys.executable, "-c", INTERRUPTED_FIT]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    problem, has_draws = result.stdout.splitlines()
    assert problem.startswith("The run was interrupted and holds only")
    assert has_draws == "True"


INTERRUPTED_WARM_UP = """
import os, signal, time
import numpy as np, bayesgmm as bg
from bayesgmm.progress import ChainProgress

reports = []

class Impatient(ChainProgress):
    def reporter(self, chain):
        def report(states):
            reports.append(chain)
            if set(reports) == {0, 1} and not self.__dict__.get("sent"):
                self.sent = True
                os.kill(os.getpid(), signal.SIGINT)
        return report

import bayesgmm.engines.sampling
bayesgmm.engines.sampling.ChainProgress = Impatient
rows = np.random.default_rng(0).normal(size=(3000, 3))
engine = bg.ENGINE(draws=10, tune=1_000_000, chains=2, cores=2)
try:
    bg.fit(rows, bg.MixtureSpec(1), engine=engine, random_seed=1, progress=False)
except KeyboardInterrupt as error:
    print(error)
before = len(reports)
time.sleep(0.5)
print(len(reports) - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("engine", ["NUTS", "Gibbs"])
def test_ctrl_c_in_warm_up_is_an_interruption_after_which_nothing_runs(engine):
    command = [sys.executable, "-c", INTERRUPTED_WARM_UP.replace("ENGINE", engine)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "Interrupted before any chain had a draw after its warm-up.",
        "0",
    ]
