"""What a command shows of a fit, and the files it leaves."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer
from rich.console import Console

import bayesgmm as bg
from bayesgmm.cli.messages import INTERRUPTED, in_options
from bayesgmm.cli.tables import PIPE
from bayesgmm.posterior.files.whole import replacing
from bayesgmm.report.tables import summary_table
from bayesgmm.report.verdict import convergence_lines, uncertainty_line
from bayesgmm.schema import record

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
    for line in [*map(in_options, convergence_lines(tree)), uncertainty_line(tree, rows=rows)]:
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
        "n_rows": tree["observed_data"].sizes["obs_id"],
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
