"""The output of commands: messages, JSON, files; and checks of output paths before the work."""

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


_WIDTH_OF_FILES = 100  # columns, if the output is not a terminal


def console() -> Console:
    """Return the console for messages: standard error."""
    terminal = Console(stderr=True)
    return terminal if terminal.is_terminal else Console(stderr=True, width=_WIDTH_OF_FILES)


def say(line: str) -> None:
    """Print a message."""
    console().print(line, highlight=False, markup=False, soft_wrap=True)


def say_where(what: str, path: Path) -> None:
    """Print the path of a table, unless it was written to standard output."""
    if path != PIPE:
        say(f"{what} in {path}")


def load_fit(path: Path) -> xr.DataTree:
    """Read a fit; raise a ``SchemaError`` if the file is not a fit."""
    from bayesgmm.errors import SchemaError
    from bayesgmm.schema import validate

    tree = bg.load(path)
    if not hasattr(tree, "children"):
        raise SchemaError(
            f"{path} holds a table, written by the command select, not a fit; name a file written "
            "by the command fit."
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
    """Write a plot of the clusters atomically, and print its path."""
    figure = bg.plot_clusters(tree)
    with replacing(picture) as unfinished:
        figure.savefig(unfinished, format=picture.suffix[1:].lower())
    say(f"The plot is in {picture}")


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object to standard output; numbers that are not finite become null."""
    sys.stdout.write(json.dumps(_plain(content), indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def fit_in_json(tree: xr.DataTree) -> dict[str, Any]:
    """Return the content of :func:`show` for JSON."""
    summary, known = bg.summarize(tree), record(tree)
    return {
        "n_rows": Fit(tree).n_rows,
        "features": tree["posterior"]["feature"].values,
        "spec": known["spec"],
        "engine": known["engine"],
        "seed": known["seed"],
        "interrupted": is_partial(tree),
        **verdict_in_json(bg.diagnose(tree)),
        **_number_in_json(tree),
        "interval": summary.attrs["interval"],
        "components": [_component_in_json(summary, name) for name in summary["component"].values],
    }


def _number_in_json(tree: xr.DataTree) -> dict[str, Any]:
    """Return the posterior of the number of clusters, if the number of components is unknown."""
    if "number_of_components" not in tree.children:
        return {}
    table = tree["number_of_components"]
    numbers = [str(number) for number in table["number"].values]
    return {
        f"number_of_{name}": dict(zip(numbers, table[name].values.tolist(), strict=True))
        for name in ("clusters", "components")
    }


def verdict_in_json(diagnosis: bg.Diagnosis) -> dict[str, Any]:
    """Return the verdict on convergence, its findings and its statistics."""
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
    """Print what an interrupted run has kept, and return the exit to raise."""
    say(f"Interrupted: {what} in {kept_in}; {asked_for} was not changed.")
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
    """Return the same in JSON types."""
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
    """Raise if a fit cannot be saved to this path."""
    expect_place(path)
    expect_writable(path)


def expect_table(path: Path, *, json: bool = False) -> None:
    """Raise if a table cannot be written to this path; ``json`` uses standard output."""
    expect_suffix(path)
    if path == PIPE and json:
        raise SpecificationError(
            "--json and --out - both write to standard output; name a file with --out."
        )
    if path != PIPE:
        _expect_file_place(path, "table.csv")


def expect_table_or_result(path: Path, *, json: bool = False) -> None:
    """Raise if a table cannot be written to this path, including netCDF and Zarr."""
    if path.suffix.lower() in FORMATS:
        expect_result(path)
    else:
        expect_table(path, json=json)


def expect_picture(path: Path) -> None:
    """Raise if a plot cannot be written to this path."""
    _expect_file_place(path, "fit.png")
    if path.suffix.lower() not in PICTURES:
        raise SpecificationError(
            f"The name of a plot must end in {', '.join(PICTURES)}, not {path.name!r}."
        )


def expect_apart(
    written: Mapping[str, Path | None], read: Iterable[Path | None], *, force: bool
) -> None:
    """Raise if an output file is an input file, or another output file.

    Or, without ``force``, an existing file. ``written`` maps options to files.
    """
    sources = [path for path in read if path is not None]
    taken: set[Path] = set()
    for option, path in written.items():
        if path is None or path == PIPE:
            continue
        for source in sources:
            if path.exists() and source.exists() and path.samefile(source):
                raise SpecificationError(
                    f"{path} is the input file and would be overwritten; name another file with "
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
    """Raise if the file already exists."""
    if path.exists() or path.is_symlink():
        raise SpecificationError(
            f"{path} already exists. Add --force to replace it, or name another with {option}."
        )


def partial_of(path: Path) -> Path:
    """Return the path for an interrupted result: a new file next to the output file."""
    names = chain([""], map("-{}".format, count(2)))
    places = (path.with_name(f"{path.stem}.partial{name}{path.suffix}") for name in names)
    return next(place for place in places if not place.exists())


def name_of_source(path: Path) -> str:
    """Return the default name of output files for a table, without a suffix."""
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
            f"{path} cannot be written: {error.strerror or error}. Choose another path."
        ) from error
