"""Trees on disk: netCDF, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import xarray as xr

from bayesgmm.errors import DataError, SchemaError
from bayesgmm.posterior.timing import for_file, from_file
from bayesgmm.schema import validate


def save(tree: xr.DataTree, path: str | os.PathLike) -> Path:
    """Write a fit to a netCDF file; an existing file is replaced only by a complete one.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    path : path
        Usually ending in ``.nc``.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``.
    DataError
        If there is no such folder, or the path is one.

    Examples
    --------
    >>> import bayesgmm as bg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = bg.save(bg.example_fit(), folder + "/fit.nc")
    ...     bg.load(path).identical(bg.example_fit())
    True
    """
    validate(tree)
    path = _path(path)
    if not path.parent.is_dir():
        raise DataError(f"There is no folder {path.parent} to write {path.name} to.")
    if path.is_dir():
        raise DataError(f"{path} is a folder; give the name of a file in it, such as fit.nc.")
    write_whole(for_file(tree), path)
    return path


def write_whole(data: xr.DataTree | xr.Dataset, path: Path) -> None:
    """Write netCDF; a file that is there already is replaced only by a complete one."""
    # In the same folder, so that the last step is a rename, which happens whole or not at all.
    unfinished = path.with_name(f".{path.stem}-{uuid4().hex}.nc")
    try:
        data.to_netcdf(unfinished, engine="h5netcdf")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: str | os.PathLike) -> xr.DataTree:
    """Read a fit that :func:`save` wrote, into memory.

    Parameters
    ----------
    path : path
        Of the netCDF file.

    Returns
    -------
    xarray.DataTree
        As it was saved.

    Raises
    ------
    DataError
        If there is no such file.
    SchemaError
        If the file holds something else than a fit.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.load("nowhere.nc")
    Traceback (most recent call last):
    ...
    bayesgmm.errors.DataError: There is no file nowhere.nc.
    """
    path = _path(path)
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as stored:
            tree = from_file(stored.load())
    except OSError as error:
        raise SchemaError(f"{path} is not a netCDF file that bayesgmm.save wrote.") from error
    validate(tree)
    return tree


def _path(path: str | os.PathLike) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"Expected the path of a file, not {path!r}.")
    return Path(path)
