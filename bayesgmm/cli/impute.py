"""The command ``impute``: imputation of the empty cells of a table, or of the rows of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.csv_file import expect_numbers, read_text
from bayesgmm.cli.options import TextFormat
from bayesgmm.cli.results import (
    console,
    expect_apart,
    expect_table,
    load_fit,
    print_json,
    say,
    say_where,
)
from bayesgmm.cli.tables import (
    PIPE,
    TableSource,
    expect_rows,
    features_of,
    is_text,
    read_table,
    source_of,
    write_table,
    write_text,
)
from bayesgmm.digits import counted, plural
from bayesgmm.errors import SpecificationError
from bayesgmm.report.tables import imputation_table

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    fit : pathlib.Path
        Output of the command ``fit``.
    data : pathlib.Path, or None for the rows of the fit
    text_format : TextFormat
    out : pathlib.Path
        Output file of the completed table; imputations are written next to it.
    imputations : int, or None for none
    seed : int, or None for that of the fit
    force : bool
        Whether they may replace files.
    json : bool
    """

    fit: Path
    data: Path | None
    text_format: TextFormat
    out: Path
    imputations: int | None
    seed: int | None
    force: bool
    json: bool

    @property
    def imputation_files(self) -> list[Path]:
        """One for each imputation, numbered."""
        count = self.imputations or 0
        digits = max(2, len(str(count)))
        names = (f"{self.out.stem}_{number:0{digits}d}" for number in range(1, count + 1))
        return [self.out.with_name(f"{name}{self.out.suffix}") for name in names]


def run_impute(request: Request) -> None:
    """Impute, write the tables, and show a summary."""
    files = [request.out, *request.imputation_files]
    _expect_places(request, files)
    tree = load_fit(request.fit)
    source = None if request.data is None else source_of(request.data)
    text_format = request.text_format.with_names(features_of(tree))
    table = _read(tree, source, text_format)
    done = bg.impute(tree, table, request.imputations or 1, random_seed=request.seed)
    for file, frame in zip(files, [done.completed, *done.frames], strict=False):
        _write(frame, file, source, text_format, done.cells)
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
    say_where("The completed table, with posterior means, is", request.out)
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
        expect_apart({"--out": file}, [request.fit, request.data], force=request.force)


def _read(
    tree: xr.DataTree, source: TableSource | None, text_format: TextFormat
) -> pd.DataFrame | None:
    if source is None:
        text_format.expect_default("The table of the fit")
        expect_rows(tree, takes_data=True)
        return None
    table = read_table(source, None, text_format)
    features = [name for name in text_format.names if name in table]
    expect_numbers(table[features], text_format.decimal, may_choose=False)
    return table


def _show(cells: xr.Dataset, n_rows: int) -> None:
    count, touched = cells.sizes["cell"], np.unique(cells["row"]).size
    verb = plural(count, "is", "are")
    say(f"{counted(count, 'cell')} in {touched} of {n_rows} rows {verb} missing.")
    if count:
        console().print(imputation_table(cells))


def _write(
    frame: Any,
    file: Path,
    source: TableSource | None,
    text_format: TextFormat,
    cells: xr.Dataset,
) -> None:
    """Write a completed table; text tables are unchanged except for missing cells."""
    if source is None:
        write_table(_with_names(frame), file)
    elif is_text(source) and is_text(file):
        _write_text(frame, file, source, text_format, cells)
    else:
        write_table(frame, file)


def _with_names(frame: xr.DataArray) -> pd.DataFrame:
    """Return the rows of a fit, with their names where they have any."""
    names = frame["obs_id"].values
    numbered = np.array_equal(names, np.arange(names.size))
    return frame.to_pandas().reset_index(drop=numbered)


def _write_text(
    frame: pd.DataFrame,
    file: Path,
    source: TableSource,
    text_format: TextFormat,
    cells: xr.Dataset,
) -> None:
    result, separator = read_text(source, text_format)
    for row, feature in zip(cells["row"].values, cells["feature"].values, strict=True):
        cell = repr(float(frame[feature].iat[row])).replace(".", text_format.decimal)
        result.iat[row, result.columns.get_loc(feature)] = cell
    has_header = text_format.header is not False
    write_text(result, file, separator, text_format.decimal, header=has_header)
