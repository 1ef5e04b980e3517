"""Options that several commands share, as Typer takes them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from bayesgmm.errors import SpecificationError

DATA_HELP = (
    "A table: .csv, .tsv or .txt, .parquet, .arrow or .feather; - for CSV on standard input."
)

Data = Annotated[Path, typer.Argument(metavar="DATA", help=DATA_HELP)]
NewData = Annotated[
    Path | None,
    typer.Argument(metavar="[DATA]", help=f"The rows; by default those of the fit. {DATA_HELP}"),
]
Fit = Annotated[
    Path, typer.Argument(metavar="FIT", help="A fit, written by the command fit: .nc or .zarr.")
]
Columns = Annotated[
    str | None, typer.Option(help="Columns to use, such as a,b; by default all others.")
]
Weights = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Column of row weights: how often each row counts."),
]
RowNames = Annotated[
    str | None,
    typer.Option(
        "--id",
        metavar="COLUMN",
        help="Column of row names; by default an unnamed first column, as pandas writes it, if its "
        "cells are unique integers or texts.",
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        metavar="MARK",
        help="Separator of a text table: a character, or one of comma, semicolon, tab, space, bar; "
        "by default comma, semicolon or tab, as in the first line.",
    ),
]
Decimal = Annotated[
    str, typer.Option(metavar="MARK", help="Decimal mark of a text table: point or comma.")
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line of a text table names the columns; without names they are "
        "x0, x1, ... By default it does; if it holds numbers, this option is required, unless "
        "--columns names some of them.",
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same result.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to standard output.")]


def names_in(listed: str, option: str) -> list[str]:
    """Return the names in a list such as ``a,b`` or ``"a, b",c``: quotes keep a comma in a name."""
    names = [name.strip() for name in next(csv.reader([listed], skipinitialspace=True)) or [""]]
    if not all(names):
        raise SpecificationError(
            f"{option} takes names separated by commas, such as a,b; one is empty in {listed!r}."
        )
    return names


def names_or_none(listed: str | None, option: str) -> list[str] | None:
    """Return the names in a list, if there is one."""
    return None if listed is None else names_in(listed, option)
