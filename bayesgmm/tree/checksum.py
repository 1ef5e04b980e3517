"""The header of a file: its schema, the version that wrote it, and a checksum of the content.

The header is JSON in one attribute of the root. With it are stored values that the formats cannot
hold: attributes that are neither text nor a number are converted to JSON, too, and the types of
dates, which netCDF stores as numbers, are recorded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm import __version__
from bayesgmm.errors import SchemaError, warn
from bayesgmm.schema import COMPLETE, FILE_HEADER, FILE_SCHEMA

_REMEDY = "Take a copy of it, or fit again."

_DATES = "mM"  # the kinds of numpy's types of dates and of time between them

_JSON = "bayesgmm_json_"
"""Attributes with this prefix hold JSON; the rest of the name is that of the attribute."""


def with_checksum(tree: xr.DataTree, kind: str) -> xr.DataTree:
    """Return the tree as stored on disk, with its header and checksum."""
    header: dict[str, Any] = {
        "schema": FILE_SCHEMA,
        "kind": kind,
        "bayesgmm": __version__,
        "dates": {place: str(own.dtype) for place, own in _variables(tree) if _is_date(own)},
    }
    header["checksum"] = checksum(tree, header)
    written = tree.map_over_datasets(_to_disk)
    written.attrs[FILE_HEADER] = json.dumps(header)
    return written


def verified(stored: xr.DataTree, path: Path) -> tuple[xr.DataTree, str]:
    """Verify the checksum, and return the saved tree and its kind.

    Raises
    ------
    SchemaError
        If the content is not what was written.

    Warns
    -----
    BayesGMMWarning
        If another version of the package wrote it.
    """
    if FILE_HEADER not in stored.attrs:
        _warn(path, "by a version of bayesgmm that wrote no checksums, so that damage goes unseen")
        return _from_disk(stored, {}), "tree"
    header = _header_of(stored.attrs, path)
    try:
        tree = _from_disk(stored, header["dates"])
        whole = checksum(tree, header) == header["checksum"]
    except (TypeError, ValueError):  # damaged texts that are not JSON, or not types
        whole = False
    if not whole:
        raise SchemaError(f"{path} is damaged: its content is not what was saved. {_REMEDY}")
    if header["bayesgmm"] != __version__:
        _warn(path, f"by bayesgmm {header['bayesgmm']}; this is {__version__}")
    return tree, str(header["kind"])


def expect_known(attributes: Mapping[str, Any], path: Path) -> None:
    """Raise a ``SchemaError`` if the file is incomplete, or of a schema that came later."""
    if (FILE_HEADER in attributes) != (COMPLETE in attributes):
        raise SchemaError(f"{path} was not written to its end, or is damaged. {_REMEDY}")
    if FILE_HEADER not in attributes:
        return
    header = _header_of(attributes, path)
    if header["schema"] > FILE_SCHEMA:
        raise SchemaError(
            f"{path} was written by bayesgmm {header['bayesgmm']} in schema {header['schema']} of "
            f"files; this is bayesgmm {__version__}, which reads schemas up to {FILE_SCHEMA}. "
            "Install the newer one: pip install --upgrade bayesgmm"
        )


def _header_of(attributes: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Read the header; a later schema is only guaranteed to have its number and version."""
    try:
        header = json.loads(attributes[FILE_HEADER])
        later = header["schema"] > FILE_SCHEMA
        known = ("bayesgmm",) if later else ("bayesgmm", "kind", "dates", "checksum")
        if all(name in header for name in known):
            return header
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"{path} is damaged: it does not say what it is. {_REMEDY}") from error
    raise SchemaError(f"{path} is damaged: its seal lacks something. {_REMEDY}")


