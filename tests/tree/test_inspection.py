"""Files that somebody else made: what could run, reach further or fill memory is refused in words.

Each case damages a file that ``save`` wrote, or one without a checksum, in one way.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
import warnings
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

import bayesgmm as bg
from bayesgmm.schema import ATTRIBUTE, FILE_HEADER
from tests.tree.killed_writers import tree_with

HUGE = 10**9


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A folder with a fit in both formats, and in netCDF without a checksum."""
    folder, tree = tmp_path_factory.mktemp("saved"), tree_with(1)
    for suffix in (".nc", ".zarr"):
        bg.save(tree, folder / f"fit{suffix}")
    tree.to_netcdf(folder / "unsealed.nc", engine="h5netcdf")
    return folder


@pytest.fixture
def path(saved, tmp_path) -> Path:
    (tmp_path / "secret").write_bytes(b"secret" * 1000)
    shutil.copy(saved / "fit.nc", tmp_path / "other.nc")
    return Path(shutil.copy(saved / "unsealed.nc", tmp_path / "fit.nc"))


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved / "fit.zarr", tmp_path / "fit.zarr"))


def external_storage(group: h5py.Group, here: Path) -> None:
    group.create_dataset("x2", (100,), "S1", external=[(str(here / "secret"), 0, 100)])


def external_link(group: h5py.Group, here: Path) -> None:
    group["x2"] = h5py.ExternalLink(str(here / "other.nc"), "/observed_data/x")


def soft_link(group: h5py.Group, here: Path) -> None:
    group["x2"] = h5py.SoftLink("/posterior/means")


def virtual(group: h5py.Group, here: Path) -> None:
    layout = h5py.VirtualLayout(group["x"].shape, "f8")
    layout[:] = h5py.VirtualSource(str(here / "other.nc"), "/observed_data/x", group["x"].shape)
    group.create_virtual_dataset("x2", layout)


def loop(group: h5py.Group, here: Path) -> None:
    group["x2"] = group.file["/"]


def twice(group: h5py.Group, here: Path) -> None:
    group["x2"] = group["x"]


def deep(group: h5py.Group, here: Path) -> None:
    group.create_group("/".join("g" * 50))


def unwritten_chunks(group: h5py.Group, here: Path) -> None:
    group.create_dataset("x2", (HUGE,), "f8", chunks=(2**20,), fillvalue=1.0)


def unwritten(group: h5py.Group, here: Path) -> None:
    group.create_dataset("x2", (HUGE,), "f8")


def compressed(group: h5py.Group, here: Path) -> None:
    group.create_dataset("x2", data=np.zeros(10**6), compression="gzip")


def references(group: h5py.Group, here: Path) -> None:
    group.create_dataset("x2", data=[group.ref], dtype=h5py.ref_dtype)


def many_texts_in_an_attribute(group: h5py.Group, here: Path) -> None:
    group.attrs["x2"] = ["text"] * 1000


REFUSED = {
    external_storage: "in another file",
    external_link: "a link",
    soft_link: "a link",
    virtual: "in another file",
    loop: "contains itself",
    twice: "twice",
    deep: "groups within groups",
    unwritten_chunks: "divided",
    unwritten: "far larger",
    compressed: "compressed",
    references: "neither numbers nor texts",
    many_texts_in_an_attribute: "many texts",
}


@pytest.mark.parametrize("damage", REFUSED, ids=lambda damage: damage.__name__)
def test_hdf5_that_save_does_not_write_is_refused(path, damage):
    with h5py.File(path, "r+") as file:
        damage(file["observed_data"], path.parent)
    with pytest.raises(bg.SchemaError, match=REFUSED[damage]):
        bg.load(path)


def test_many_references_to_one_long_text_are_refused(path):
    """A gigabyte from a megabyte: HDF5 keeps a text once, and sixteen bytes for every use."""
    n_bytes, n_uses = 1_000_000, 300
    with h5py.File(path, "r+") as file:
        texts = file["observed_data"].create_dataset("x2", (n_uses,), h5py.string_dtype())
        texts[:] = ["a" * n_bytes, *["b"] * (n_uses - 1)]
        place = texts.id.get_offset()
    content = bytearray(path.read_bytes())
    content[place : place + 16 * n_uses] = content[place : place + 16] * n_uses
    path.write_bytes(content)
    assert len(content) * n_uses > 2**28
    with pytest.raises(bg.SchemaError, match="far larger"):
        bg.load(path)


STRANGE = {
    "nested": {"bayesgmm_json_x": "[" * 30_000},
    "no json": {"bayesgmm_json_x": "no json"},
    "nested record": {ATTRIBUTE: "[" * 30_000},
    "timing": {"bayesgmm_timing": "[1]"},
    "nested seal": {FILE_HEADER: "[" * 30_000},
    "wide dates": {FILE_HEADER: {"dates": {"/posterior/means": "U100000000"}}},
    "list of dates": {FILE_HEADER: {"dates": [1]}},
    "schema": {FILE_HEADER: {"schema": "x"}},
}


