"""The command ``fit``: one fit of one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import bayesgmm as bg
from bayesgmm.cli.csv_file import (
    expect_columns,
    expect_numbers,
    expect_weights,
    is_nameless,
    missing_cells,
    rows_with_gaps,
)
from bayesgmm.cli.messages import in_words_of_options, without_verdicts
from bayesgmm.cli.options import TextFormat
from bayesgmm.cli.results import (
    draw,
    exit_interrupted,
    expect_apart,
    expect_picture,
    expect_result,
    fit_in_json,
    is_partial,
    partial_of,
    print_json,
    say,
    show,
)
from bayesgmm.cli.tables import PIPE, named, read_table, source_of
from bayesgmm.digits import counted, plural
from bayesgmm.engines.catalog import engine_named
from bayesgmm.errors import DataError, SpecificationError, warn
from bayesgmm.estimators.spec_from_parameters import WIDTHS_INFERRED, unknown_number
from bayesgmm.posterior.relabel.order import BY_WEIGHT
from bayesgmm.priors.catalog import structure_named
from bayesgmm.tree.timing import read_timing, with_timing

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesgmm.priors.covariances import CovarianceStructure

_LONG = 10  # rows; in a shorter table a feature may number them by chance


@dataclass(frozen=True)
class Known:
    """Columns with row weights, labels and names, which are not features; ``None`` if absent."""

    weights: str | None = None
    labels: str | None = None
    names: str | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the given columns."""
        return [name for name in (self.weights, self.labels, self.names) if name is not None]


@dataclass(frozen=True)
class Request:
    """The arguments of the command.

    Attributes
    ----------
    data : pathlib.Path
        The table.
    text_format : TextFormat
    columns : sequence of names, or None for all
    known : Known
    n_components : str
        A number, or ``"auto"``.
    covariance : str
        Name of a covariance structure.
    engine : str or None
        Name of an engine.
    options : mapping
        Options of the engine; ``None`` leaves one at its default.
    order_by : str
    seed : int, or None for a new one
    drop_missing : bool
        Whether rows with missing cells are left out.
    out, figure : pathlib.Path
        Output files of the fit and its plot; no plot if ``None``.
    keep_rows : bool
        Whether the fit holds the rows.
    force : bool
        Whether they may replace files.
    json : bool
    """

    data: Path
    text_format: TextFormat
    columns: Sequence[str] | None
    known: Known
    n_components: str
    covariance: str
    engine: str | None
    options: Mapping[str, Any]
    order_by: str
    seed: int | None
    drop_missing: bool
    out: Path
    figure: Path | None
    keep_rows: bool
    force: bool
    json: bool


def run_fit(request: Request) -> None:
    """Fit, write the posterior and its plot, and show a summary."""
    expect_result(request.out)
    if request.figure is not None:
        expect_picture(request.figure)
        if not request.keep_rows:
            raise SpecificationError(
                "--figure shows the rows of the fit, and --no-keep-rows leaves them out; leave out "
                "one of them."
            )
    written = {"--out": request.out, "--figure": request.figure}
    expect_apart(written, [request.data], force=request.force)
    structure = structure_named(request.covariance)
    with in_words_of_options(n_components="--components"):
        spec = _spec(request.n_components, structure)
    default = "gibbs" if spec.infers_number else "nuts"
    engine = _engine(request.engine or default, request.options)
    table, known = read_rows(request.data, request.text_format, request.columns, request.known)
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
            labels=labels, order_by=request.order_by, keep_rows=request.keep_rows,
        )  # fmt: skip
    if request.data != PIPE:
        timing = read_timing(tree)
        assert timing is not None
        tree = with_timing(tree, replace(timing, table=request.data.name))
    keep(tree, request.out, request.figure, json=request.json)


def keep(
    tree: xr.DataTree, out: Path, picture: Path | None, *, json: bool, rows: str = "rows"
) -> None:
    """Write a fit and its plot, then show it; an interrupted one is written next to ``out``."""
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
    data: Path, text_format: TextFormat, columns: Sequence[str] | None, known: Known
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return numeric features, and weights, labels and names of the same rows."""
    asked = [*(columns or ()), *known.columns]
    source = source_of(data)
    table = read_table(source, None, text_format.with_names(asked))
    expect_columns(table, asked, str(source))
    features = table.drop(columns=known.columns) if columns is None else table[list(columns)]
    if known.weights in features:
        raise SpecificationError(
            f"{known.weights!r} holds the weights of rows (--weights), and cannot also be one of "
            "--columns; leave it out of one of them."
        )
    expect_numbers(features, text_format.decimal)
    if columns is None:
        _expect_no_row_numbers(features, str(source))
    if known.weights is not None:
        expect_weights(table[known.weights])
    return features, table[known.columns]


def _expect_no_row_numbers(features: pd.DataFrame, source: str) -> None:
    """Raise if an unselected column has no name, and warn if one numbers the rows."""
    nameless = [name for name in features if is_nameless(name)]
    if nameless:
        raise DataError(
            f"{source} has a column called {nameless[0]!r}, as pandas calls one without a name. "
            "Choose columns with --columns, or give it a name in the file."
        )
    for name in features if len(features) >= _LONG else ():
        numbers = np.arange(len(features)) + features[name].iloc[0]
        if numbers[0] in (0, 1) and np.array_equal(features[name], numbers):
            warn(
                f"Column {name!r} of {source} numbers the rows, but is used as a feature. If it "
                "is not a feature, choose others with --columns, or use it as row names with --id."
            )


def _expect_order(order_by: str, columns: Sequence[str]) -> None:
    if order_by != BY_WEIGHT and order_by not in columns:
        raise SpecificationError(
            f"--order-by is {BY_WEIGHT} or one of the columns {list(columns)}, not {order_by!r}."
        )


def _spec(n_components: str, structure: CovarianceStructure) -> bg.MixtureSpec:
    """Return the spec with a number of components, or one that is inferred."""
    if n_components.strip().lstrip("+-").isdigit():
        return bg.MixtureSpec(int(n_components), covariances=structure)
    if n_components != "auto":
        raise SpecificationError(
            f"--components must be a whole number, or auto to infer it, not {n_components!r}."
        )
    number, weights = unknown_number(n_components)
    if structure == bg.Full():
        structure = WIDTHS_INFERRED
    return bg.MixtureSpec(number, weights=weights, covariances=structure)


def _engine(name: str, options: Mapping[str, Any]) -> Any:
    given = {option: value for option, value in options.items() if value is not None}
    known = {item.name for item in fields(engine_named(name))}
    for option in given:
        if option not in known:
            raise SpecificationError(f"The engine {name} has no --{option}; leave it out.")
    with in_words_of_options(**{option: f"--{option}" for option in given}):
        return engine_named(name, **given)


def _with_missing(table: pd.DataFrame) -> pd.DataFrame:
    gaps = rows_with_gaps(table)
    if gaps:
        say(
            f"{gaps}; they enter the fit with their observed cells; --drop-missing drops them. "
            f"{missing_cells(table)}"
        )
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
        say(f"{gaps} and {plural(left_out, 'is', 'are')} left out. {missing_cells(table)}")
    return complete
