"""Inspection of untrusted files: only content that ``save`` writes is accepted.

Both formats can do more than store arrays. HDF5 reads other files through links, external storage
and virtual datasets; Zarr's format 2 unpickles objects, which runs code, and imports codecs by
name. A few bytes can claim any amount of memory, and a group can contain itself. So a
file is inspected before it is read, and refused if it holds anything but plain arrays with
sizes proportional to its own.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bayesgmm.errors import SchemaError

_ALLOWANCE, _RATIO = 2**26, 100  # bytes that are always allowed, and for each byte of the file
_DEEPEST = 8  # levels of groups; trees have two

_VLEN_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
"""What HDF5 keeps in place of a text of any length: how long it is, and where."""

_MOST_IN_ATTRIBUTE = 32  # texts or references to dimensions

_ZARR_CODECS = {"bytes", "vlen-utf8", "zstd"}
_ZARR_NUMBERS = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)")
_ZARR_TEXT, _ZARR_FIXED_TEXT = "string", "fixed_length_utf32"
_LONGEST_METADATA = 2**24  # bytes
_ZSTD = b"\x28\xb5\x2f\xfd"


class _Sizes:
    """The claimed sizes of the parts of a file, compared with the size of the file."""

    def __init__(self, path: Path, n_bytes: int) -> None:
        self._path = path
        self._left: float = _ALLOWANCE + _RATIO * n_bytes

    def claim(self, n_bytes: float) -> None:
        self._left -= abs(n_bytes)
        if self._left < 0:
            raise refused(self._path, "far larger arrays than a file of its size can hold")


def refused(path: Path, what: str) -> SchemaError:
    """Return the error that says why a file is not read."""
    return SchemaError(
        f"{path} holds {what}. bayesgmm.save does not write such files, and reading one that "
        "somebody else made could do harm; ask for a file that bayesgmm.save wrote."
    )


def expect_plain_hdf5(file: Any, content: bytes, path: Path) -> None:
    """Inspect an open HDF5 file, whose bytes are ``content``.

    Raises
    ------
    SchemaError
        If it holds anything that ``save`` does not write.
    """
    import h5py

    sizes, seen = _Sizes(path, len(content)), {file["/"]}
    if file.userblock_size or file.id.get_create_plist().get_sizes() != (8, 8):
        raise refused(path, "addresses of an unusual kind")
    _expect_plain_attributes(file["/"], sizes, path)
    groups = [(file["/"], 1)]
    while groups:
        group, depth = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise refused(path, f"a link to something else, {name!r}")
            item = group[name]
            if item in seen:
                raise refused(path, f"a group that contains itself or another one twice, {name!r}")
            seen.add(item)
            if isinstance(item, h5py.Group) and depth < _DEEPEST:
                groups.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                _expect_plain_dataset(item, sizes, content, path)
            else:
                raise refused(path, f"groups within groups, or a type of its own, {name!r}")
            _expect_plain_attributes(item, sizes, path)


def _expect_plain_dataset(dataset: Any, sizes: _Sizes, content: bytes, path: Path) -> None:
    import h5py

    made, dtype, n_cells = dataset.id.get_create_plist(), dataset.dtype, dataset.size or 0
    if made.get_external_count() or made.get_layout() == h5py.h5d.VIRTUAL:
        raise refused(path, f"an array that lies in another file, {dataset.name!r}")
    in_one_piece = made.get_layout() != h5py.h5d.CHUNKED or n_cells == 0  # as xarray has it
    if not in_one_piece or made.get_nfilters():
        raise refused(path, f"a compressed or divided array, {dataset.name!r}")
    text = h5py.check_string_dtype(dtype)
    if text is None and dtype.kind not in "iufb":
        raise refused(path, f"an array of neither numbers nor texts, {dataset.name!r}")
    if text is None or text.length is not None:
        return sizes.claim(n_cells * dtype.itemsize)
    sizes.claim(n_cells * _VLEN_REFERENCE.itemsize)
    place = dataset.id.get_offset()
    if n_cells and place is not None:
        texts = np.frombuffer(content, _VLEN_REFERENCE, n_cells, place)
        sizes.claim(int(texts["length"].sum(dtype=np.int64)))
    return None


def _expect_plain_attributes(item: Any, sizes: _Sizes, path: Path) -> None:
    """Check attributes one by one: many can share one long text."""
    for name in item.attrs:
        known = item.attrs.get_id(name)
        if known.dtype.kind == "O" and math.prod(known.shape) > _MOST_IN_ATTRIBUTE:
            raise refused(path, f"an attribute of many texts, {name!r}")
        sizes.claim(sum(_length(part) for part in np.ravel(item.attrs[name])))


def _length(part: Any) -> int:
    return len(part) if hasattr(part, "__len__") else 8


def expect_plain_zarr(folder: Path) -> None:
    """Inspect a Zarr folder of format 3.

    Raises
    ------
    SchemaError
        If it holds anything that ``save`` does not write.
    """
    if not (folder / "zarr.json").is_file():
        raise SchemaError(
            f"{folder} is not a Zarr folder of format 3, which bayesgmm.save writes: it has no "
            "zarr.json."
        )
    entries = list(_entries(folder, folder))
    sizes = _Sizes(folder, sum(size for _, size in entries))
    for entry, size in entries:
        if entry.name in (".zgroup", ".zarray", ".zattrs", ".zmetadata"):
            raise refused(folder, "Zarr of format 2")
        if entry.name == "zarr.json":
            if size > _LONGEST_METADATA:
                raise refused(folder, f"very long metadata in {entry.parent.name!r}")
            known = json.loads(entry.read_bytes())
            if known["zarr_format"] != 3:
                raise refused(folder, f"Zarr of format {known['zarr_format']}")
            if known["node_type"] == "array":
                _expect_plain_array(entry.parent, known, sizes, folder)


def _entries(place: Path, folder: Path) -> Iterator[tuple[Path, int]]:
    """Yield the files with their sizes; links and special files are refused."""
    for here, folders, files in os.walk(place):
        for name in folders + files:
            entry = Path(here, name)
            known = entry.lstat()
            if stat.S_ISREG(known.st_mode):
                yield entry, known.st_size
            elif not stat.S_ISDIR(known.st_mode):
                raise refused(folder, f"a link to something else, {name!r}")


def _expect_plain_array(place: Path, known: dict[str, Any], sizes: _Sizes, folder: Path) -> None:
    codecs = {codec["name"] for codec in known["codecs"]}
    kind = known["data_type"]
    name = kind["name"] if isinstance(kind, dict) else kind
    if not codecs <= _ZARR_CODECS or known.get("storage_transformers"):
        raise refused(folder, f"an array in a code of its own, {place.name!r}")
    if name not in (_ZARR_TEXT, _ZARR_FIXED_TEXT) and not _ZARR_NUMBERS.fullmatch(name):
        raise refused(folder, f"an array of neither numbers nor texts, {place.name!r}")
    if name == _ZARR_FIXED_TEXT:
        width = int(kind["configuration"]["length_bytes"])
    else:
        width = 8 if name == _ZARR_TEXT else np.dtype(name).itemsize
    chunk = known["chunk_grid"]["configuration"]["chunk_shape"]
    of_chunk = math.prod(chunk) * width
    sizes.claim(max(math.prod(known["shape"]) * width, of_chunk))
    if "zstd" not in codecs:
        return
    for file, _ in _entries(place, folder):
        if file.name != "zarr.json":
            n_bytes = _decompressed(file)
            if name == _ZARR_TEXT:
                sizes.claim(n_bytes)
            elif n_bytes > of_chunk:
                raise refused(folder, f"more in a chunk than it claims, {place.name!r}")


def _decompressed(file: Path) -> float:
    """Return the decompressed size stated in a Zstandard frame; RFC 8878, section 3.1.1."""
    with file.open("rb") as opened:
        head = opened.read(18)
    if head[:4] != _ZSTD:
        return math.inf
    flag, single, identified = head[4] >> 6, head[4] >> 5 & 1, head[4] & 3
    begin = 5 + (1 - single) + (0, 1, 2, 4)[identified]
    width = (single, 2, 4, 8)[flag]
    size = int.from_bytes(head[begin : begin + width], "little") + (256 if width == 2 else 0)
    return size if width else math.inf
