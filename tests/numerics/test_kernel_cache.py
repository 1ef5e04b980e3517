"""A cache of compiled code saves time, and where it cannot, nothing but time is lost."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path

import numba
import pytest
from numba.core.caching import CacheImpl, IndexDataCacheFile

import bayesgmm as bg
from bayesgmm.numerics import kernel_cache
from bayesgmm.numerics.kernels.compiling import Kernel


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(kernel_cache, "_said", set())
    return tmp_path


def _double(x: float) -> float:
    return 2.0 * x


def run(number: float = 1.5) -> int:
    """Let a kernel that is new to this process work; return how often it was compiled."""
    kernel = Kernel(_double, targetoptions={"nopython": True})
    kernel.enable_caching()
    assert kernel(number) == 2 * number
    return sum(kernel.stats.cache_misses.values())


DAMAGE = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeroed": lambda content: bytes(len(content)),
    "flipped": lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:],
}


def test_a_damaged_entry_is_compiled_and_mended(empty_cache):
    assert [run(), run()] == [1, 0]
    for suffix, kinds in {".nbi": ("empty", "cut", "zeroed"), ".nbc": DAMAGE}.items():
        (file,) = empty_cache.rglob(f"*{suffix}")
        for kind in kinds:
            file.write_bytes(DAMAGE[kind](file.read_bytes()))
            assert [run(), run()] == [1, 0], (suffix, kind)


def test_data_of_other_sources_are_not_taken_for_those_of_the_index(empty_cache, monkeypatch):
    """As while another process writes: it renews the index first, and then the data."""
    run()
    (data,) = empty_cache.rglob("*.nbc")
    earlier = data.read_bytes()
    monkeypatch.setattr(kernel_cache, "_state_of_sources", lambda folder: (("changed", "0"),))
    assert run() == 1
    data.write_bytes(earlier)
    assert [run(), run()] == [1, 0]


def test_versions_that_are_kept_at_the_same_time_do_not_overwrite_each_other(
    empty_cache, monkeypatch
):
    """As by two processes, neither of which finds the index of the other yet."""
    run(1.5)
    with monkeypatch.context() as patch:
        patch.setattr(kernel_cache._CheckedFile, "_load_index", lambda self: {})
        run(3)
    assert len(list(empty_cache.rglob("*.nbc"))) == 2
    assert [run(3), run(1.5), run(1.5)] == [0, 1, 0]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_cache_that_cannot_be_written_is_passed_over_and_said_once(monkeypatch, number):
    def refuse(self: IndexDataCacheFile, path: str) -> None:
        raise OSError(number, "not here", path)

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", refuse)
    with pytest.warns(bg.BayesGMMWarning, match="not here.*NUMBA_CACHE_DIR") as told:
        assert run() == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run() == 1


def test_without_any_folder_kernels_are_compiled(monkeypatch):
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])
    with pytest.warns(bg.BayesGMMWarning, match="cannot be kept on disk"):
        assert [run(), run()] == [1, 1]
