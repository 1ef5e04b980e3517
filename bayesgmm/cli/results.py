"""What a command shows of a fit, and the files it leaves.

Where results may go: known before the work begins, so that none is done for nothing.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from rich.console import Console

import bayesgmm as bg
from bayesgmm.cli.messages import INTERRUPTED, in_options
from bayesgmm.cli.tables import PIPE, expect_suffix
from bayesgmm.errors import SpecificationError
from bayesgmm.files import expect_file_or_nothing, expect_folder_of, replacing, try_place
from bayesgmm.report.tables import convergence_lines, summary_table, uncertainty_line
from bayesgmm.schema import record
from bayesgmm.tree.fit import Fit
from bayesgmm.tree.storage import FORMATS, expect_place

if TYPE_CHECKING:
    import xarray as xr


_WIDTH_OF_FILES = 100  # columns, where the output is no terminal and has no width of its own


def console() -> Console:
    """Return where words go: standard error, which may be a terminal."""
    terminal = Console(stderr=True)
    return terminal if terminal.is_terminal else Console(stderr=True, width=_WIDTH_OF_FILES)


def say(line: str) -> None:
    """Print one line for people."""
    console().print(line, highlight=False, markup=False, soft_wrap=True)


def say_where(what: str, path: Path) -> None:
    """Say in which file a table is, unless it went to standard output."""
    if path != PIPE:
        say(f"{what} in {path}")


def load_fit(path: Path) -> xr.DataTree:
    """Read a fit; a ``SchemaError`` if the file holds something else."""
    from bayesgmm.errors import SchemaError
    from bayesgmm.schema import validate

    tree = bg.load(path)
    if not hasattr(tree, "children"):
        raise SchemaError(
            f"{path} holds a table, as the command select keeps one, and no fit; name a file that "
            "the command fit has kept."
        )
    validate(tree)
    return tree


def show(tree: xr.DataTree, *, rows: str = "rows") -> None:
    """Print the table, the verdict on convergence, and how many rows are uncertain."""
    screen = console()
    screen.print()
    screen.print(summary_table(tree))
    screen.print()
    lines = [in_options(line) for line in convergence_lines(tree)]
    if Fit(tree).has_rows:
        lines.append(uncertainty_line(tree, rows=rows))
    for line in lines:
        screen.print(line, highlight=False, markup=False, soft_wrap=not screen.is_terminal)


def draw(tree: xr.DataTree, picture: Path) -> None:
    """Write a picture of the clusters, whole or not at all, and say where."""
    figure = bg.plot_clusters(tree)
    with replacing(picture) as unfinished:
        figure.savefig(unfinished, format=picture.suffix[1:].lower())
    say(f"Its picture is in {picture}")


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object to standard output; what is not finite becomes null."""
    sys.stdout.write(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def fit_in_json(tree: xr.DataTree) -> dict[str, Any]:
    """Return what :func:`show` shows, for machines."""
    summary, known = bg.summarize(tree), record(tree)
    return {
        "n_rows": Fit(tree).n_rows,
        "features": tree["posterior"]["feature"].values,
        "spec": known["spec"],
        "engine": known["engine"],
        "seed": known["seed"],
        "interrupted": is_partial(tree),
        **verdict_in_json(bg.diagnose(tree)),
        "interval": summary.attrs["interval"],
        "components": [_component_in_json(summary, name) for name in summary["component"].values],
    }


def verdict_in_json(diagnosis: bg.Diagnosis) -> dict[str, Any]:
    """Return the verdict on convergence, its findings and its figures."""
    figures = diagnosis.figures[["rhat", "ess_bulk", "ess_tail"]]
    findings = [
        {"kind": one.kind, "serious": one.serious, "problem": one.problem,
         "remedy": in_options(one.remedy)}
        for one in diagnosis.findings
    ]  # fmt: skip
    return {
        "passed": diagnosis.passed,
        "verdict": diagnosis.verdict,
        "findings": findings,
        "figures": {
            str(name): {key: float(figures[key].sel(variable=name)) for key in figures}
            for name in figures["variable"].values
        },
    }


def is_partial(tree: xr.DataTree) -> bool:
    """Say whether the fit was interrupted."""
    return bool(record(tree).get("partial", False))


def exit_interrupted(what: str, kept_in: Path, asked_for: Path) -> typer.Exit:
    """Say in one line what is left of an interrupted run, and return the exit to raise."""
    say(f"Interrupted: {what} in {kept_in}; {asked_for} was not touched.")
    return typer.Exit(INTERRUPTED)


def _component_in_json(summary: xr.Dataset, name: Any) -> dict[str, Any]:
    own = summary.sel(component=name)

    def statistics(values: xr.DataArray) -> dict[str, float]:
        return {str(one): float(values.sel(statistic=one)) for one in values["statistic"].values}

    def by_feature(values: xr.DataArray) -> dict[str, dict[str, float]]:
        return {str(one): statistics(values.sel(feature=one)) for one in values["feature"].values}

    return {
        "component": name,
        "weight": statistics(own["weights"]),
        "means": by_feature(own["means"]),
        "scales": by_feature(own["scales"]),
    }


def _plain(value: Any) -> Any:
    """Return the same in the few types that JSON has."""
    if isinstance(value, dict):
        return {str(name): _plain(own) for name, own in value.items()}
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(own) for own in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


PICTURES = (".png", ".pdf", ".svg")


def expect_result(path: Path) -> None:
    """Raise if a fit could not be saved there."""
    expect_place(path)
    expect_writable(path)


def expect_table(path: Path, *, json: bool = False) -> None:
    """Raise if a table could not be written there; ``json`` says that standard output is taken."""
    expect_suffix(path)
    if path == PIPE and json:
        raise SpecificationError(
            "--json and --out - both write to standard output; name a file with --out."
        )
    if path != PIPE:
        _expect_file_place(path, "table.csv")


def expect_table_or_result(path: Path, *, json: bool = False) -> None:
    """Raise if a table could not be written there, netCDF and Zarr included."""
    if path.suffix.lower() in FORMATS:
        expect_result(path)
    else:
        expect_table(path, json=json)


def expect_picture(path: Path) -> None:
    """Raise if a picture could not be written there."""
    _expect_file_place(path, "fit.png")
    if path.suffix.lower() not in PICTURES:
        raise SpecificationError(
            f"The name of a picture must end in {', '.join(PICTURES)}, not {path.name!r}."
        )


def expect_apart(
    written: Mapping[str, Path | None], read: Iterable[Path | None], *, force: bool
) -> None:
    """Raise if a file would be written over one that is read, or over another.

    Or over one that is there, without ``force``. ``written`` has the option that names each file.
    """
    sources = [path for path in read if path is not None]
    taken: set[Path] = set()
    for option, path in written.items():
        if path is None or path == PIPE:
            continue
        for source in sources:
            if path.exists() and source.exists() and path.samefile(source):
                raise SpecificationError(
                    f"{path} is what is read and would be overwritten; name another file with "
                    f"{option}."
                )
        if path.resolve() in taken:
            raise SpecificationError(
                f"Two results cannot both be {path}; name another file with {option}."
            )
        taken.add(path.resolve())
        if not force:
            expect_new(path, option)


def expect_new(path: Path, option: str) -> None:
    """Raise if there is something already."""
    if path.exists() or path.is_symlink():
        raise SpecificationError(
            f"{path} is there already. Add --force to replace it, or name another with {option}."
        )


def partial_of(path: Path) -> Path:
    """Return where the result of an interrupted run goes: beside, never over another one."""
    names = chain([""], map("-{}".format, count(2)))
    places = (path.with_name(f"{path.stem}.partial{name}{path.suffix}") for name in names)
    return next(place for place in places if not place.exists())


def name_of_source(path: Path) -> str:
    """Return what files made from a table are called, without a suffix."""
    return "stdin" if path == PIPE else path.stem or "data"


def _expect_file_place(path: Path, example: str) -> None:
    expect_folder_of(path)
    expect_file_or_nothing(path, example)
    expect_writable(path)


def expect_writable(path: Path) -> None:
    """Raise if nothing can be written there, whatever permissions say."""
    try:
        try_place(path)
    except OSError as error:
        raise SpecificationError(
            f"{path} cannot be written: {error.strerror or error}. Name another place."
        ) from error
