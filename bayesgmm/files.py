"""Atomic writes of files and folders, and checks of paths.

A file is first written to a hidden temporary path in the same folder and then renamed, which is
atomic. So a process that is killed at any moment leaves the old or the new content, and at worst a
hidden temporary file that the next write of the same name removes.

A folder cannot be renamed over another one that is not empty. Linux can exchange the two in one
step (``renameat2``). Elsewhere the old folder is first renamed to a fixed name; if a process is
killed right then, there is no folder of the original name, and readers use the renamed one
(:func:`present`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

from bayesgmm.errors import DataError

_UNFINISHED = ".part"
_ASIDE = ".aside"
_ABANDONED_AFTER = 24 * 3600.0  # seconds; nobody writes that long

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces ``path`` atomically at the end.

    If the block fails, ``path`` is unchanged and the temporary file is removed. If ``path`` is a
    link, its target is replaced.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from bayesgmm.files import replacing
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder) / "new.txt") as unfinished:
    ...         _ = unfinished.write_text("whole")
    ...     [file.name for file in Path(folder).iterdir()]
    ['new.txt']
    """
    named, path = path, _target(path)
    unfinished = _beside(path)
    try:
        _clear_leftovers(path)
        yield unfinished
        _flush(unfinished)
        _put(unfinished, path)
    except OSError as error:
        if str(error.filename).startswith(str(unfinished)):
            error.filename, error.filename2 = str(named), None  # the requested name
        raise
    finally:
        with suppress(OSError):
            remove(unfinished)


def try_place(path: Path) -> None:
    """Raise an ``OSError`` that names ``path`` if its folder is not writable.

    Called before the work starts: permissions alone are not enough, for example if the
    disk is read-only.

    Examples
    --------
    >>> from pathlib import Path
    >>> from bayesgmm.files import try_place
    >>> try_place(Path("nowhere/fit.nc"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: [Errno 2] No such file or directory: 'nowhere/fit.nc'
    """
    trial = _beside(_target(path))
    try:
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        error.filename = str(path)
        raise


def _target(path: Path) -> Path:
    """Return what a path leads to where it is a link, and the path otherwise."""
    return path.resolve() if path.is_symlink() else path


def _beside(path: Path) -> Path:
    """Return a unique hidden name that identifies the writing process."""
    owner = f"{platform.node()}-{os.getpid()}"
    return path.with_name(f".{path.name}.{owner}-{uuid4().hex[:8]}{_UNFINISHED}")


def present(path: Path) -> Path:
    """Return the path to read: ``path`` itself, or the renamed old folder.

    The latter if a write was killed between two renames, see above.
    """
    aside = _aside(_target(path))
    return aside if not path.exists() and aside.exists() else path


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put(unfinished: Path, path: Path) -> None:
    """Rename over what may be there."""
    if not unfinished.is_dir() or not path.exists():
        unfinished.replace(path)
    elif not _exchanged(unfinished, path):
        path.rename(_aside(path))
        unfinished.rename(path)
        remove(_aside(path))


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two paths atomically; false if the system does not support it."""
    if sys.platform != "linux":
        return False
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        return False
    if exchange(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_SUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(other))


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}{_ASIDE}")


def _clear_leftovers(path: Path) -> None:
    """Remove temporary files of killed writes to this path."""
    if _aside(path).exists():
        if path.exists():
            remove(_aside(path))
        else:
            _aside(path).rename(path)
    for leftover in path.parent.glob(f".{escape(path.name)}.*{_UNFINISHED}"):
        if _is_abandoned(leftover):
            remove(leftover)


def _is_abandoned(unfinished: Path) -> bool:
    """Return whether a temporary file is abandoned: its process is gone, or it is a day old."""
    owner = unfinished.name.removesuffix(_UNFINISHED).rsplit("-", 1)[0]
    machine, _, process = owner.rpartition("-")
    if machine.endswith(platform.node()) and process.isdigit() and not _is_alive(int(process)):
        return True
    with suppress(FileNotFoundError):
        return time.time() - unfinished.stat().st_mtime > _ABANDONED_AFTER
    return False


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a query
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    """Flush a file to disk before it is renamed, in case of a power failure."""
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            with file.open("rb") as written:
                os.fsync(written.fileno())


def as_path(path: Any) -> Path:
    """Return a path that a user gave as text or as such."""
    try:
        return Path(path)
    except TypeError:
        raise DataError(f"Expected the path of a file, not {path!r}.") from None


def expect_present(path: Path) -> None:
    """Raise unless there is something to read."""
    if not path.exists():
        raise DataError(f"There is no file {path}.")


def expect_no_folder(path: Path, example: str) -> None:
    """Raise if there is a folder where a file is wanted."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the name of a file in it, such as {example}.")


def expect_file_or_nothing(path: Path, example: str) -> None:
    """Raise if something other than an ordinary file is where one is to be written."""
    expect_no_folder(path, example)
    if path.exists() and not path.is_file():
        raise DataError(f"{path} is no ordinary file; give the name of one, such as {example}.")


def expect_folder_of(path: Path) -> None:
    """Raise unless there is a folder to write a file to."""
    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent} to write {path.name} to.")
