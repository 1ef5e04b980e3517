"""One fit of one CSV file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayesgmm as bg
from bayesgmm.cli.csv_file import expect_numbers, read_csv, rows_with_gaps
from bayesgmm.cli.results import expect_other_files, expect_writable, say, show, write
from bayesgmm.engines.catalogue import ENGINES, engine_named
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.priors.catalogue import structure_named

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes
    ----------
    data : pathlib.Path
        The CSV file.
    columns : sequence of names, or None for all
    n_components : int
    covariance, engine : str
        Names of a covariance structure and of an engine.
    options : mapping
        Options of the engine; ``None`` leaves one at its default.
    seed : int, or None for a new one
    drop_missing : bool
        Whether rows with missing cells are left out.
    out, figure : pathlib.Path
        Where the fit and its picture go; no picture where ``None``.
    """

    data: Path
    columns: Sequence[str] | None
    n_components: int
    covariance: str
    engine: str
    options: Mapping[str, int | None]
    seed: int | None
    drop_missing: bool
    out: Path
    figure: Path | None


def run_fit(request: Request) -> None:
    """Fit, show the posterior, and write it and its picture."""
    expect_writable(request.out)
    if request.figure is not None:
        expect_writable(request.figure, picture=True)
    expect_other_files(request.data, request.out, request.figure)
    engine = _engine(request.engine, request.options)
    structure = structure_named(request.covariance)
    spec = bg.MixtureSpec(n_components=request.n_components, covariances=structure)
    table = read_csv(request.data, request.columns)
    expect_numbers(table)
    table = _without_missing(table) if request.drop_missing else _with_missing(table)
    tree = bg.fit(table, spec, engine=engine, random_seed=request.seed)
    show(tree)
    write(tree, request.out, request.figure)


def _engine(name: str, options: Mapping[str, int | None]) -> Any:
    given = {option: value for option, value in options.items() if value is not None}
    known = {item.name for item in fields(ENGINES[name])}
    for option in given:
        if option not in known:
            raise SpecificationError(f"The engine {name} has no --{option}; leave it out.")
    return engine_named(name, **given)


def _with_missing(table: pd.DataFrame) -> pd.DataFrame:
    gaps = rows_with_gaps(table)
    if gaps:
        say(f"{gaps}, which count with what is known of them; --drop-missing leaves them out.")
    return table


def _without_missing(table: pd.DataFrame) -> pd.DataFrame:
    complete, gaps = table.dropna(), rows_with_gaps(table)
    if gaps and complete.empty:
        raise DataError(
            "Every row has missing cells. Leave out --drop-missing, or choose other columns with "
            "--columns."
        )
    if gaps:
        left_out = len(table) - len(complete)
        say(f"{gaps} and {'is' if left_out == 1 else 'are'} left out.")
    return complete
