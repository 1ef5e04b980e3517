"""One fit of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bayesgmm as bg
from bayesgmm.cli.csv_file import expect_numbers, expect_weights, rows_with_gaps
from bayesgmm.cli.messages import in_words_of_options, without_verdicts
from bayesgmm.cli.places import expect_apart, expect_picture, expect_result, partial_of
from bayesgmm.cli.results import (
    draw,
    exit_interrupted,
    fit_in_json,
    is_partial,
    print_json,
    say,
    show,
)
from bayesgmm.cli.rows import named
from bayesgmm.cli.tables import read_table, source_of
from bayesgmm.digits import counted
from bayesgmm.engines.catalogue import ENGINES, engine_named
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.posterior.relabel.order import BY_WEIGHT
from bayesgmm.priors.catalogue import structure_named

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Known:
    """Columns that say something of the rows, and are no features; ``None`` where there is none."""

    weights: str | None = None
    labels: str | None = None
    names: str | None = None

    @property
    def columns(self) -> list[str]:
        """Those that there are."""
        return [name for name in (self.weights, self.labels, self.names) if name is not None]


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes
    ----------
    data : pathlib.Path
        The table.
    columns : sequence of names, or None for all
    known : Known
    n_components : int
    covariance, engine : str
        Names of a covariance structure and of an engine.
    options : mapping
        Options of the engine; ``None`` leaves one at its default.
    order_by : str
    seed : int, or None for a new one
    drop_missing : bool
        Whether rows with missing cells are left out.
    out, figure : pathlib.Path
        Where the fit and its picture go; no picture where ``None``.
    json : bool
    """

    data: Path
    columns: Sequence[str] | None
    known: Known
    n_components: int
    covariance: str
    engine: str
    options: Mapping[str, Any]
    order_by: str
    seed: int | None
    drop_missing: bool
    out: Path
    figure: Path | None
    json: bool


def run_fit(request: Request) -> None:
    """Fit, write the posterior and its picture, and show it."""
    expect_result(request.out)
    if request.figure is not None:
        expect_picture(request.figure)
    expect_apart({"--out": request.out, "--figure": request.figure}, [request.data])
    engine = _engine(request.engine, request.options)
    structure = structure_named(request.covariance)
    with in_words_of_options(n_components="--components"):
        spec = bg.MixtureSpec(n_components=request.n_components, covariances=structure)
    table, known = read_rows(request.data, request.columns, request.known)
    chosen = _without_missing(table) if request.drop_missing else _with_missing(table)
    weights, labels = (
        None if name is None else known.loc[chosen.index, name].tolist()
        for name in (request.known.weights, request.known.labels)
    )
    _expect_order(request.order_by, chosen.columns)
    rows = chosen if request.known.names is None else named(chosen, known[request.known.names])
    words = {"sample_weight": f"column {request.known.weights!r} of --weights"}
    with without_verdicts(), in_words_of_options(order_by="--order-by", **words):
        tree = bg.fit(
            rows, spec, engine=engine, random_seed=request.seed, sample_weight=weights,
            labels=labels, order_by=request.order_by,
        )  # fmt: skip
    keep(tree, request.out, request.figure, json=request.json)


def keep(
    tree: xr.DataTree, out: Path, picture: Path | None, *, json: bool, rows: str = "rows"
) -> None:
    """Write a fit and its picture first, then show it; an interrupted one goes beside ``out``."""
    place = partial_of(out) if is_partial(tree) else out
    bg.save(tree, place)
    show(tree, rows=rows)
    if json:
        print_json({"fit": str(place), **fit_in_json(tree)})
    if is_partial(tree):
        chains, draws = (tree["posterior"].sizes[dim] for dim in ("chain", "draw"))
        kept = f"{counted(chains, 'chain')} of {counted(draws, 'draw')}"
        raise exit_interrupted(f"{kept} are", place, out)
    say(f"The fit is in {place}")
    if picture is not None:
        draw(tree, picture)


def read_rows(
    data: Path, columns: Sequence[str] | None, known: Known
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features, all numbers, and what else is known of the same rows."""
    source = source_of(data)
    if columns is None:
        table = read_table(source, None)
        others = read_table(source, known.columns)
        features = table.drop(columns=known.columns)
    else:
        table = read_table(source, list(dict.fromkeys([*columns, *known.columns])))
        features, others = table[list(columns)], table[known.columns]
    if known.weights in features:
        raise SpecificationError(
            f"{known.weights!r} says how often rows count (--weights), and cannot be one of "
            "--columns, too; leave it out of one of them."
        )
    expect_numbers(features)
    if known.weights is not None:
        expect_weights(others[known.weights])
    return features, others


def _expect_order(order_by: str, columns: Sequence[str]) -> None:
    if order_by != BY_WEIGHT and order_by not in columns:
        raise SpecificationError(
            f"--order-by is {BY_WEIGHT} or one of the columns {list(columns)}, not {order_by!r}."
        )


def _engine(name: str, options: Mapping[str, Any]) -> Any:
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
