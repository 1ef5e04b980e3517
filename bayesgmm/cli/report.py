"""One fit as one page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

import bayesgmm as bg
from bayesgmm.cli.results import say
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.report.write import expect_page


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes
    ----------
    fit : pathlib.Path
        What the command ``fit`` kept.
    out : pathlib.Path
        Where the page goes.
    selection : pathlib.Path, or None for none
        A table of :func:`bayesgmm.select`, as a netCDF file.
    title : str, or None for one made up
    """

    fit: Path
    out: Path
    selection: Path | None
    title: str | None


def run_report(request: Request) -> None:
    """Read the fit, write the page, and say where it is."""
    for source in (request.fit, request.selection):
        _expect_another_file(request.out, source)
    expect_page(request.out)
    tree = bg.load(request.fit)
    selection = None if request.selection is None else _selection(request.selection)
    path = bg.write_report(tree, request.out, selection=selection, title=request.title)
    say(f"The report is in {path}")


def _expect_another_file(out: Path, source: Path | None) -> None:
    if source is not None and out.exists() and source.exists() and out.samefile(source):
        raise SpecificationError(
            f"{out} is what is read and would be overwritten; name another file with --out."
        )


def _selection(path: Path) -> xr.Dataset:
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        return xr.load_dataset(path, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a netCDF file with a table of bayesgmm.select. Write one with "
            "table.to_netcdf(path)."
        ) from error
