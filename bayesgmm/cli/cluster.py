"""The component of every row, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.places import expect_apart, expect_table
from bayesgmm.cli.results import load_fit, print_json, say, say_where
from bayesgmm.cli.rows import rows_for
from bayesgmm.cli.tables import write_table
from bayesgmm.digits import counted
from bayesgmm.schema import ROW

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes
    ----------
    fit : pathlib.Path
    data : pathlib.Path, or None for the rows of the fit
    names : name of a column, or None
    certainty, probability : float
    out : pathlib.Path
        Where the table goes.
    json : bool
    """

    fit: Path
    data: Path | None
    names: str | None
    certainty: float
    probability: float
    out: Path
    json: bool


def run_cluster(request: Request) -> None:
    """Assign rows, write one line for each, and say how many are unsure."""
    expect_table(request.out, json=request.json)
    expect_apart({"--out": request.out}, [request.fit, request.data])
    tree = load_fit(request.fit)
    rows = rows_for(tree, request.data, request.names)
    found = bg.cluster(
        tree, rows, certainty=request.certainty, probability=request.probability, progress=True
    )
    write_table(one_line_each(found, request.names or ROW), request.out)
    names, counts = np.unique(found["label"], return_counts=True)
    unsure = int(found["unsure"].sum())
    by_label = dict(zip(names.tolist(), counts.tolist(), strict=True))
    parts = ", ".join(f"{count} in {name}" for name, count in by_label.items())
    verb, certainty = "is" if unsure == 1 else "are", f"{request.certainty:.0%}"
    say(f"{counted(found.sizes[ROW], 'row')}: {parts}; {unsure} {verb} less than {certainty} sure.")
    if request.json:
        own = {"table": str(request.out), "n_rows": found.sizes[ROW], "unsure": unsure}
        print_json({**own, "certainty": request.certainty, "rows_of_component": by_label})
    say_where("The table is", request.out)


def one_line_each(found: xr.Dataset, heading: str = ROW) -> pd.DataFrame:
    """Return row name, label, certainty, core, unsure, and a responsibility for each component.

    The names of rows stand under ``heading``, unless that is taken.
    """
    table = found[["label", "certainty", "core", "unsure"]].to_dataframe().reset_index()
    for name in found["component"].values:
        own = found["responsibilities"].sel(component=name)
        table[f"responsibility_{name}"] = own.values
    return table if heading in table else table.rename(columns={ROW: heading})
