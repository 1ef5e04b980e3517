"""Strict reading of CSV files: from bytes to named cells, or an error message.

Files of other kinds are recognized by their names and first bytes.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from itertools import chain, islice
from pathlib import Path

from bayesgmm.cli.options import TextFormat
from bayesgmm.data.dataset import default_names
from bayesgmm.digits import counted, listed
from bayesgmm.errors import DataError
from bayesgmm.files import expect_no_folder, expect_present

ACCEPTED = (
    "Tables are read from .csv, .tsv and .txt (text), .parquet, .arrow and .feather; save it as "
    "one of these."
)

_SUFFIXES = {
    "JSON": ".json .jsonl .ndjson .geojson",
    "a workbook": ".xlsx .xlsm .xlsb .xls .ods .numbers",
    "a pickle": ".pkl .pickle .joblib",
    "a NumPy array": ".npy .npz",
    "compressed": ".gz .bz2 .xz .zst .zip .7z .tar .tgz",
    "HDF5 or netCDF": ".h5 .hdf .hdf5 .nc .zarr .h5ad .loom",
    "a file of another statistics program": ".mat .sav .por .dta .sas7bdat .xpt .rds .rda .rdata",
    "a database": ".db .sqlite .sqlite3 .duckdb",
    "Avro or ORC": ".avro .orc",
    "a page or a document": ".html .htm .xml .pdf .doc .docx",
}
_FIRST_BYTES = {
    b"PK\x03\x04": "a workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "an Office workbook or document",
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh91AY&SY": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstandard)",
    b"7z\xbc\xaf": "compressed (7z)",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "HDF5 or netCDF",
    b"CDF\x01": "netCDF",
    b"CDF\x02": "netCDF",
    b"CDF\x05": "netCDF",
    b"PAR1\x15": "Parquet, which must be in a file named .parquet",
    b"ARROW1\0": "Arrow, which must be in a file named .arrow",
    b"SQLite format 3\0": "a database",
    b"%PDF": "a document (PDF)",
    b"\xff\xfe": "text in UTF-16, not in UTF-8",
    b"\xfe\xff": "text in UTF-16, not in UTF-8",
}
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_JSON = re.compile(rb'(\xef\xbb\xbf)?\s*(\{\s*["}]|\[\s*[\[{])')
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|\?xml|html)", re.IGNORECASE)


def expect_suffix_of_text(path: Path) -> None:
    """Raise a ``DataError`` if the name is that of another kind of file."""
    for kind, suffixes in _SUFFIXES.items():
        if path.suffix.lower() in suffixes.split():
            raise DataError(
                f"{path} is {kind} by its name, which is not a supported table format. {ACCEPTED}"
            )


def expect_text(source: str, content: bytes) -> None:
    """Raise a ``DataError`` if the content is of another kind, or contains NUL bytes."""
    kind = _kind(content)
    if kind is not None:
        raise DataError(f"{source} cannot be read as CSV: it is {kind}. {ACCEPTED}")


def _kind(content: bytes) -> str | None:
    for start, kind in _FIRST_BYTES.items():
        if content.startswith(start):
            return kind
    if _PICKLE.match(content):
        return "a pickle"
    if _JSON.match(content):
        return "JSON"
    if _MARKUP.match(content):
        return "a page (HTML or XML)"
    return "not text" if b"\0" in content else None


_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""Detected separators; others are set with ``--separator``."""

BETWEEN = "\x1f"
"""Separator of checked cells: a character that no text contains."""


@dataclass(frozen=True)
class StandardInput:
    """The content of a pipe, kept because it can be read only once."""

    content: bytes
    name: str = "standard input"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Lines:
    """The cells in a uniform format: UTF-8, without a header."""

    names: Sequence[str]
    content: BytesIO
    separator: str


def read_lines(path: Path | StandardInput, text_format: TextFormat) -> Lines:
    """Read all lines, which must have as many cells as the first one."""
    content = _content(path)
    separator = text_format.separator or _separator(path, content, text_format.decimal)
    records = _records(path, content, separator)
    first = next(((line, cells) for line, cells in records if not _is_blank(cells)), None)
    if first is None:
        raise _unreadable(path, "it is empty")
    cells = [cell.strip() for cell in first[1]]
    if _has_header(path, cells, text_format):
        names: Sequence[str] = _names(path, cells)
    else:
        names, records = default_names(len(cells)), chain([first], records)
    return Lines(names, _written(_checked(path, records, names, len(cells))), separator)


def expect_file(path: Path, example: str) -> None:
    """Raise a ``DataError`` if there is no such file."""
    expect_no_folder(path, example)
    expect_present(path)


def _content(path: Path | StandardInput) -> bytes:
    if isinstance(path, StandardInput):
        content = path.content
    else:
        expect_file(path, "table.csv")
        expect_suffix_of_text(path)
        content = path.read_bytes()
    expect_text(str(path), content)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, f"line {line} is not text in UTF-8; save it as UTF-8") from error
    return content


def _opened(content: bytes) -> TextIOWrapper:
    return TextIOWrapper(BytesIO(content), encoding="utf-8-sig", newline="")


