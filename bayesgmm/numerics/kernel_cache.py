"""Cache of compiled kernels: numba's cache, made robust.

numba does not verify entries, and fails if it cannot write. Here a damaged entry counts
as missing, so that the kernel is compiled and written again, and an unwritable cache is
ignored. Every entry has a checksum: damaged machine code would crash the process.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from bayesgmm.errors import warn

_PARTS_OF_KERNELS = [Path(__file__).parent / name for name in ("mixture_prior.py", "patterns.py")]


def cache_of(function: Callable) -> FunctionCache | NullCache:
    """Return the place on disk for what a function of the kernels is compiled to."""
    try:
        return KernelCache(function)
    except (RuntimeError, OSError) as error:  # numba found no folder that it may write to
        _warn_of_no_cache(str(error))
        return NullCache()


class KernelCache(FunctionCache):
    """The cache of one kernel."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        folder = Path(function.__code__.co_filename).parent
        self._cache_file = _CheckedFile(
            self._cache_path, self._impl.filename_base, _state_of_sources(folder)
        )

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return what is kept, or ``None`` where that cannot be used."""
        try:
            return super().load_overload(signature, target_context)
        except Exception:  # whatever unpickling and LLVM make of it; it is compiled instead
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep what was compiled, if that is possible."""
        try:
            super().save_overload(signature, compiled)
        except OSError as error:
            _warn_of_no_cache(f"{self._cache_path}: {error.strerror or error}")


class _CheckedFile(IndexDataCacheFile):
    """The files of one kernel: an index, and data that begin with their checksum."""

    def save(self, key: tuple, data: Any) -> None:
        """Keep one version of a kernel, in a file named after what it was compiled for.

        numba counts the files instead: two processes that keep two versions at once would take one
        number for both, and one index could name the file that the other wrote.
        """
        versions = self._load_index()
        signature, machine, (_, of_closure) = key
        name = hashlib.sha256(repr((signature, machine, of_closure)).encode()).hexdigest()
        versions[key] = self._data_name(int(name[:12], base=16))
        self._save_data(versions[key], data)
        self._save_index(versions)

    def _load_index(self) -> dict:
        try:
            return super()._load_index()
        except Exception:  # damaged, or not to be read: then nothing is known to be there
            return {}

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        checksum, data = content[:_CHECKSUM_BYTES], content[_CHECKSUM_BYTES:]
        if checksum != self._checksum(data):
            raise OSError(f"{name} is damaged")  # which numba takes for none
        return pickle.loads(data)

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(self._checksum(content) + content)

    def _checksum(self, data: bytes) -> bytes:
        """Return that of data under the present index; those of earlier sources have another."""
        return hashlib.sha256(repr(self._source_stamp).encode() + data).digest()


_CHECKSUM_BYTES = hashlib.sha256().digest_size


@cache
def _state_of_sources(folder: Path) -> tuple[tuple[str, str], ...]:
    """Names and checksums of all files that kernels are made of.

    numba compiles a function again when its own file has changed. Ours call each other across
    files and are compiled into one another, so that a change of any of them must count.
    """
    files = [*sorted(folder.glob("*.py")), *_PARTS_OF_KERNELS]
    return tuple((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)


_said: set[str] = set()


def _warn_of_no_cache(why: str) -> None:
    """Say so once in a process: there are a hundred kernels, and one place for all of them."""
    if not _said:
        _said.add(why)
        warn(
            f"Compiled code cannot be kept on disk ({why}), so that every process compiles for a "
            "minute. Name a folder with some space in the environment variable NUMBA_CACHE_DIR.",
            beyond=(str(Path(numba.__file__).parent),),
        )


def cached_files(folder: Path) -> list[Path]:
    """Return the files of the cache in a folder, unfinished ones included."""
    return sorted(file for kind in ("*.nbi*", "*.nbc*") for file in folder.glob(kind))
