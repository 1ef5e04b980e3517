"""The command ``select``: a grid of fits of one table, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.table import Table

import bayesgmm as bg
from bayesgmm.analysis.selection.grid import INTERRUPTED
from bayesgmm.analysis.selection.table import one_line_a_model
from bayesgmm.cli.fit import Known, read_rows
from bayesgmm.cli.messages import in_words_of_options
from bayesgmm.cli.options import TextFormat
from bayesgmm.cli.results import (
    console,
    exit_interrupted,
    expect_apart,
    expect_table_or_result,
    partial_of,
    print_json,
    say,
    say_where,
)
from bayesgmm.cli.tables import write_table
from bayesgmm.errors import SpecificationError
from bayesgmm.priors.catalog import structure_named
from bayesgmm.tree.storage import FORMATS

if TYPE_CHECKING:
    import xarray as xr

_CRITERIA = {"BIC": 1, "AIC": 1, "ICL": 1, "NEC": 3}
"""Criteria, with their numbers of decimals."""


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    data : pathlib.Path
        The table.
    text_format : TextFormat
    columns : sequence of names, or None for all
    weights : name of a column, or None
    n_components : str
        Numbers and ranges, such as ``1-4,8``.
    covariances : sequence of names, or None for all whose maximum likelihood differs
    seed : int, or None for a new one
    out : pathlib.Path
        Output file.
    force : bool
        Whether it may replace a file.
    json : bool
    """

    data: Path
    text_format: TextFormat
    columns: Sequence[str] | None
    weights: str | None
    n_components: str
    covariances: Sequence[str] | None
    seed: int | None
    out: Path
    force: bool
    json: bool


def run_select(request: Request) -> None:
    """Fit the grid, write the table, and show the best cell."""
    expect_table_or_result(request.out, json=request.json)
    expect_apart({"--out": request.out}, [request.data], force=request.force)
    numbers, chosen = numbers_in(request.n_components), _structures(request.covariances)
    known = Known(weights=request.weights)
    rows, others = read_rows(request.data, request.text_format, request.columns, known)
    weights = None if request.weights is None else others[request.weights].tolist()
    words = {
        "n_components": "--components",
        "sample_weight": f"column {request.weights!r} of --weights",
    }
    with in_words_of_options(**words):
        table = bg.select(rows, numbers, **chosen, random_seed=request.seed, sample_weight=weights)
    interrupted = bool((table["failure"] == INTERRUPTED).any())
    place = partial_of(request.out) if interrupted else request.out
    _write(table, place)
    _show(table)
    if request.json:
        print_json(_in_json(table, place, interrupted))
    if interrupted:
        raise exit_interrupted("the fits that were finished are", place, request.out)
    say_where("The table is", place)


def numbers_in(text: str) -> list[int]:
    """Return the numbers that a list such as ``1-4,8`` represents.

    Examples
    --------
    >>> from bayesgmm.cli.select import numbers_in
    >>> numbers_in("1-4,8")
    [1, 2, 3, 4, 8]
    """
    numbers: list[int] = []
    for part in text.split(","):
        ends = part.strip().split("-")
        if len(ends) > 2 or not all(end.strip().isdigit() for end in ends):
            raise SpecificationError(
                f"--components takes numbers and ranges, such as 1-4,8; not {text!r}."
            )
        first, last = int(ends[0]), int(ends[-1])
        if last < first:
            raise SpecificationError(
                f"--components takes ranges from the smaller number to the larger, such as "
                f"{last}-{first}; not {part.strip()!r}."
            )
        numbers += range(first, last + 1)
    return numbers


def _structures(names: Sequence[str] | None) -> dict[str, Any]:
    if names is None:
        return {}
    return {"covariances": [structure_named(name) for name in names]}


def _write(table: xr.Dataset, place: Path) -> None:
    if place.suffix.lower() in FORMATS:
        bg.save(table, place)
    else:
        write_table(bg.table(table).reset_index(), place)


def _show(table: xr.Dataset) -> None:
    """Print the smallest of each criterion, and the best cell."""
    page = Table(box=box.SIMPLE_HEAD)
    for heading in ("criterion", "covariances", "components", "value"):
        page.add_column(heading, justify="right" if heading == "value" else "left")
    models = one_line_a_model(table)
    for name, decimals in _CRITERIA.items():
        values = models[name]
        if np.isfinite(values).any():
            cell = values.where(np.isfinite(values), np.inf)
            place = cell.isel(cell.argmin(...))
            structure, number = place["covariances"].item(), place["n_components"].item()
            page.add_row(name, structure, str(number), f"{place.item():.{decimals}f}")
    console().print(page)
    failed = int((~table["failure"].isin(["", INTERRUPTED])).sum())
    if failed:
        say(f"{failed} of {table['failure'].size} fits failed; the table gives the reasons.")
    say(f"The smallest BIC: {table.attrs['best']}.")
    say("Use BIC to describe the density, ICL to count clusters; see bayesgmm.select.")


def _in_json(table: xr.Dataset, place: Path, interrupted: bool) -> dict:
    import json

    return {
        "table": str(place),
        "best": table.attrs["best"],
        "spec": json.loads(table.attrs["spec"]),
        "interrupted": interrupted,
        "fits": bg.table(table).reset_index().to_dict("records"),
    }
