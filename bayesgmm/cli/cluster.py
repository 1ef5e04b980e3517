"""The command ``cluster``: assignment of rows to components."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import bayesgmm as bg
from bayesgmm.cli.csv_file import read_text
from bayesgmm.cli.options import TextFormat
from bayesgmm.cli.results import expect_apart, expect_table, load_fit, print_json, say, say_where
from bayesgmm.cli.tables import features_of, is_text, rows_for, source_of, write_table, write_text
from bayesgmm.data.answers import apart_from
from bayesgmm.digits import counted, plural
from bayesgmm.schema import ROW

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    fit : pathlib.Path
    data : pathlib.Path, or None for the rows of the fit
    text_format : TextFormat
    names : name of a column, or None
    certainty, ci_prob : float
    out : pathlib.Path
        Output file.
    force : bool
        Whether it may replace a file.
    json : bool
    """

    fit: Path
    data: Path | None
    text_format: TextFormat
    names: str | None
    certainty: float
    ci_prob: float
    out: Path
    force: bool
    json: bool


def run_cluster(request: Request) -> None:
    """Assign rows, write one line for each, and count unsure rows."""
    expect_table(request.out, json=request.json)
    expect_apart({"--out": request.out}, [request.fit, request.data], force=request.force)
    tree = load_fit(request.fit)
    source = None if request.data is None else source_of(request.data)
    rows, table = rows_for(tree, source, request.names, request.text_format)
    found = bg.cluster(tree, rows, certainty=request.certainty, ci_prob=request.ci_prob)
    if source is None:
        write_table(one_line_each(found), request.out)
    elif is_text(source) and is_text(request.out):
        text_format = request.text_format.with_names(features_of(tree))
        cells, separator = read_text(source, text_format)
        lines = beside(cells, found, request.names)
        write_text(lines, request.out, separator, text_format.decimal)
    else:
        write_table(beside(table, found, request.names), request.out)
    names, counts = np.unique(found["label"], return_counts=True)
    unsure = int(found["unsure"].sum())
    by_label = dict(zip(names.tolist(), counts.tolist(), strict=True))
    parts = ", ".join(f"{count} in {name}" for name, count in by_label.items())
    verb, certainty = plural(unsure, "is", "are"), f"{request.certainty:.0%}"
    say(
        f"{counted(found.sizes[ROW], 'row')}: {parts}; {unsure} {verb} assigned with less than "
        f"{certainty} probability."
    )
    if request.json:
        own = {"table": str(request.out), "n_rows": found.sizes[ROW], "unsure": unsure}
        print_json({**own, "certainty": request.certainty, "rows_of_component": by_label})
    say_where("The table is", request.out)


def one_line_each(found: xr.Dataset) -> pd.DataFrame:
    """Return row name, label, certainty, core, unsure, and a responsibility for each component."""
    shown = found[["label", "certainty", "core", "unsure", "responsibilities"]]
    return bg.table(shown).reset_index()


def beside(cells: pd.DataFrame, found: xr.Dataset, names: str | None) -> pd.DataFrame:
    """Return all columns of a table, followed by the results for its rows.

    Row names come first, unless they are the column ``names`` of the table. Result columns are
    renamed if their names are already used.
    """
    cells, own = cells.reset_index(drop=True), one_line_each(found)
    if names is not None:
        own = own.drop(columns=ROW)
    elif "" in cells:  # row names as they are written
        own[ROW] = cells.pop("")
    own = apart_from(own, cells.columns)
    first = [] if names is not None else [own.columns[0]]
    return pd.concat([own[first], cells, own.drop(columns=first)], axis=1)
