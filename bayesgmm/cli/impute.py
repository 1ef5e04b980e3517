"""Filling in the empty cells of one table, or of the rows of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.csv_file import read_text
from bayesgmm.cli.places import expect_apart, expect_table
from bayesgmm.cli.results import console, load_fit, print_json, say, say_where
from bayesgmm.cli.tables import (
    PIPE,
    TableSource,
    is_text,
    read_table,
    source_of,
    write_lines,
    write_table,
)
from bayesgmm.errors import SpecificationError
from bayesgmm.report.imputations import imputation_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes
    ----------
    fit : pathlib.Path
        What the command ``fit`` kept.
    data : pathlib.Path, or None for the rows of the fit
    out : pathlib.Path
        Where the completed table goes, and beside it the imputations.
    imputations : int, or None for none
    seed : int, or None for that of the fit
    json : bool
    """

    fit: Path
    data: Path | None
    out: Path
    imputations: int | None
    seed: int | None
    json: bool = False

    @property
    def imputation_files(self) -> list[Path]:
        """One for each imputation, numbered."""
        count = self.imputations or 0
        digits = max(2, len(str(count)))
        names = (f"{self.out.stem}_{number:0{digits}d}" for number in range(1, count + 1))
        return [self.out.with_name(f"{name}{self.out.suffix}") for name in names]


def run_impute(request: Request) -> None:
    """Fill in, write it, and say what was filled in."""
    files = [request.out, *request.imputation_files]
    _expect_places(request, files)
    tree = load_fit(request.fit)
    source = None if request.data is None else source_of(request.data)
    table = None if source is None else read_table(source)
    done = bg.impute(tree, table, request.imputations or 1, random_seed=request.seed, progress=True)
    for file, frame in zip(files, [done.completed, *done.frames], strict=False):
        _write(frame, file, source, done.cells)
    n_rows = tree["observed_data"].sizes["obs_id"] if table is None else len(table)
    _show(done.cells, n_rows)
    if request.json:
        print_json({
            "completed": str(request.out),
            "imputations": [str(file) for file in request.imputation_files],
            "n_rows": n_rows,
            "cells": done.cells.to_dataframe().reset_index(drop=True).to_dict("records"),
            "interval": done.cells.attrs["interval"],
        })  # fmt: skip
    say_where("The completed table, posterior means in it, is", request.out)
    if request.imputation_files:
        first, last = request.imputation_files[0], request.imputation_files[-1]
        say(f"Imputations are in {first}" + (f" to {last}" if last != first else ""))


def _expect_places(request: Request, files: list[Path]) -> None:
    if request.out == PIPE and request.imputations:
        raise SpecificationError(
            "--imputations writes numbered files beside the table; name one with --out."
        )
    for file in files:
        expect_table(file, json=request.json)
        expect_apart({"--out": file}, [request.fit, request.data])


def _show(cells: xr.Dataset, n_rows: int) -> None:
    count, touched = cells.sizes["cell"], np.unique(cells["row"]).size
    verb = "is" if count == 1 else "are"
    say(f"{count} cell{'' if count == 1 else 's'} in {touched} of {n_rows} rows {verb} missing.")
    if count:
        console().print(imputation_table(cells))


def _write(frame: Any, file: Path, source: TableSource | None, cells: xr.Dataset) -> None:
    """Write a completed table; what was text stays as it was, but for the missing cells."""
    if source is None:
        write_table(_with_names(frame), file)
    elif is_text(source) and is_text(file):
        _write_text(frame, file, source, cells)
    else:
        write_table(frame, file)


def _with_names(frame: xr.DataArray) -> pd.DataFrame:
    """Return the rows of a fit, with their names where they have any."""
    names = frame["obs_id"].values
    numbered = np.array_equal(names, np.arange(names.size))
    return frame.to_pandas().reset_index(drop=numbered)


def _write_text(frame: pd.DataFrame, file: Path, source: TableSource, cells: xr.Dataset) -> None:
    result, separator = read_text(source)
    for row, feature in zip(cells["row"].values, cells["feature"].values, strict=True):
        column = result.columns.get_loc(feature)
        result.iat[row, column] = repr(float(frame.iat[row, column]))
    write_lines(result.to_csv(index=False, sep=separator), file)
