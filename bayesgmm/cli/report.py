"""The command ``report``: a report on a fit as an HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import xarray as xr

import bayesgmm as bg
from bayesgmm.cli.results import expect_apart, expect_writable, load_fit, print_json, say_where
from bayesgmm.cli.tables import expect_rows
from bayesgmm.errors import SpecificationError
from bayesgmm.report.write import expect_page


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    fit : pathlib.Path
        Output of the command ``fit``.
    out : pathlib.Path
        Output file.
    selection : pathlib.Path, or None for none
        Output of the command ``select``, netCDF or Zarr.
    title : str, or None for the default
    force : bool
        Whether it may replace a file.
    json : bool
    """

    fit: Path
    out: Path
    selection: Path | None
    title: str | None
    force: bool
    json: bool


def run_report(request: Request) -> None:
    """Read the fit, write the report, and show its path."""
    expect_apart({"--out": request.out}, [request.fit, request.selection], force=request.force)
    expect_writable(expect_page(request.out))
    tree = load_fit(request.fit)
    expect_rows(tree, takes_data=False)
    selection = None if request.selection is None else _selection(request.selection)
    bg.write_report(tree, request.out, selection=selection, title=request.title)
    if request.json:
        print_json({"report": str(request.out), "passed": bg.diagnose(tree).passed})
    say_where("The report is", request.out)


def _selection(path: Path) -> xr.Dataset:
    table = bg.load(path)
    if not isinstance(table, xr.Dataset):
        raise SpecificationError(
            f"{path} holds a fit; --selection takes a table written by the command select, or by "
            "bayesgmm.save from the result of bayesgmm.select."
        )
    return table
