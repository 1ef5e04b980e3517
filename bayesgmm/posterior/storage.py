"""Results on disk: netCDF or Zarr, written whole or not at all, and verified when read."""

from __future__ import annotations

import json
import os
from functools import partial
from io import BytesIO
from pathlib import Path

import xarray as xr

from bayesgmm.data.answers import Tabular
from bayesgmm.errors import BayesGMMError, DataError, SchemaError, SpecificationError
from bayesgmm.paths import as_path, expect_folder_of, expect_no_folder, expect_present
from bayesgmm.posterior.files.formats import (
    FORMATS,
    NetCDF,
    format_to_read,
    format_to_write,
    read,
)
from bayesgmm.posterior.files.seal import expect_known, sealed, unsealed
from bayesgmm.posterior.files.whole import present, replacing
from bayesgmm.posterior.fit import Fit, Fitted
from bayesgmm.posterior.timing import for_file, from_file, read_timing
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.schema import record, validate

_TREE, _TABLE = "tree", "dataset"


def save(tree: Fitted | xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a fit, or a table of results, to disk; what is there is replaced by a whole one only.

    The file is written beside its place and then renamed, so that a process that is killed at any
    moment leaves the old file or the new one. A Zarr folder changes places with the old one in
    one step on Linux; elsewhere there is an instant in which it has stepped aside, and
    :func:`load` finds it there. What a killed process left unfinished, a hidden file beside, is
    removed by the next ``save`` of the same path. Where ``path`` is a symbolic link, it stays one,
    and what it points to is replaced.

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
    whole = sealed(xr.DataTree(tree) if kind == _TABLE else for_file(tree), kind)
    with replacing(path) as unfinished:
        format_to_write(path).write(whole, unfinished)
    return path


def expect_place(path: str | os.PathLike) -> Path:
    """Return a path to save to, once it is known that results can be saved there.

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


def write_whole(data: xr.Dataset, path: Path) -> None:
    """Write plain netCDF; a file that is there already is replaced only by a complete one."""
    content = BytesIO()  # in memory first, as the format NetCDF does, and for its reason
    data.to_netcdf(content, engine="h5netcdf")
    with replacing(path) as unfinished, unfinished.open("wb") as file, content.getbuffer() as whole:
        file.write(whole)


def read_table(path: Path) -> xr.Dataset:
    """Read what :func:`write_whole` wrote; raises as :func:`load` does."""
    if not path.is_file():
        raise DataError(f"{path} is no ordinary file.")
    return read(path, NetCDF(), lambda attributes: None).to_dataset()


def load(path: str | os.PathLike) -> xr.DataTree | xr.Dataset:
    """Read what :func:`save` wrote, into memory, and verify that nothing has changed.

    Answers about a loaded fit need neither PyMC nor a sampler.

    A file from somebody else can be loaded without harm: before anything else is read, it is
    searched for what ``save`` does not write, and refused if there is any. So loading runs no code
    of the file, reads no other file, and takes memory and time in proportion to its size. The
    checksum shows damage, and not who wrote a file: whether its numbers are true, it cannot tell.

    Parameters
    ----------
    path : path
        Of the netCDF file or the Zarr folder.

    Returns
    -------
    xarray.DataTree or xarray.Dataset
        As it was saved. A point estimate comes back as a tree of one chain of one draw, of which
        everything can be asked that can be asked of the estimate.

    Raises
    ------
    DataError
        If there is no such file, or it may not be read.
    SchemaError
        If the file is damaged, cut short, of a schema that came later, or something else; if it
        holds what ``save`` does not write: links, arrays in other files, compressed netCDF,
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
        tree, kind = unsealed(stored, path)
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
    """Raise unless every class that the spec names is one of ``priors/catalogue.py``."""
    spec = record(tree).get("spec")
    if spec is None:
        return
    try:
        MixtureSpec.from_json(json.dumps(spec))
    except SpecificationError as error:
        raise SchemaError(f"The prior of the fit in {path} cannot be read. {error}") from error
