"""BLAS comes back to the threads it had, in whatever order its users end, and is shared by fits."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import bayesgmm as bg
from bayesgmm.numerics import blocks as threads
from bayesgmm.numerics.blocks import one_thread_for_small_algebra
from tests.cases import example_rows


def blas() -> list[int]:
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


@pytest.fixture
def two_threads():
    with one_thread_for_small_algebra():
        pass  # loads every BLAS
    with threadpool_limits(2, user_api="blas"):
        assert set(blas()) == {2}
        yield


def test_users_that_overlap_leave_what_was_there(two_threads):
    begun, first_ended = threading.Barrier(2), threading.Event()

    def first() -> None:
        with one_thread_for_small_algebra():
            begun.wait(10)
        first_ended.set()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(first)
        with one_thread_for_small_algebra():
            begun.wait(10)
            first_ended.wait(10)
            assert set(blas()) == {1}
        other.result()
    assert set(blas()) == {2}


@pytest.mark.parametrize("step", ["enter", "leave"])
def test_an_interrupt_on_the_way_in_or_out_leaves_nothing(two_threads, monkeypatch, step):
    done = getattr(threads._Users, step)

    def interrupted(users: threads._Users) -> None:
        done(users)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(threads._Users, step, interrupted)
    with pytest.raises(KeyboardInterrupt), one_thread_for_small_algebra():
        assert set(blas()) == {1}
    assert set(blas()) == {2}
    assert threads._users._number == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_counts_anew(two_threads):
    with one_thread_for_small_algebra():
        child = os.fork()
        if child == 0:
            os._exit(int(set(blas()) != {2} or threads._users._number != 0))
        _, status = os.waitpid(child, 0)
    assert status == 0


@pytest.mark.filterwarnings("ignore::bayesgmm.errors.ConvergenceWarning")
def test_concurrent_fits_give_what_each_gives_alone(two_threads):
    X = np.r_[example_rows(60, 3), example_rows(40, 3) + 4]

    def means(_: int = 0) -> np.ndarray:
        spec, engine = bg.MixtureSpec(3), bg.Laplace(draws=5)
        tree = bg.fit(X, spec, engine=engine, solver=bg.EM(n_starts=2), random_seed=7,
                      progress=False)  # fmt: skip
        return tree["posterior"]["means"].values

    def by_k_means(seed: int) -> np.ndarray:
        return bg.GaussianMixture(3, random_state=seed).fit(X).means_

    alone, climbed = means(), by_k_means(1)
    with ThreadPoolExecutor(4) as pool:
        others = [pool.submit(by_k_means, 1) for _ in range(8)]
        assert all(np.array_equal(together, alone) for together in pool.map(means, range(2)))
        assert all(np.array_equal(other.result(), climbed) for other in others)
    assert set(blas()) == {2}
