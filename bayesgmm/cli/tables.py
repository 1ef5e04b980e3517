"""Tables in files: CSV, Parquet and Arrow by suffix, CSV through pipes; and the rows of a fit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesgmm.cli.csv_file import expect_columns, expect_numbers, read_csv, with_row_names
from bayesgmm.cli.csv_lines import StandardInput, expect_file
from bayesgmm.cli.messages import in_words_of_options
from bayesgmm.cli.options import AS_FOUND, TextFormat
from bayesgmm.errors import DataError, MissingDependencyError, SpecificationError, warn
from bayesgmm.files import replacing
from bayesgmm.progress import waiting
from bayesgmm.schema import FEATURE
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


PIPE = Path("-")
"""Standard input or standard output."""

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_PARQUET, _ARROW = (".parquet", ".pq"), (".arrow", ".feather", ".ipc")
SUFFIXES = (".csv", ".tsv", ".txt", *_PARQUET, *_ARROW)

TableSource = Path | StandardInput


def source_of(path: Path) -> TableSource:
    """Return the source of a path on the command line; a pipe is read."""
    if path == PIPE:
        return StandardInput(sys.stdin.buffer.read())
    is_pipe = path.exists() and not path.is_file() and not path.is_dir()
    return StandardInput(path.read_bytes(), str(path)) if is_pipe else path


def is_text(source: TableSource) -> bool:
    """Return whether a table is text."""
    return isinstance(source, StandardInput) or source.suffix.lower() not in (*_PARQUET, *_ARROW)


def read_table(
    source: TableSource,
    columns: Sequence[str] | None = None,
    text_format: TextFormat = AS_FOUND,
) -> pd.DataFrame:
    """Read these columns of a table, or all of them.

    Raises
    ------
    DataError
        If there is no such file or column, or its content does not match its suffix.
    MissingDependencyError
        If the format needs a package that is not installed.
    """
    if isinstance(source, StandardInput) or is_text(source):
        return read_csv(source, columns, text_format)
    text_format.expect_default(str(source))
    expect_file(source, "table.parquet")
    kind = _kind(source)
    read = _parquet if kind == "Parquet" else _arrow
    arrow = _pyarrow(kind)
    try:
        table = read(source).to_pandas().reset_index(drop=True)
    except (arrow.ArrowException, ValueError) as error:
        raise DataError(f"{source} cannot be read as {kind}: {error}. Write it again.") from error
    if table.empty:
        raise DataError(f"{source} has no rows.")
    table.columns = table.columns.map(str)
    table = with_row_names(table, str(source), (*text_format.names, *(columns or ())))
    return expect_columns(table, columns, str(source))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, atomically; to standard output as CSV.

    Cells and names are written unchanged, also those that begin with =, +, - or @, which a
    spreadsheet may interpret as formulas: an escape character would be read back as part of them.
    """
    if path == PIPE:
        table.to_csv(sys.stdout, index=False)
        sys.stdout.flush()
        return
    with waiting("writing the table"), replacing(path) as unfinished:
        _writer(path)(table, unfinished)


def write_text(
    table: pd.DataFrame, path: Path, separator: str, decimal: str, *, header: bool = True
) -> None:
    """Write a text table with the separator and decimal mark of the input table.

    Files named .tsv or .txt are separated by tabs, but not files named .csv.
    """
    usual = _SEPARATORS.get(path.suffix.lower(), separator)
    if "\t" in (usual, separator):
        separator = usual
    text = table.to_csv(index=False, sep=separator, decimal=decimal, header=header)
    if path == PIPE:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="")


def expect_suffix(path: Path) -> None:
    """Raise unless a table can be written under this name."""
    if path == PIPE:
        return
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"The name of a table ends in {', '.join(SUFFIXES)}, or is - for CSV on standard "
            f"output; not {path.name!r}."
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
    """Read the file format or the stream format."""
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


def rows_for(
    tree: xr.DataTree, source: TableSource | None, names: str | None, text_format: TextFormat
) -> tuple[pd.DataFrame | None, pd.DataFrame | None]:
    """Return the features of a fit, and the whole table that has them; ``None`` for its own rows.

    ``names`` is the column with the names of the rows.
    """
    if source is None:
        if names is not None:
            raise SpecificationError(
                "--id names a column of DATA, which was not given; the rows of the fit have names."
            )
        text_format.expect_default("The table of the fit")
        expect_rows(tree, takes_data=True)
        return None, None
    features = features_of(tree)
    asked = features if names is None else [*features, names]
    table = read_table(source, None, text_format.with_names(asked))
    rows = expect_columns(table, asked, str(source))[features]
    expect_numbers(rows, text_format.decimal, may_choose=False)
    return (rows if names is None else named(rows, table[names])), table


def expect_rows(tree: xr.DataTree, *, takes_data: bool) -> None:
    """Raise unless a fit holds its rows; ``takes_data`` says that the command takes others."""
    words = {"with keep_rows=True": "without --no-keep-rows", "keep_rows=False": "--no-keep-rows"}
    with in_words_of_options(X="DATA", **words):
        Fit(tree).expect_rows(takes_others=takes_data)


def features_of(tree: xr.DataTree) -> list[str]:
    """Return the names of the features of a fit."""
    return [str(name) for name in tree["posterior"][FEATURE].values]


def named(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    """Return a table with row names from a column; warn of duplicates."""
    own = names.loc[table.index]
    duplicates = own[own.duplicated()].unique().tolist()
    if duplicates:
        some = ", ".join(map(str, duplicates[:3])) + (", ..." if len(duplicates) > 3 else "")
        warn(
            f"Rows share names in column {names.name!r} of --id: {some}. Results for these names "
            "are ambiguous."
        )
    return table.set_index(own.to_numpy())
