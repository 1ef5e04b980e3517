"""Tables in files: CSV, Parquet and Arrow by suffix, and CSV through pipes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesgmm.cli.csv_file import StandardInput, expect_columns, read_csv
from bayesgmm.engines.progress import waiting
from bayesgmm.errors import DataError, MissingDependencyError
from bayesgmm.posterior.files.whole import replacing

if TYPE_CHECKING:
    import pandas as pd

PIPE = Path("-")
"""Standard input or standard output."""

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_PARQUET, _ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
SUFFIXES = (".csv", ".tsv", ".txt", *_PARQUET, *_ARROW)

TableSource = Path | StandardInput


def source_of(path: Path) -> TableSource:
    """Return what a name on the command line stands for; what comes through a pipe is read."""
    if path == PIPE:
        return StandardInput(sys.stdin.buffer.read())
    is_pipe = path.exists() and not path.is_file() and not path.is_dir()
    return StandardInput(path.read_bytes(), str(path)) if is_pipe else path


def is_text(source: TableSource) -> bool:
    """Say whether a table is, or would be, CSV."""
    return isinstance(source, StandardInput) or source.suffix.lower() not in (*_PARQUET, *_ARROW)


def read_table(source: TableSource, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read these columns of a table, or all of them.

    Raises
    ------
    DataError
        If there is no such file or column, or it is no such table as its suffix says.
    MissingDependencyError
        If the format needs a package that is not installed.
    """
    if is_text(source):
        return read_csv(source, columns)
    expect_file(source, "table")
    kind = _kind(source)
    read = _parquet if kind == "Parquet" else _arrow
    arrow = _pyarrow(kind)
    try:
        table = read(source).to_pandas().reset_index(drop=True)
    except (arrow.ArrowException, ValueError) as error:
        raise DataError(f"{source} cannot be read as {kind}: {error}. Write it anew.") from error
    if table.empty:
        raise DataError(f"{source} has no rows.")
    table.columns = table.columns.map(str)
    return expect_columns(table, columns, str(source))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, whole or not at all; to standard output as CSV."""
    if path == PIPE:
        table.to_csv(sys.stdout, index=False)
        sys.stdout.flush()
        return
    with waiting("writing the table"), replacing(path) as unfinished:
        _writer(path)(table, unfinished)


def write_lines(text: str, path: Path) -> None:
    """Write text in the same way."""
    if path == PIPE:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="")


def expect_file(path: Path, kind: str) -> None:
    """Raise a ``DataError`` if there is no such file."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; the name of a {kind} file is needed.")
    if not path.is_file():
        raise DataError(f"There is no file {path}.")


def expect_suffix(path: Path) -> None:
    """Raise unless a table can be written under this name."""
    if path == PIPE:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"The name of a table ends in {', '.join(SUFFIXES)}, or is - for CSV on standard "
            f"output; not as {path.name!r} does."
        )
    if not is_text(path):
        _pyarrow(_kind(path))


def _writer(path: Path) -> Callable[[pd.DataFrame, Path], None]:
    suffix = path.suffix.lower()
    if suffix in _SEPARATORS:
        return lambda table, file: table.to_csv(file, index=False, sep=_SEPARATORS[suffix])
    return _to_parquet if suffix in _PARQUET else _to_arrow


def _to_parquet(table: pd.DataFrame, file: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pandas(table, preserve_index=False), file)


def _to_arrow(table: pd.DataFrame, file: Path) -> None:
    import pyarrow as pa

    content = pa.Table.from_pandas(table, preserve_index=False)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, content.schema) as writer:
        writer.write_table(content)


def _parquet(path: Path) -> Any:
    from pyarrow import parquet

    return parquet.read_table(path)


def _arrow(path: Path) -> Any:
    """Read the file format, or what was written as a stream."""
    import pyarrow as pa

    content = path.read_bytes()
    is_stream = not content.startswith(b"ARROW1")
    reader = (pa.ipc.open_stream if is_stream else pa.ipc.open_file)(content)
    return reader.read_all()


def _kind(path: Path) -> str:
    return "Parquet" if path.suffix.lower() in _PARQUET else "Arrow"


def _pyarrow(kind: str) -> Any:
    if find_spec("pyarrow") is None:
        raise MissingDependencyError(
            f"{kind} files need the package pyarrow: pip install 'bayesgmm[arrow]', or use CSV."
        )
    import pyarrow

    return pyarrow.lib
