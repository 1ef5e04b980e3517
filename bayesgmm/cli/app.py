"""The commands and their options.

Heavy imports are delayed until a command runs, so that ``--help`` is fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesgmm import __version__
from bayesgmm.cli.messages import EXIT_CODES, Commands, clean_errors
from bayesgmm.cli.options import (
    Columns,
    Data,
    Decimal,
    Fit,
    Force,
    Header,
    Json,
    NewData,
    RowNames,
    Seed,
    Separator,
    Weights,
    names_or_none,
    text_format,
)
from bayesgmm.priors.catalog import structure_names

app = typer.Typer(
    name="bayesgmm",
    cls=Commands,
    help="Bayesian Gaussian mixture models, with uncertainty.",
    epilog=EXIT_CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    app(prog_name="bayesgmm")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bayesgmm {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=_show_version,
        ),
    ] = False,
) -> None:
    """Define the options of all commands: only the version."""


@app.command()
def demo(
    out_dir: Annotated[
        Path, typer.Option(help="Folder for penguins.nc and penguins.png.", file_okay=False)
    ] = Path(),
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)] = 1,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit three components to the Palmer penguins: a demo that takes half a minute.

    Files of a demo with the same seed are replaced; other files only with --force.
    """
    with clean_errors():
        from bayesgmm.cli.demo import run_demo

        run_demo(out_dir, seed, force=force, json=json)


@app.command()
def fit(
    data: Data,
    components: Annotated[
        str, typer.Option("--components", "-k", help="Number of components, or auto to infer it.")
    ],
    columns: Columns = None,
    covariance: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"Structure of the covariance matrices: {', '.join(structure_names())}.",
        ),
    ] = "full",
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="auto, nuts, gibbs: the posterior; laplace, advi: rough approximations; auto "
            "chooses by the table. By default nuts, or gibbs with --components auto.",
        ),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(help="Draws kept, from each chain; by default 1000 (nuts), 2000 (others)."),
    ] = None,
    tune: Annotated[
        int | None, typer.Option(help="Warm-up of each chain (nuts, gibbs); by default 500.")
    ] = None,
    chains: Annotated[
        int | None, typer.Option(help="Number of chains (nuts, gibbs); by default 4.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="mode|multi",
            help="Start chains at the best mode (default) or at several modes (nuts, gibbs).",
        ),
    ] = None,
    order_by: Annotated[
        str,
        typer.Option(
            help="Order components by weight, or by the mean of a column. Components that --labels "
            "identifies keep their names."
        ),
    ] = "weights",
    weights: Weights = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the known component of each row: the name of a component, or its "
            "number from 0. Empty cells are missing labels.",
        ),
    ] = None,
    names: RowNames = None,
    separator: Separator = None,
    decimal: Decimal = "point",
    header: Header = None,
    seed: Seed = None,
    drop_missing: Annotated[
        bool,
        typer.Option(
            "--drop-missing",
            help="Drop rows with missing cells; by default they enter the fit with their observed "
            "cells.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the fit, .nc or .zarr; by default DATA.nc in the current folder.",
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="File for a plot: .png, .pdf or .svg.")
    ] = None,
    keep_rows: Annotated[
        bool,
        typer.Option(
            " /--no-keep-rows",
            help="Keep draws alone, without the rows and their weights, labels and likelihoods.",
        ),
    ] = True,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit a mixture to columns of a table, save the posterior and show a summary.

    Ctrl-C keeps the finished draws in OUT.partial.nc, and leaves OUT unchanged.
    """
    with clean_errors():
        from bayesgmm.cli.fit import Known, Request, run_fit
        from bayesgmm.cli.results import name_of_source

        options = {"draws": draws, "tune": tune, "chains": chains, "init": init}
        run_fit(
            Request(
                data=data,
                text_format=text_format(separator, decimal, header),
                columns=names_or_none(columns, "--columns"),
                known=Known(weights, labels, names),
                n_components=components,
                covariance=covariance,
                engine=engine,
                options=options,
                order_by=order_by,
                seed=seed,
                drop_missing=drop_missing,
                out=Path(f"{name_of_source(data)}.nc") if out is None else out,
                figure=figure,
                keep_rows=keep_rows,
                force=force,
                json=json,
            )
        )


@app.command()
def select(
    data: Data,
    components: Annotated[
        str, typer.Option("--components", "-k", help="Numbers of components, such as 1-4,8.")
    ] = "1-9",
    columns: Columns = None,
    covariances: Annotated[
        str | None,
        typer.Option(help="Structures, such as full,tied; by default the six distinct ones."),
    ] = None,
    weights: Weights = None,
    seed: Seed = None,
    separator: Separator = None,
    decimal: Decimal = "point",
    header: Header = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the table, .nc, .zarr, .csv, .parquet or .arrow; by default "
            "DATA_selection.nc in the current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Fit a grid of numbers of components and structures, and compare by BIC, AIC, ICL, NEC.

    Ctrl-C keeps the finished fits in OUT.partial, and leaves OUT unchanged.
    """
    with clean_errors():
        from bayesgmm.cli.results import name_of_source
        from bayesgmm.cli.select import Request, run_select

        run_select(
            Request(
                data=data,
                text_format=text_format(separator, decimal, header),
                columns=names_or_none(columns, "--columns"),
                weights=weights,
                n_components=components,
                covariances=names_or_none(covariances, "--covariances"),
                seed=seed,
                out=Path(f"{name_of_source(data)}_selection.nc") if out is None else out,
                force=force,
                json=json,
            )
        )


