"""Files that are no table of text, told by their names and by their first bytes."""

from __future__ import annotations

import re
from pathlib import Path

from bayesgmm.errors import DataError

ACCEPTED = (
    "Tables are read from .csv, .tsv and .txt (text), .parquet, .arrow and .feather; write it as "
    "one of these."
)

_SUFFIXES = {
    "JSON": ".json .jsonl .ndjson .geojson",
    "a workbook": ".xlsx .xlsm .xlsb .xls .ods .numbers",
    "a pickle": ".pkl .pickle .joblib",
    "an array of NumPy": ".npy .npz",
    "compressed": ".gz .bz2 .xz .zst .zip .7z .tar .tgz",
    "HDF5 or netCDF": ".h5 .hdf .hdf5 .nc .zarr .h5ad .loom",
    "a file of another statistics program": ".mat .sav .por .dta .sas7bdat .xpt .rds .rda .rdata",
    "a database": ".db .sqlite .sqlite3 .duckdb",
    "Avro or ORC": ".avro .orc",
    "a page or a document": ".html .htm .xml .pdf .doc .docx",
}
_FIRST_BYTES = {
    b"PK\x03\x04": "a workbook or a zip archive",
    b"\xd0\xcf\x11\xe0": "a workbook or a document of Office",
    b"\x1f\x8b": "compressed (gzip)",
    b"BZh91AY&SY": "compressed (bzip2)",
    b"\xfd7zXZ": "compressed (xz)",
    b"\x28\xb5\x2f\xfd": "compressed (zstandard)",
    b"7z\xbc\xaf": "compressed (7z)",
    b"\x93NUMPY": "an array of NumPy",
    b"\x89HDF": "HDF5 or netCDF",
    b"CDF\x01": "netCDF",
    b"CDF\x02": "netCDF",
    b"CDF\x05": "netCDF",
    b"PAR1\x15": "Parquet, and would have to be a file named .parquet",
    b"ARROW1\0": "Arrow, and would have to be a file named .arrow",
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
            raise DataError(f"{path} is {kind} by its name, and no table that is read. {ACCEPTED}")


def expect_text(source: str, content: bytes) -> None:
    """Raise a ``DataError`` if the content is of another kind, or holds what no text does."""
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
    return "no text" if b"\0" in content else None
