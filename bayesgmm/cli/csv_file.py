"""CSV files as data frames, with error messages for the command line."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from bayesgmm.cli.csv_lines import BETWEEN, Lines, StandardInput, read_lines
from bayesgmm.cli.options import AS_FOUND, TextFormat
from bayesgmm.digits import listed, plural
from bayesgmm.errors import DataError, warn

_CALLED_BY_PANDAS = re.compile(r"Unnamed: \d+")


def read_csv(
    path: Path | StandardInput,
    columns: Sequence[str] | None,
    text_format: TextFormat = AS_FOUND,
) -> pd.DataFrame:
    """Read these columns of a CSV file, or all of them.

    Semicolons or tabs may replace commas. Every line has as many cells as the first one, so
    that no cell can be assigned to the wrong column. A first column without a name holds the
    names of rows, as pandas and R write them, if its cells are whole numbers or text, all
    different: it becomes the index, with a warning.

    Raises
    ------
    DataError
        If there is no such file or column, the file is not CSV, or its first line does not give
        every column a name of its own.
    """
    text_format = text_format.with_names(columns or ())
    table = _parsed(read_lines(path, text_format), decimal=text_format.decimal)
    if table.empty:
        raise DataError(f"{path} has no rows below the names of its columns.")
    table = with_row_names(table, str(path), text_format.names)
    return expect_columns(table, columns, str(path))


def read_text(
    path: Path | StandardInput,
    text_format: TextFormat = AS_FOUND,
) -> tuple[pd.DataFrame, str]:
    """Read the same cells as text, and their separator."""
    lines = read_lines(path, text_format)
    return _parsed(lines, dtype=str, keep_default_na=False), lines.separator


def _parsed(lines: Lines, **options: Any) -> pd.DataFrame:
    return pd.read_csv(
        lines.content, sep=BETWEEN, header=None, names=list(lines.names), index_col=False,
        low_memory=False, **options,
    )  # fmt: skip


def with_row_names(table: pd.DataFrame, source: str, asked: Sequence[str]) -> pd.DataFrame:
    """Return a table whose index is its first column, if that has no name and can be one.

    ``asked`` are columns that were asked for by name, and are taken as they are.

    Raises
    ------
    DataError
        If the first column has no name, and no names of rows either.
    """
    first = str(table.columns[0])
    if first in asked or not is_nameless(first):
        return table
    cells = table.iloc[:, 0]
    can_name = cells.is_unique and cells.notna().all() and cells.dtype.kind not in "fb"
    if can_name and table.shape[1] > 1:
        warn(
            f"The first column of {source} has no name and is used as row names, as pandas writes "
            "them, not as a feature. --id selects another column of row names; if it is a feature, "
            "give it a name in the file."
        )
        return table.iloc[:, 1:].set_index(cells.to_numpy())
    if first:
        return table
    raise DataError(
        f"Column 1 of {source} has no name, and its cells are not unique row names. "
        "Give it a name in the first line; if it holds row names, pass that name with --id."
    )


def is_nameless(name: str) -> bool:
    """Return whether a column has no name, or a name that pandas generates for such a column."""
    return not name or _CALLED_BY_PANDAS.fullmatch(name) is not None


def expect_columns(table: pd.DataFrame, columns: Sequence[str] | None, source: str) -> pd.DataFrame:
    """Return these columns, or all of them; a ``DataError`` names unknown columns."""
    if columns is None:
        return table
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise DataError(
            f"{source} has no column {listed(map(repr, unknown))}. It has "
            f"{listed(map(repr, table.columns))}."
        )
    return table[list(columns)]


def expect_numbers(table: pd.DataFrame, decimal: str = ".", *, may_choose: bool = True) -> None:
    """Raise a ``DataError`` that names the columns with cells that are not numbers.

    ``may_choose`` says that the command has ``--columns``.
    """
    numeric = table.select_dtypes("number").columns
    others = [name for name in table.columns if name not in numeric]
    if not others:
        return
    odd = {name: _odd_cell(table[name], decimal) for name in others}
    examples = ", ".join(f"{name!r} (for example {cell!r})" for name, cell in odd.items())
    vary = [name for name in numeric if table[name].nunique() > 1]
    remedy = f" Choose columns with --columns {_as_option(vary)}." if vary and may_choose else ""
    commas = [name for name in others if decimal == "." and _has_decimal_commas(table[name])]
    if commas:
        remedy = (
            f" Decimals are written with a point, not a comma: "
            f"{listed(map(repr, commas))}. For decimal commas, add --decimal comma.{remedy}"
        )
    elif table.shape[1] == 1 and len(re.findall(r"[^\s|;:]+", odd[others[0]])) > 1:
        remedy += " If a cell holds several values, give their separator with --separator."
    raise DataError(f"Every column must be numeric; not numeric: {examples}.{remedy}")


def expect_weights(column: pd.Series) -> None:
    """Raise a ``DataError`` if the column of weights holds anything but numbers."""
    if (column.notna() & pd.to_numeric(column, errors="coerce").isna()).any():
        raise DataError(
            f"--weights needs a column of numbers; {column.name!r} has other cells, for example "
            f"{_odd_cell(column)!r}."
        )


def _has_decimal_commas(column: pd.Series) -> bool:
    """Return whether all cells are numbers with decimal commas, and some have one."""
    cells = column.dropna().astype(str)
    odd = cells.str.contains(",", regex=False)
    points = cells.str.replace(",", ".", regex=False)
    return bool(odd.any() and pd.to_numeric(points, errors="coerce").notna().all())


def _as_option(names: Iterable[str]) -> str:
    """Write names as one argument of a shell, quoted where they hold commas or spaces."""
    line = StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return shlex.quote(line.getvalue())


def rows_with_gaps(table: pd.DataFrame) -> str:
    """Return the start of a sentence with the number of incomplete rows; empty if none."""
    count = int(table.isna().any(axis=1).sum())
    if count == 0:
        return ""
    return f"{count} of {len(table)} rows {plural(count, 'has', 'have')} missing cells"


def missing_cells(table: pd.DataFrame) -> str:
    """Return a sentence with the number of missing cells."""
    count = int(table.isna().to_numpy().sum())
    return f"{count} of {table.size} cells {plural(count, 'is', 'are')} missing."


def _odd_cell(column: pd.Series, decimal: str = ".") -> str:
    """Return the first cell that is not a number, or the first Boolean."""
    cells = column
    if decimal != "." and not pd.api.types.is_bool_dtype(column):
        cells = column.astype(str).str.replace(".", "?").str.replace(decimal, ".")
    odd = column[column.notna() & pd.to_numeric(cells, errors="coerce").isna()]
    return str((odd if len(odd) else column).iloc[0])