def _separator(path: Path | StandardInput, content: bytes, decimal: str) -> str:
    """Return the separator that gives equally many cells in the first and second line.

    Quoted text and the decimal mark are ignored; the comma, if there is only one column.
    """
    counts = {mark: _widths(content, mark) for mark in _SEPARATORS}
    found = [mark for mark, (first, _) in counts.items() if first > 1]
    if len(found) > 1:
        fitting = [mark for mark in found if counts[mark][1] in (0, counts[mark][0])]
        found = [mark for mark in fitting or found if mark != decimal]
    if len(found) > 1:
        raise DataError(
            f"The first line of {path} has {' and '.join(_SEPARATORS[mark] for mark in found)}; "
            "which of them separates the columns? Choose with --separator: comma, semicolon or tab."
        )
    return found[0] if found else ","


def _widths(content: bytes, separator: str) -> tuple[int, int]:
    """Count the cells of the first line and of the second, zero where there is none."""
    reader = csv.reader(_opened(content), delimiter=separator, skipinitialspace=True)
    try:
        first, second, *_ = [*islice((len(cells) for cells in reader if cells), 2), 0, 0]
    except csv.Error:
        return 0, 0
    return first, second


def _records(
    path: Path | StandardInput, content: bytes, separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line, and its cells; a quoted cell may span several lines."""
    reader = csv.reader(
        _opened(content), delimiter=separator, skipinitialspace=separator != " ", strict=True
    )
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        problem = (
            f"unbalanced quotes in line {line} ({error}). Quote the whole cell, and double a quote "
            "inside it"
        )
        raise _unreadable(path, problem) from error


def _is_blank(cells: Sequence[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def _has_header(path: Path | StandardInput, cells: Sequence[str], text_format: TextFormat) -> bool:
    """Return whether the first line names the columns; raise if it is ambiguous.

    It is ambiguous if all its cells are numbers, or one has a decimal point or a sign. Integers
    next to text are names, as in ``bird,2007``.
    """
    if text_format.header is not None:
        return text_format.header
    if text_format.names and set(text_format.names) <= set(cells):
        return True
    numbers = [cell for cell in cells if _is_number(cell)]
    whole = [cell for cell in numbers if cell.isdecimal() or cell.isalpha()]
    if whole == numbers and (not numbers or any(cell not in numbers for cell in cells if cell)):
        return True
    raise DataError(
        f"The first line of {path} should name the columns; it holds numbers: "
        f"{listed(map(repr, numbers[:3]))}{', ...' if len(numbers) > 3 else ''}. If these are "
        "names, add --header; if the file has no line of names, add --no-header, which calls the "
        "columns x0, x1, ..."
    )


def _names(path: Path | StandardInput, cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; the last empty one is dropped if lines end in separators."""
    names = list(cells)
    while names and not names[-1]:
        names.pop()
    if not names:
        raise DataError(f"The first line of {path} should name the columns; all names are empty.")
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    if repeated:
        raise DataError(
            f"Every column of {path} needs a name of its own; used more than once: "
            f"{listed(map(repr, repeated))}."
        )
    for place, name in enumerate(names[1:], start=2):
        if not name:
            raise _without_name(path, place)
    return names


def _checked(
    path: Path | StandardInput,
    records: Iterable[tuple[int, list[str]]],
    names: Sequence[str],
    width: int,
) -> Iterator[list[str]]:
    """Yield the cells of each line; raise for a line with a different number of them."""
    blank = None
    for line, cells in records:
        if not cells or (width > 1 and _is_blank(cells)):
            blank = blank or line
            continue
        if blank and width == 1:
            raise _unreadable(
                path,
                f"line {blank} is blank: write NA for a missing cell, or remove the line",
            )
        if len(cells) != width:
            raise _unreadable(path, _ragged(line, cells, width))
        if any(cells[len(names) :]):
            raise _without_name(path, 1 + max(n for n, cell in enumerate(cells) if cell))
        yield cells[: len(names)]


def _ragged(line: int, cells: Sequence[str], width: int) -> str:
    """Return a message on a line with too few or too many cells, with the remedy."""
    if len(cells) == width + 1 and not cells[-1].strip():
        remedy = "The last is empty: remove the separator at its end, or end the first line so, too"
    elif len(cells) > width:
        remedy = (
            "Put a cell with a separator inside in quotes; if lines begin with names of rows, give "
            "that column a name in the first line, too"
        )
    else:
        remedy = "Write all cells of a line, empty ones too"
    found = counted(len(cells), "field")
    return f"line {line} has {found}, where {width} are expected, as in the first line. {remedy}"


def _written(lines: Iterable[list[str]]) -> BytesIO:
    content = BytesIO()
    text = TextIOWrapper(content, encoding="utf-8", newline="")
    csv.writer(text, delimiter=BETWEEN).writerows(lines)
    text.detach()
    content.seek(0)
    return content


def _unreadable(path: Path | StandardInput, problem: str) -> DataError:
    return DataError(
        f"{path} cannot be read as CSV: {problem}. A line of names and then lines of numbers are "
        "expected, separated by commas, or as --separator says."
    )


def _without_name(path: Path | StandardInput, place: int) -> DataError:
    return DataError(
        f"Column {place} of {path} has no name. Give it one in the first line, or remove it."
    )


def _is_number(text: str) -> bool:
    """Return whether a cell is a number, with a decimal point or comma; 2020_1 is a name."""
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return "_" not in text
