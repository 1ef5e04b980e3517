"""Results on disk as netCDF or Zarr: atomic writes, verified when read.

Both formats have an attribute that is written last and marks the file as complete.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import xarray as xr

from bayesgmm.data.answers import Tabular
from bayesgmm.errors import (
    BayesGMMError,
    DataError,
    MissingDependencyError,
    SchemaError,
    SpecificationError,
)
from bayesgmm.files import (
    as_path,
    expect_file_or_nothing,
    expect_folder_of,
    expect_no_folder,
    expect_present,
    present,
    replacing,
)
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import COMPLETE, record, validate
from bayesgmm.tree.checksum import expect_known, verified, with_checksum
from bayesgmm.tree.fit import Fit, Fitted
from bayesgmm.tree.inspection import expect_plain_hdf5, expect_plain_zarr
from bayesgmm.tree.timing import for_file, from_file, read_timing

_DAMAGED = (
    "it is damaged, cut short, or was not written by bayesgmm.save. Take a copy of it, or fit again"
)


@dataclass(frozen=True)
class NetCDF:
    """One file, by h5netcdf."""

    name = "netCDF file"
    suffix = ".nc"

    def expect_place(self, path: Path) -> None:
        """Raise if something else is there."""
        expect_file_or_nothing(path, "fit.nc")

    def write(self, tree: xr.DataTree, path: Path) -> None:
        """Write, and then mark as complete.

        In memory first: HDF5 cannot close a file that it cannot complete, and terminates the
        process if the disk is full.
        """
        import h5netcdf

        content = BytesIO()
        tree.to_netcdf(content, engine="h5netcdf")
        with h5netcdf.File(content, "r+") as file:
            file.attrs[COMPLETE] = 1
        # Opened first: if that fails, the memory of the content must be released.
        with path.open("wb") as file, content.getbuffer() as whole:
            file.write(whole)

    def open(self, path: Path) -> xr.DataTree:
        """Open a copy in memory: HDF5 mixes up two openings of one place on disk."""
        import h5py

        content = path.read_bytes()
        # If this fails, h5netcdf would print an error on its incomplete object.
        with h5py.File(io.BytesIO(content)) as file:
            expect_plain_hdf5(file, content, path)
        return xr.open_datatree(io.BytesIO(content), engine="h5netcdf")


@dataclass(frozen=True)
class Zarr:
    """One folder, by zarr, version 3 of the format."""

    name = "Zarr folder"
    suffix = ".zarr"

    def expect_place(self, path: Path) -> None:
        """Raise if something else is there; a folder of other things is never replaced."""
        _zarr()
        other = path.exists() and not (path / "zarr.json").is_file()
        if path.is_file() or (other and any(path.iterdir())):
            raise DataError(f"{path} holds something else than Zarr; give another name.")

    def write(self, tree: xr.DataTree, path: Path) -> None:
        """Write, and then mark as complete."""
        tree.to_zarr(path, zarr_format=3, consolidated=False)
        _zarr().open_group(path, mode="r+").attrs[COMPLETE] = 1

    def open(self, path: Path) -> xr.DataTree:
        """Open without reading the arrays."""
        _zarr()
        expect_plain_zarr(path)
        return xr.open_datatree(path, engine="zarr", zarr_format=3, consolidated=False)


Format = NetCDF | Zarr
FORMATS: dict[str, Format] = {form.suffix: form for form in (NetCDF(), Zarr())}


def format_to_write(path: Path) -> Format:
    """Return the format that a name asks for by its suffix."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise DataError(
            f"The name of a file for results ends in .nc (netCDF, one file) or .zarr (Zarr, a "
            f"folder), not as {path.name!r} does."
        )
    return form


def format_to_read(path: Path) -> Format:
    """Return the format of what is there, whatever its name."""
    return FORMATS[".zarr" if path.is_dir() else ".nc"]


def read(
    path: Path, form: Format, expect_known: Callable[[Mapping[str, Any]], None]
) -> xr.DataTree:
    """Read into memory; ``expect_known`` sees the attributes of the root before that.

    Raises
    ------
    DataError
        If reading is not permitted.
    SchemaError
        If it cannot be read.
    """
    try:
        with form.open(path) as stored:
            expect_known(stored.attrs)
            tree = stored.load()
            for node in tree.subtree:  # some coordinates stay on disk until they are asked for
                for variable in node.variables.values():
                    variable.load()
            return tree
    except (SchemaError, MissingDependencyError):
        raise
    except PermissionError as error:
        raise DataError(f"{path} may not be read; change its permissions.") from error
    # The libraries do not document the errors of damaged files.
    except Exception as error:
        raise SchemaError(f"{path} is not a {form.name} that can be read: {_DAMAGED}.") from error


def _zarr() -> Any:
    if find_spec("zarr") is None:
        raise MissingDependencyError(
            "Zarr folders need the package zarr: pip install 'bayesgmm[zarr]', or use a name that "
            "ends in .nc."
        )
    return import_module("zarr")


_TREE, _TABLE = "tree", "dataset"


