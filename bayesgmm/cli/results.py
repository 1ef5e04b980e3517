"""What a command shows of a fit, and the files it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import bayesgmm as bg
from bayesgmm.errors import SpecificationError
from bayesgmm.plots.pairs import MOST_FEATURES
from bayesgmm.report.tables import summary_table
from bayesgmm.report.verdict import convergence_lines, uncertainty_line

if TYPE_CHECKING:
    import xarray as xr

_PICTURES = (".png", ".pdf", ".svg")
_WIDTH_OF_FILES = 100  # columns, where the output is no terminal and has no width of its own


def console() -> Console:
    """Return where results are written: the terminal, or whatever took its place."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=_WIDTH_OF_FILES)


def expect_writable(path: Path, *, picture: bool = False) -> None:
    """Raise before the fit if its files could not be written after it."""
    if not path.parent.is_dir():
        raise SpecificationError(f"There is no folder {path.parent} to write {path.name} to.")
    if path.is_dir():
        raise SpecificationError(f"{path} is a folder; the name of a file is needed.")
    if picture and path.suffix.lower() not in _PICTURES:
        raise SpecificationError(
            f"The name of a picture must end in {', '.join(_PICTURES)}, not {path.name!r}."
        )


def expect_other_files(data: Path, out: Path, picture: Path | None) -> None:
    """Raise if writing would replace the data, or the picture the fit."""
    for option, path in (("--out", out), ("--figure", picture)):
        if path is not None and path.exists() and data.exists() and path.samefile(data):
            raise SpecificationError(
                f"{path} holds the data and would be overwritten; name another file with {option}."
            )
    if picture is not None and picture.resolve() == out.resolve():
        raise SpecificationError(
            f"The fit and its picture cannot both be {out}; name another file with --out."
        )


def show(tree: xr.DataTree, *, rows: str = "rows") -> None:
    """Print the table, the verdict on convergence, and how many rows are uncertain."""
    screen = console()
    screen.print()
    screen.print(summary_table(tree))
    screen.print()
    for line in [*convergence_lines(tree), uncertainty_line(tree, rows=rows)]:
        screen.print(line, highlight=False, markup=False, soft_wrap=not screen.is_terminal)


def write(tree: xr.DataTree, out: Path, picture: Path | None) -> None:
    """Write the fit and, if asked, its picture, and say where."""
    say(f"The fit is in {bg.save(tree, out)}")
    if picture is None:
        return
    features = [str(name) for name in tree["posterior"]["feature"].values]
    bg.plot_clusters(tree, features[:MOST_FEATURES]).savefig(picture)
    shown = f" (the first {MOST_FEATURES} features)" if len(features) > MOST_FEATURES else ""
    say(f"Its picture is in {picture}{shown}")


def say(line: str) -> None:
    """Print one line."""
    console().print(line, highlight=False, markup=False, soft_wrap=True)
