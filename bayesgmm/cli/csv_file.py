"""From a CSV file and the names of columns to a data frame."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayesgmm.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_csv(path: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    """Read these columns of a CSV file, or all of them.

    Raises
    ------
    DataError
        If there is no such file or column, or the file is not CSV.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        table = pd.read_csv(path)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read as CSV: {error}. A line of names and then lines of numbers "
            "are expected, separated by commas."
        ) from error
    if columns is None:
        return table
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        raise DataError(
            f"{path} has no column {_listed(unknown)}. It has {_listed(table.columns)}."
        )
    return table[list(columns)]


def hints(table: pd.DataFrame) -> list[str]:
    """Say which options help where a table cannot be used as it is."""
    found = []
    numeric = table.select_dtypes("number").columns
    if 0 < len(numeric) < table.shape[1]:
        found.append(f"Choose columns with --columns {','.join(map(str, numeric))}.")
    if table.isna().any(axis=None):
        found.append("Leave rows with missing cells out with --drop-missing.")
    return found


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(str(name)) for name in names)
