"""The command ``generate``: new rows from a fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.messages import in_words_of_options
from bayesgmm.cli.results import expect_apart, expect_table, load_fit, print_json, say, say_where
from bayesgmm.cli.tables import write_table
from bayesgmm.digits import counted
from bayesgmm.errors import SpecificationError
from bayesgmm.progress import waiting

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    fit : pathlib.Path
    n_rows : int
    components : sequence of names, or None for all
    uncertainty : str
        From the posterior or from the point estimate.
    seed : int, or None for a new one
    out : pathlib.Path
        Output file.
    force : bool
        Whether it may replace a file.
    json : bool
    """

    fit: Path
    n_rows: int
    components: Sequence[str] | None
    uncertainty: Any
    seed: int | None
    out: Path
    force: bool
    json: bool


def run_generate(request: Request) -> None:
    """Draw rows, and write them with the component of each."""
    expect_table(request.out, json=request.json)
    tree = load_fit(request.fit)
    chosen = _components(tree, request)
    expect_apart({"--out": request.out}, [request.fit], force=request.force)
    words = {"n_rows": "--n-rows", "components": "--components", "uncertainty": "--uncertainty"}
    with in_words_of_options(**words), waiting("drawing rows"):
        new = bg.generate(
            tree, request.n_rows, components=chosen, uncertainty=request.uncertainty,
            random_seed=request.seed,
        )  # fmt: skip
    write_table(bg.table(new[["x", "component"]]), request.out)
    names, counts = np.unique(new["component"], return_counts=True)
    by_component = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if request.json:
        print_json({
            "table": str(request.out),
            "n_rows": request.n_rows,
            "rows_of_component": by_component,
        })  # fmt: skip
    parts = ", ".join(f"{count} of component {name}" for name, count in by_component.items())
    say(f"{counted(request.n_rows, 'new row')}: {parts}.")
    say_where("They are", request.out)


def _components(tree: xr.DataTree, request: Request) -> list | None:
    """Return components as the fit names them: numbers, or texts."""
    names = request.components
    if names is None:
        return None
    known = {str(name): name for name in tree["posterior"]["component"].values.tolist()}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SpecificationError(
            f"--components: {request.fit} has no component {', '.join(unknown)}; it has "
            f"{', '.join(known)}."
        )
    return [known[name] for name in dict.fromkeys(names)]