@app.command()
def diagnose(fit: Fit, json: Json = False) -> None:
    """Check the convergence of a fit; the exit code is 1 if there are serious problems."""
    with clean_errors():
        from bayesgmm.cli.diagnose import run_diagnose

        run_diagnose(fit, json=json)


@app.command()
def cluster(
    fit: Fit,
    data: NewData = None,
    names: RowNames = None,
    certainty: Annotated[
        float, typer.Option(help="Rows assigned with a lower probability are uncertain.")
    ] = 0.9,
    ci_prob: Annotated[
        float, typer.Option(help="Probability of the credible intervals that define core rows.")
    ] = 0.89,
    separator: Separator = None,
    decimal: Decimal = "point",
    header: Header = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the table; - for standard output; by default FIT_clusters.csv in the "
            "current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Assign rows to components: one line per row, with its certainty and responsibilities.

    The columns of DATA come first, unchanged.
    """
    with clean_errors():
        from bayesgmm.cli.cluster import Request, run_cluster

        out = Path(f"{fit.stem}_clusters.csv") if out is None else out
        run_cluster(
            Request(
                fit=fit,
                data=data,
                text_format=text_format(separator, decimal, header),
                names=names,
                certainty=certainty,
                ci_prob=ci_prob,
                out=out,
                force=force,
                json=json,
            )
        )


@app.command()
def generate(
    fit: Fit,
    n_rows: Annotated[int, typer.Option("--n-rows", "-n", help="Number of rows.")],
    components: Annotated[
        str | None, typer.Option(help="Rows of these components only, such as 0,2.")
    ] = None,
    uncertainty: Annotated[
        str,
        typer.Option(
            metavar="posterior|point", help="Generate from all draws, or from the point estimate."
        ),
    ] = "posterior",
    seed: Seed = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the table; - for standard output; by default FIT_new.csv in the "
            "current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write new rows, drawn from a fit, with the component of each."""
    with clean_errors():
        from bayesgmm.cli.generate import Request, run_generate

        chosen = names_or_none(components, "--components")
        out = Path(f"{fit.stem}_new.csv") if out is None else out
        run_generate(Request(fit, n_rows, chosen, uncertainty, seed, out, force, json))


@app.command()
def impute(
    fit: Fit,
    data: NewData = None,
    imputations: Annotated[
        int | None,
        typer.Option(help="Also write this many imputations, next to the completed table.", min=1),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the imputations; by default that of the fit.", min=0)
    ] = None,
    separator: Separator = None,
    decimal: Decimal = "point",
    header: Header = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File for the completed table; - for standard output; by default "
            "FIT_completed.csv in the current folder.",
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Impute the empty cells of a table by posterior means, or by multiple imputation."""
    with clean_errors():
        from bayesgmm.cli.impute import Request, run_impute

        out = Path(f"{fit.stem}_completed.csv") if out is None else out
        written = text_format(separator, decimal, header)
        run_impute(Request(fit, data, written, out, imputations, seed, force, json))


@app.command()
def report(
    fit: Fit,
    selection: Annotated[
        Path | None,
        typer.Option(help="Table written by the command select, .nc or .zarr, to include."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File for the report; by default FIT.html in the current folder."
        ),
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write a report on a fit as one offline HTML page."""
    with clean_errors():
        from bayesgmm.cli.report import Request, run_report

        page = Path(f"{fit.stem}.html") if out is None else out
        run_report(Request(fit, page, selection, title, force, json))


@app.command()
def cache(
    clear: Annotated[
        bool,
        typer.Option("--clear", help="Remove compiled code; it is compiled again when needed."),
    ] = False,
    json: Json = False,
) -> None:
    """Show where compiled code is cached, and its size."""
    with clean_errors():
        from bayesgmm.cli.cache import run_cache

        run_cache(clear=clear, json=json)
