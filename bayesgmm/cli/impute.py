"""Filling in the empty cells of one CSV file, or of the rows of a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.csv_file import read_csv, read_text
from bayesgmm.cli.results import console, expect_writable, say
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
    """

    fit: Path
    data: Path | None
    out: Path
    imputations: int | None
    seed: int | None

    @property
    def imputation_files(self) -> list[Path]:
        """One for each imputation, numbered."""
        count = self.imputations or 0
        digits = max(2, len(str(count)))
        names = (f"{self.out.stem}_{number:0{digits}d}" for number in range(1, count + 1))
        return [self.out.with_name(f"{name}{self.out.suffix}") for name in names]


def run_impute(request: Request) -> None:
    """Fill in, say what was filled in, and write it."""
    files = [request.out, *request.imputation_files]
    expect_writable(request.out)
    _expect_other_files(files, [request.fit, request.data])
    tree = bg.load(request.fit)
    table = None if request.data is None else read_csv(request.data, None)
    done = bg.impute(tree, table, request.imputations or 1, random_seed=request.seed)
    _show(done.cells, tree["observed_data"].sizes["obs_id"] if table is None else len(table))
    write = _plainly if request.data is None else _into_text(request.data, done.cells)
    for file, frame in zip(files, [done.completed, *done.frames], strict=False):
        write(frame, file)
    say(f"The completed table, posterior means in it, is in {request.out}")
    if request.imputation_files:
        first, last = request.imputation_files[0], request.imputation_files[-1]
        say(f"Imputations are in {first}" + (f" to {last}" if last != first else ""))


def _expect_other_files(files: list[Path], sources: list[Path | None]) -> None:
    for file in files:
        for source in sources:
            if source is not None and file.exists() and source.exists() and file.samefile(source):
                raise SpecificationError(
                    f"{file} is what is read and would be overwritten; name another file with "
                    "--out."
                )


def _show(cells: xr.Dataset, n_rows: int) -> None:
    count, touched = cells.sizes["cell"], np.unique(cells["row"]).size
    verb = "is" if count == 1 else "are"
    say(f"{count} cell{'' if count == 1 else 's'} in {touched} of {n_rows} rows {verb} missing.")
    if count:
        console().print(imputation_table(cells))


def _plainly(frame: xr.DataArray, file: Path) -> None:
    """Write the rows of a fit, with their names where they have any."""
    table, names = frame.to_pandas(), frame["obs_id"].values
    table.to_csv(file, index=not np.array_equal(names, np.arange(names.size)))


def _into_text(data: Path, cells: xr.Dataset) -> Callable[[Any, Path], None]:
    """Return what writes a table as it was read, text by text, but for the missing cells."""
    text, separator = read_text(data)
    places = list(zip(cells["row"].values, cells["feature"].values, strict=True))

    def write(frame: pd.DataFrame, file: Path) -> None:
        result = text.copy()
        for row, feature in places:
            column = result.columns.get_loc(feature)
            result.iat[row, column] = repr(float(frame.iat[row, column]))
        result.to_csv(file, index=False, sep=separator)

    return write