@pytest.mark.parametrize("kind", [*STRANGE, "empty seal"])
@pytest.mark.parametrize("with_checksum", [True, False])
def test_attributes_of_strangers_are_refused_in_words(path, kind, with_checksum):
    ((name, value),) = STRANGE.get(kind, {FILE_HEADER: "{}"}).items()
    path = path.parent / "other.nc" if with_checksum else path
    with h5netcdf.File(path, "r+") as file:
        if isinstance(value, dict):
            value = json.dumps(json.loads(file.attrs.get(FILE_HEADER, "{}")) | value)
        file.attrs[name] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGMMWarning)  # of a file without a checksum
        with pytest.raises(bg.SchemaError):
            bg.load(path)


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def test_zarr_of_format_2_is_refused(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    objects = tmp_path / "evil.zarr" / "x"
    objects.mkdir(parents=True)
    (tmp_path / "evil.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    about = {
        "zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "compressor": None,
        "fill_value": "", "order": "C", "filters": [{"id": "vlen-utf8"}, {"id": "pickle"}],
    }  # fmt: skip
    (objects / ".zarray").write_text(json.dumps(about))
    (objects / "0").write_bytes(pickle.dumps(_Evil()))
    for name in ("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "ZARR_ARRAY__ALLOW_UNSAFE_PICKLE_DECODE"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(bg.SchemaError, match="format 3"):
        bg.load("evil.zarr")
    shutil.copytree(objects, folder / "observed_data" / "x2")  # and where the root is of format 3
    with pytest.raises(bg.SchemaError, match="format 2"):
        bg.load(folder)
    assert not Path("ran").exists()


def _with_metadata(folder: Path, **entries: object) -> None:
    place = folder / "posterior" / "means" / "zarr.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | entries))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"zarr_format": 2}, "format 2"),
        ({"codecs": [{"name": "numcodecs.pickle", "configuration": {}}]}, "code of its own"),
        ({"storage_transformers": [{"name": "other"}]}, "code of its own"),
        ({"data_type": "variable_length_bytes"}, "neither numbers nor texts"),
        ({"shape": [4, HUGE, 3, 4]}, "far larger"),
        ({"shape": [-4, HUGE, 3, 4]}, "that can be read"),
        (
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, HUGE, 3, 4]}}},
            "far larger",
        ),
        ({"codecs": None}, "that can be read"),
    ],
)
def test_zarr_that_save_does_not_write_is_refused(folder, entries, message):
    _with_metadata(folder, **entries)
    with pytest.raises(bg.SchemaError, match=message):
        bg.load(folder)


def test_a_chunk_of_zarr_holds_no_more_than_it_claims(folder):
    from numcodecs import Zstd

    (chunk,) = (
        file for file in (folder / "posterior" / "means" / "c").rglob("*") if file.is_file()
    )
    whole = chunk.read_bytes()
    chunk.write_bytes(Zstd().encode(bytes(10**7)))
    assert chunk.stat().st_size < 10_000
    with pytest.raises(bg.SchemaError, match="more in a chunk"):
        bg.load(folder)
    chunk.write_bytes(b"\x28\xb5\x2f\xfd\x00\x58" + whole[6:])  # a frame that does not tell
    with pytest.raises(bg.SchemaError, match="more in a chunk"):
        bg.load(folder)
    chunk.write_bytes(whole)
    assert "posterior" in bg.load(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes")
def test_links_and_pipes_are_not_followed(folder, path):
    means = folder / "posterior" / "means" / "c"
    shutil.rmtree(means)
    means.symlink_to(path.parent)
    with pytest.raises(bg.SchemaError, match="a link"):
        bg.load(folder)
    means.unlink()
    os.mkfifo(means)
    with pytest.raises(bg.SchemaError, match="a link"):
        bg.load(folder)
    os.mkfifo(path.parent / "pipe.nc")
    with pytest.raises(bg.DataError, match="neither a file nor a folder"):
        bg.load(path.parent / "pipe.nc")
    (path.parent / "latest.nc").symlink_to(path)  # of whoever loads, and fine
    with pytest.warns(bg.BayesGMMWarning, match="no checksums"):
        bg.load(path.parent / "latest.nc")


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_tables_without_rows_and_with_many_equal_numbers_are_read(tmp_path, suffix):
    equal = np.zeros((1000, 1000))
    table = xr.Dataset({"a": ("row", np.empty(0)), "b": (("x", "y"), equal), "c": ((), np.nan)})
    path = bg.save(table, tmp_path / f"table{suffix}")
    assert bg.load(path).identical(table)
