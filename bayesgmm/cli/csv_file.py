"""From a CSV file and the names of columns to a data frame, with remedies for a shell."""

from __future__ import annotations

import csv
import shlex
from collections import Counter
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayesgmm.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class StandardInput:
    """What came through a pipe; it can be read once only, and is looked at several times."""

    content: bytes
    name: str = "standard input"

    def __str__(self) -> str:
        return self.name


def read_csv(path: Path | StandardInput, columns: Sequence[str] | None) -> pd.DataFrame:
    """Read these columns of a CSV file, or all of them.

    Semicolons or tabs may stand for the commas.

    Raises
    ------
    DataError
        If there is no such file or column, the file is not CSV, or its first line does not give
        every column a name of its own.
    """
    if isinstance(path, Path):
        _expect_file(path)
    try:
        table = _read(path)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as CSV: {error}. A line of names and then lines of numbers "
            "are expected, separated by commas."
        ) from error
    if table.empty:
        raise DataError(f"{path} has no rows below the names of its columns.")
    return expect_columns(table, columns, str(path))


def expect_columns(table: pd.DataFrame, columns: Sequence[str] | None, source: str) -> pd.DataFrame:
    """Return these columns, or all of them; a ``DataError`` names those that there are not."""
    if columns is None:
        return table
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise DataError(
            f"{source} has no column {_listed(unknown)}. It has {_listed(table.columns)}."
        )
    return table[list(columns)]


def expect_numbers(table: pd.DataFrame) -> None:
    """Raise a ``DataError`` that names the columns with cells that are not numbers."""
    numeric = table.select_dtypes("number").columns
    others = [name for name in table.columns if name not in numeric]
    if not others:
        return
    examples = ", ".join(f"{name!r} (for example {_odd_cell(table[name])!r})" for name in others)
    vary = [name for name in numeric if table[name].nunique() > 1]
    remedy = f" Choose columns with --columns {_as_option(vary)}." if vary else ""
    commas = [name for name in others if _has_decimal_commas(table[name])]
    if commas:
        remedy = f" Decimals are written with a point, not a comma: {_listed(commas)}.{remedy}"
    raise DataError(f"Numbers are needed in every column; not so in {examples}.{remedy}")


def expect_weights(column: pd.Series) -> None:
    """Raise a ``DataError`` if the column of weights holds anything but numbers."""
    if (column.notna() & pd.to_numeric(column, errors="coerce").isna()).any():
        raise DataError(
            f"--weights needs a column of numbers; {column.name!r} has other cells, for example "
            f"{_odd_cell(column)!r}."
        )


def _has_decimal_commas(column: pd.Series) -> bool:
    """Say whether all cells are numbers, were their commas points, and some have one."""
    cells = column.dropna().astype(str)
    odd = cells.str.contains(",", regex=False)
    points = cells.str.replace(",", ".", regex=False)
    return bool(odd.any() and pd.to_numeric(points, errors="coerce").notna().all())


def _as_option(names: Iterable[str]) -> str:
    """Write names as one argument of a shell, quoted where they hold commas or spaces."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def read_text(path: Path | StandardInput) -> tuple[pd.DataFrame, str]:
    """Read the same cells as they are written, and the separator between them."""
    separator = _separator(path)
    table = pd.read_csv(
        _opened(path), sep=separator, skipinitialspace=True, dtype=str, keep_default_na=False
    )
    return table.rename(columns=str.strip), separator


def rows_with_gaps(table: pd.DataFrame) -> str:
    """Say how many rows have missing cells, as the start of a sentence; nothing if none has."""
    count = int(table.isna().any(axis=1).sum())
    if count == 0:
        return ""
    return f"{count} of {len(table)} rows {'has' if count == 1 else 'have'} missing cells"


def _expect_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder; the name of a CSV file is needed.")
    if not path.exists():
        raise DataError(f"There is no file {path}.")


def _opened(path: Path | StandardInput) -> Path | BytesIO:
    return BytesIO(path.content) if isinstance(path, StandardInput) else path


def _read(path: Path | StandardInput) -> pd.DataFrame:
    separator = _separator(path)
    (header,) = _first_line(path, separator).to_numpy()
    names = [name.strip() for name in header]
    _expect_names(path, names)
    table = pd.read_csv(_opened(path), sep=separator, skipinitialspace=True)
    return table.rename(columns=str.strip)


def _separator(path: Path | StandardInput) -> str:
    """Return the comma, unless the first line has none and one of the others."""
    # Quotes are kept, so that a separator inside of them does not count.
    (line,) = _first_line(path, ",", quoting=csv.QUOTE_NONE).to_numpy()
    if len(line) > 1:
        return ","
    found = [mark for mark in _OTHER_SEPARATORS if len(next(csv.reader(line, delimiter=mark))) > 1]
    if len(found) > 1:
        raise DataError(
            f"The first line of {path} has {' and '.join(_OTHER_SEPARATORS.values())}; which of "
            "them separate the columns? Write commas instead."
        )
    return found[0] if found else ","


def _first_line(path: Path | StandardInput, separator: str, **options: int) -> pd.DataFrame:
    return pd.read_csv(
        _opened(path), sep=separator, header=None, nrows=1, dtype=str, keep_default_na=False,
        skipinitialspace=True, **options,
    )  # fmt: skip


def _expect_names(path: Path | StandardInput, names: Sequence[str]) -> None:
    if all(_is_number(name) for name in names):
        raise DataError(
            f"The first line of {path} should name the columns; it holds numbers: "
            f"{_listed(names[:3])}{', ...' if len(names) > 3 else ''}"
        )
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    if repeated:
        raise DataError(
            f"Every column of {path} needs a name of its own; used more than once: "
            f"{_listed(repeated)}."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _odd_cell(column: pd.Series) -> str:
    """Return the first cell that is not a number, or of truth values the first one."""
    odd = column[column.notna() & pd.to_numeric(column, errors="coerce").isna()]
    return str((odd if len(odd) else column).iloc[0])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(str(name)) for name in names)
