"""One fit as one page."""

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
    """What was asked for.

    Attributes
    ----------
    fit : pathlib.Path
        What the command ``fit`` kept.
    out : pathlib.Path
        Where the page goes.
    selection : pathlib.Path, or None for none
        What the command ``select`` kept as netCDF or Zarr.
    title : str, or None for one made up
    force : bool
        Whether the page may replace a file.
    json : bool
    """

    fit: Path
    out: Path
    selection: Path | None
    title: str | None
    force: bool
    json: bool


def run_report(request: Request) -> None:
    """Read the fit, write the page, and say where it is."""
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
            f"{path} holds a fit; --selection takes a table that the command select, or "
            "bayesgmm.save of what bayesgmm.select returned, has written."
        )
    return table
