"""The two forms that trees have on disk: one netCDF file, or one folder of Zarr.

Both say of themselves, in an attribute that is written last, that they are complete.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import xarray as xr

from bayesgmm.errors import DataError, MissingDependencyError, SchemaError
from bayesgmm.paths import expect_file_or_nothing
from bayesgmm.posterior.files.inspection import expect_plain_hdf5, expect_plain_zarr
from bayesgmm.schema import COMPLETE

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

        In memory first: HDF5 cannot close a file that it cannot write to its end, and ends the
        whole process where the disk is full.
        """
        import h5netcdf

        content = BytesIO()
        tree.to_netcdf(content, engine="h5netcdf")
        with h5netcdf.File(content, "r+") as file:
            file.attrs[COMPLETE] = 1
        # Opened first: where that fails, nothing may hold on to the memory of the content.
        with path.open("wb") as file, content.getbuffer() as whole:
            file.write(whole)

    def open(self, path: Path) -> xr.DataTree:
        """Open a copy in memory: HDF5 mixes up two openings of one place on disk."""
        import h5py

        content = path.read_bytes()
        # Where this fails, h5netcdf would complain of its own half-made object on standard error.
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
    # What a damaged file makes the libraries below raise, they do not say.
    except Exception as error:
        raise SchemaError(f"{path} is not a {form.name} that can be read: {_DAMAGED}.") from error


def _zarr() -> Any:
    if find_spec("zarr") is None:
        raise MissingDependencyError(
            "Zarr folders need the package zarr: pip install 'bayesgmm[zarr]', or use a name that "
            "ends in .nc."
        )
    return import_module("zarr")
