"""Blocks of rows: each row once, the same sums on any number of cores, errors that arrive."""

from __future__ import annotations

import os
import signal
import threading
from itertools import pairwise

import numpy as np
import pytest

from bayesgmm.numerics.blocks import SHORT, for_each, for_each_block, row_blocks, sum_over_blocks

LONG = 5 * SHORT + 17


@pytest.mark.parametrize("n_rows", [0, 1, SHORT, SHORT + 1, LONG, 10**7 + 3])
def test_blocks_cover_all_rows_in_order(n_rows):
    blocks = row_blocks(n_rows)
    assert blocks[0][0] == 0
    assert blocks[-1][1] == n_rows
    assert all(left[1] == right[0] for left, right in pairwise(blocks))
    assert len(blocks) == 1 or (len(blocks) % 8 == 0 and len(blocks) <= 128)
    sizes = [stop - start for start, stop in blocks]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("cores", [1, 2, 3, 8])
def test_every_row_is_visited_once(cores):
    visits = np.zeros(LONG, dtype=int)

    def visit(start: int, stop: int) -> None:
        visits[start:stop] += 1

    for_each_block(LONG, visit, cores=cores)
    assert np.all(visits == 1)


def test_sums_do_not_depend_on_the_number_of_cores():
    values = np.random.default_rng(0).normal(size=LONG)

    def of_block(start: int, stop: int) -> tuple[float, np.ndarray]:
        return values[start:stop].sum(), np.cumsum(values[start : start + 10])

    alone = sum_over_blocks(LONG, of_block, cores=1)
    for cores in (2, 3, 8):
        together = sum_over_blocks(LONG, of_block, cores=cores)
        assert together[0] == alone[0]
        assert np.array_equal(together[1], alone[1])


def test_terms_are_added_in_order_even_if_the_first_comes_last():
    others_done = threading.Barrier(2)

    def of_block(start: int, stop: int) -> tuple[str]:
        if start == 0 or stop == LONG:
            others_done.wait(timeout=30)  # the first block ends only when the last has begun
        return (f"{start} ",)

    starts = [start for start, _ in row_blocks(LONG)]
    assert sum_over_blocks(LONG, of_block, cores=2)[0].split() == [str(s) for s in starts]


@pytest.mark.parametrize("bad", [0, LONG - 1])
def test_an_error_in_any_block_reaches_the_caller(bad):
    def fail(start: int, stop: int) -> None:
        if start <= bad < stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for_each_block(LONG, fail, cores=2)
    for_each_block(LONG, lambda *_: None, cores=2)  # and the next one is none the worse


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads here")
def test_a_second_interrupt_does_not_wait_for_helpers():
    main, begun, ended = threading.main_thread(), threading.Event(), threading.Event()
    again = threading.Timer(0.2, signal.pthread_kill, (main.ident, signal.SIGINT))

    def work(number: int) -> None:
        if threading.current_thread() is main:
            assert begun.wait(30)
            again.start()
            raise KeyboardInterrupt
        begun.set()
        ended.wait(30)

    with pytest.raises(KeyboardInterrupt):
        for_each(2, work, cores=2)
    assert not ended.is_set()
    ended.set()
    helpers = [one for one in threading.enumerate() if one.name.startswith("bayesgmm-rows")]
    assert helpers
    assert all(helper.daemon for helper in helpers)  # none keeps the process from ending


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_threads_of_its_own():
    for_each_block(LONG, lambda *_: None, cores=2)
    child = os.fork()
    if child == 0:
        for_each_block(LONG, lambda *_: None, cores=2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0