def save(tree: Fitted | xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a fit, or a table of results, to disk, atomically.

    The file is written under a temporary name in the same folder and then renamed, so a process
    that is killed at any moment leaves the old file or the new one. A Zarr folder is exchanged with
    the old one in one step on Linux; elsewhere the old folder is first renamed, and :func:`load`
    finds it under that name. Unfinished hidden files of a killed process are removed by the next
    ``save`` to the same path. If ``path`` is a symbolic link, its target is replaced.

    Parameters
    ----------
    tree : xarray.DataTree, PointEstimate or xarray.Dataset
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned, or a table such as
        :func:`bayesgmm.select` returns.
    path : path
        Ending in ``.nc`` for netCDF, one file, or in ``.zarr`` for Zarr, a folder.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    SchemaError
        If ``tree`` is neither a result of ``fit`` or ``estimate`` nor a table.
    DataError
        If the suffix is another, there is no such folder, or something else is in the place.
    MissingDependencyError
        If Zarr is asked for and not installed.
    OSError
        If the disk is full, or the folder may not be written to. The old file stays.

    Examples
    --------
    >>> import bayesgmm as bg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = bg.save(bg.example_fit(), folder + "/fit.nc")
    ...     bg.load(path).identical(bg.example_fit())
    True
    """
    kind = _TABLE if isinstance(tree, xr.Dataset) else _TREE
    if kind == _TREE:
        tree = Fit.of(tree).tree
    path = expect_place(path)
    whole = with_checksum(xr.DataTree(tree) if kind == _TABLE else for_file(tree), kind)
    with replacing(path) as unfinished:
        format_to_write(path).write(whole, unfinished)
    return path


def expect_place(path: str | os.PathLike) -> Path:
    """Check that results can be saved to a path, and return it.

    Raises
    ------
    DataError
        If the suffix is unknown, there is no such folder, or something else is in the place.
    MissingDependencyError
        If the format needs a package that is not installed.
    """
    path = as_path(path)
    expect_folder_of(path)
    if path.suffix.lower() not in FORMATS:
        expect_no_folder(path, "fit.nc")
    format_to_write(path).expect_place(path)
    return path


def atomic_write(data: xr.Dataset, path: Path) -> None:
    """Write plain netCDF; atomically."""
    content = BytesIO()  # in memory first, as the format NetCDF does, and for its reason
    data.to_netcdf(content, engine="h5netcdf")
    with replacing(path) as unfinished, unfinished.open("wb") as file, content.getbuffer() as whole:
        file.write(whole)


def read_table(path: Path) -> xr.Dataset:
    """Read what :func:`atomic_write` wrote; raises as :func:`load` does."""
    if not path.is_file():
        raise DataError(f"{path} is no ordinary file.")
    return read(path, NetCDF(), lambda attributes: None).to_dataset()


def load(path: str | os.PathLike) -> xr.DataTree | xr.Dataset:
    """Read what :func:`save` wrote, into memory, and verify its checksum.

    Analyses of a loaded fit need neither PyMC nor a sampler.

    Untrusted files can be loaded safely: before anything else is read, a file is inspected for
    content that ``save`` does not write, and refused if there is any. So loading runs no code
    of the file, reads no other file, and uses memory and time in proportion to its size. The
    checksum detects damage, but does not authenticate the author of a file.

    Parameters
    ----------
    path : path
        Of the netCDF file or the Zarr folder.

    Returns
    -------
    xarray.DataTree or xarray.Dataset
        As it was saved. A point estimate is returned as a tree of one chain of one draw, with which
        all functions of an estimate work.

    Raises
    ------
    DataError
        If there is no such file, or it may not be read.
    SchemaError
        If the file is damaged, cut short, of a later schema, or something else; if it
        holds content that ``save`` does not write: links, arrays in other files, compressed netCDF,
        objects, sizes out of proportion to its own, or Zarr of format 2; or if its spec names a
        class from outside of the package that has not been imported.
    MissingDependencyError
        If it is Zarr, which is not installed.

    Warns
    -----
    BayesGMMWarning
        If another version of the package wrote it.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.load("nowhere.nc")
    Traceback (most recent call last):
    ...
    bayesgmm.errors.DataError: There is no file nowhere.nc.
    """
    path = as_path(path)
    place = present(path)
    expect_present(place)
    if not (place.is_dir() or place.is_file()):
        raise DataError(f"{path} is neither a file nor a folder.")
    stored = read(place, format_to_read(place), partial(expect_known, path=path))
    try:
        tree, kind = verified(stored, path)
        if kind == _TABLE:
            return Tabular.of(tree.to_dataset())
        validate(tree)
        tree = from_file(tree)
        read_timing(tree)
        _expect_known_prior(tree, path)
        return tree
    except (BayesGMMError, Warning):
        raise
    except Exception as error:  # attributes of other kinds than save writes, or nested too deeply
        raise SchemaError(
            f"{path} is damaged: its attributes are not those of a fit. Take a copy of it, or fit "
            "again."
        ) from error


def _expect_known_prior(tree: xr.DataTree, path: Path) -> None:
    """Raise unless every class that the spec names is one of ``priors/catalog.py``."""
    spec = record(tree).get("spec")
    if spec is None:
        return
    try:
        MixtureSpec.from_json(json.dumps(spec))
    except SpecificationError as error:
        raise SchemaError(f"The prior of the fit in {path} cannot be read. {error}") from error
