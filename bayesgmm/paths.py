"""Whether there is something to read at a path, or room to write: one check, one kind of error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bayesgmm.errors import DataError


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