def checksum(tree: xr.DataTree, header: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content of a tree, independent of the file format.

    It covers the header and then, sorted by name, over groups with their attributes and
    over variables with theirs, dims, types, shapes and values. It is independent of the
    width of text arrays and of byte order.
    """
    digest = hashlib.sha256()

    def add(*parts: Any) -> None:
        digest.update(json.dumps(parts, sort_keys=True, default=_plain).encode())

    add({name: value for name, value in header.items() if name != "checksum"})
    for node in sorted(tree.subtree, key=lambda node: node.path):
        add(node.path, _plain_attributes(node.attrs))
    for place, variable in sorted(_variables(tree), key=lambda one: one[0]):
        values = _comparable(variable.values)
        add(place, variable.dims, _plain_attributes(variable.attrs), values.dtype.str, values.shape)
        digest.update(values.data.cast("B") if values.ndim and values.size else values.tobytes())
    return f"sha256:{digest.hexdigest()}"


def _variables(tree: xr.DataTree) -> Iterator[tuple[str, xr.Variable]]:
    """Go through all variables, each with the path of its group and its name."""
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            yield f"{node.path.rstrip('/')}/{name}", variable


def _comparable(values: np.ndarray) -> np.ndarray:
    """Return values as contiguous little-endian numbers; texts as the bytes of their JSON."""
    if values.dtype.kind in "OUST":
        if values.dtype.kind in "OT":  # one by one: numpy makes all as wide as the longest
            texts = np.array([str(text) for text in values.flat], object).reshape(values.shape)
        else:
            texts = values.astype(str)
        return np.frombuffer(json.dumps(texts.tolist()).encode(), np.uint8)
    if values.dtype.kind in _DATES:
        return _comparable(values.view(np.int64))
    if values.dtype.kind == "b":
        return _comparable(values.view(np.uint8))
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))


def _is_date(variable: xr.Variable) -> bool:
    return variable.dtype.kind in _DATES


def _to_disk(dataset: xr.Dataset) -> xr.Dataset:
    """Return a group without traces of an earlier file, its attributes as files hold them."""
    plain = dataset.drop_encoding()
    plain.attrs = _written(dataset.attrs)
    for name, variable in dataset.variables.items():
        plain[name].attrs = _written(variable.attrs)
    return plain


def _from_disk(stored: xr.DataTree, dates: Mapping[str, str]) -> xr.DataTree:
    """Undo what :func:`_to_disk` and the formats did."""
    groups = {}
    for node in stored.subtree:
        dataset = node.to_dataset(inherit=False).drop_encoding()
        here = f"{node.path.rstrip('/')}/"
        for name in dataset.variables:
            if (kind := dates.get(f"{here}{name}")) is not None:
                dataset = dataset.assign({name: _with_type(dataset[name], kind)})
            dataset[name].attrs = _read(dataset[name].attrs)
        dataset.attrs = _read(dataset.attrs)
        groups[node.path] = dataset
    return xr.DataTree.from_dict(groups)


def _with_type(values: xr.DataArray, kind: str) -> tuple[tuple[Any, ...], np.ndarray]:
    if np.dtype(kind).kind not in _DATES:
        raise ValueError(f"{kind} is no type of dates")
    return values.dims, values.values.astype(kind)


def _written(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in attributes.items():
        held = isinstance(value, str | int | float | np.number) and not isinstance(value, bool)
        if isinstance(value, float | np.floating):  # not every zarr can write what is not finite
            held = bool(np.isfinite(value))
        result |= {name: value} if held else {f"{_JSON}{name}": json.dumps(value, default=_plain)}
    return result


def _read(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        name.removeprefix(_JSON): json.loads(value) if name.startswith(_JSON) else value
        for name, value in attributes.items()
        if name not in (FILE_HEADER, COMPLETE)
    }


def _plain_attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in attributes.items()}


def _plain(value: Any) -> Any:
    """Return what JSON knows in place of numpy's numbers and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"An attribute of type {type(value).__name__} cannot be saved.")


def _warn(path: Path, what: str) -> None:
    warn(f"{path} was written {what}.")
