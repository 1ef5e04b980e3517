"""Options that several commands share, as Typer takes them."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
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


_MARKS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "space": " ", "bar": "|"}
_DECIMALS = {"comma": ",", "point": "."}


@dataclass(frozen=True)
class TextFormat:
    """The options of a text file.

    Attributes
    ----------
    separator : str, or None to find it in the first lines
    decimal : str
        The point or the comma.
    header : bool, or None to find out
        Whether the first line names the columns.
    names : tuple of str
        Columns that the command line names; a first line that holds all of them is one of names.
    """

    separator: str | None = None
    decimal: str = "."
    header: bool | None = None
    names: tuple[str, ...] = ()

    def with_names(self, names: Iterable[str]) -> TextFormat:
        """Return the same, with further columns that the command line names."""
        return replace(self, names=(*self.names, *names))

    def expect_default(self, source: str) -> None:
        """Raise if options of text files were given for another kind of file."""
        if (self.separator, self.decimal, self.header) != (None, ".", None):
            raise SpecificationError(
                f"{source} is not a text table; leave out --separator, --decimal and --header."
            )


AS_FOUND = TextFormat()
"""No options: the format is detected."""


def text_format(separator: str | None, decimal: str, header: bool | None) -> TextFormat:
    r"""Return the format given by three options.

    Examples
    --------
    >>> from bayesgmm.cli.options import text_format
    >>> text_format("tab", ",", None)
    TextFormat(separator='\t', decimal=',', header=None, names=())
    """
    mark = None if separator is None else _MARKS.get(separator, separator)
    if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "\"'\r\n.+-"):
        raise SpecificationError(
            f"--separator takes one character, such as ';', or one of {', '.join(_words())}; not "
            f"{separator!r}."
        )
    point = _DECIMALS.get(decimal, decimal)
    if point not in _DECIMALS.values():
        raise SpecificationError(f"--decimal takes the point or the comma; not {decimal!r}.")
    return TextFormat(mark, point, header)


def _words() -> list[str]:
    return [word for word in _MARKS if word.isalpha()]
