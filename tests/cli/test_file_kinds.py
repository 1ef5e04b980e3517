"""Other kinds of files are told by name and by content, and what is accepted is named."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from bayesgmm.cli.csv_file import read_csv
from bayesgmm.cli.csv_lines import StandardInput
from bayesgmm.errors import DataError

ACCEPTED = r"\.csv, \.tsv and \.txt \(text\), \.parquet, \.arrow and \.feather"


def _saved(save, *content) -> bytes:
    file = io.BytesIO()
    save(file, *content)
    return file.getvalue()


def _zipped(file) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")


CONTENT = {
    "JSON": json.dumps({"a": [1, 2]}).encode(),
    "JSON of rows": json.dumps([{"a": 1}], indent=2).encode(),
    "JSON of lists": b"[[1, 2], [3, 4]]",
    "lines of JSON": b'{"a": 1}\n{"a": 2}\n',
    "workbook": _saved(_zipped),
    "old workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "pickle": pickle.dumps({"a": [1]}),
    "NumPy": _saved(np.save, np.ones((3, 2))),
    "gzip": gzip.compress(b"a,b\n1,2\n"),
    "Parquet": b"PAR1\x15\x04",
    "UTF-16": "a,b\n1,2\n".encode("utf-16"),
    "page": b"<!DOCTYPE html><html></html>",
    "zeros": b"a,b\n\0\0,1\n",
}


@pytest.mark.parametrize("content", CONTENT.values(), ids=CONTENT)
def test_content_of_another_kind_is_refused(content, tmp_path):
    (tmp_path / "t.csv").write_bytes(content)
    for source in (tmp_path / "t.csv", StandardInput(content)):
        with pytest.raises(DataError, match=f"cannot be read as CSV: it is .*{ACCEPTED}"):
            read_csv(source, None)


@pytest.mark.parametrize("suffix", ["json", "xlsx", "XLS", "ods", "pkl", "npy", "gz", "nc", "sav"])
def test_names_of_other_kinds_are_refused(suffix, tmp_path):
    file = tmp_path / f"t.{suffix}"
    file.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=f"by its name.*{ACCEPTED}"):
        read_csv(file, None)


@pytest.mark.parametrize("first", ["[Fe/H],b", "{x},b", "PAR1,b", "BZh,b"])
def test_names_of_columns_that_look_alike_are_names(first):
    table = read_csv(StandardInput(f"{first}\n1,2\n".encode()), None)
    assert list(table.columns) == first.split(",")
