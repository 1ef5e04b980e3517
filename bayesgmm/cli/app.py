"""What a shell user types.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bayesgmm import __version__
from bayesgmm.cli.messages import clean_errors

app = typer.Typer(
    help="Gaussian mixture models that say how sure they are.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class EngineName(StrEnum):
    """The engines that can be asked for."""

    NUTS = "nuts"
    GIBBS = "gibbs"
    LAPLACE = "laplace"
    ADVI = "advi"


class CovarianceName(StrEnum):
    """The covariance structures that can be asked for; see the classes of these names."""

    FULL = "full"
    TIED = "tied"
    DIAGONAL = "diagonal"
    SPHERICAL = "spherical"
    TIED_DIAGONAL = "tied-diagonal"
    TIED_SPHERICAL = "tied-spherical"
    INVERSE_WISHART = "inverse-wishart"
    TIED_INVERSE_WISHART = "tied-inverse-wishart"


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
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """Say what all commands have in common: nothing but the version."""


@app.command()
def demo(
    out_dir: Annotated[
        Path, typer.Option(help="Folder for penguins.nc and penguins.png.", file_okay=False)
    ] = Path(),
    seed: Annotated[int, typer.Option(help="The same seed gives the same result.", min=0)] = 1,
) -> None:
    """Fit three components to the Palmer penguins: a tour that takes half a minute."""
    with clean_errors():
        from bayesgmm.cli.demo import run_demo

        run_demo(out_dir, seed)


@app.command()
def fit(
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="Names in the first line.")],
    components: Annotated[int, typer.Option("--components", "-k", help="Number of components.")],
    columns: Annotated[
        str | None, typer.Option(help="Columns to use, such as a,b; all by default.")
    ] = None,
    covariance: Annotated[
        CovarianceName, typer.Option(help="Structure of the covariance matrices.")
    ] = CovarianceName.FULL,
    engine: Annotated[
        EngineName,
        typer.Option(help="nuts, gibbs: the posterior; laplace, advi: rough approximations."),
    ] = EngineName.NUTS,
    draws: Annotated[int | None, typer.Option(help="Draws kept, from each chain.")] = None,
    tune: Annotated[int | None, typer.Option(help="Warm-up of each chain (nuts, gibbs).")] = None,
    chains: Annotated[int | None, typer.Option(help="Number of chains (nuts, gibbs).")] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same result.", min=0)
    ] = None,
    drop_missing: Annotated[
        bool,
        typer.Option("--drop-missing", help="Leave out rows with missing cells; they count else."),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the fit; by default DATA.nc, in this folder.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(help="File for a picture: .png, .pdf or .svg.")
    ] = None,
) -> None:
    """Fit a mixture to columns of a CSV file, show the result and keep it."""
    with clean_errors():
        from bayesgmm.cli.fit import Request, run_fit

        run_fit(
            Request(
                data=data,
                columns=None if columns is None else _names(columns),
                n_components=components,
                covariance=covariance.value,
                engine=engine.value,
                options={"draws": draws, "tune": tune, "chains": chains},
                seed=seed,
                drop_missing=drop_missing,
                out=Path(f"{data.stem}.nc") if out is None else out,
                figure=figure,
            )
        )


@app.command()
def impute(
    fit: Annotated[Path, typer.Argument(metavar="FIT.nc", help="A fit, as the command fit keeps.")],
    out: Annotated[Path, typer.Option(help="File for the completed table, a CSV file.")],
    data: Annotated[
        Path | None,
        typer.Argument(metavar="[DATA.csv]", help="Rows to fill in; those of the fit by default."),
    ] = None,
    imputations: Annotated[
        int | None,
        typer.Option(help="Write so many imputations, too, beside the completed table.", min=1),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the imputations; that of the fit by default.", min=0)
    ] = None,
) -> None:
    """Fill in the empty cells of a CSV file with posterior means, or by multiple imputation."""
    with clean_errors():
        from bayesgmm.cli.impute import Request, run_impute

        run_impute(Request(fit, data, out, imputations, seed))


@app.command()
def report(
    fit: Annotated[Path, typer.Argument(metavar="FIT.nc", help="A fit, as the command fit keeps.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File for the page; by default FIT.html, in this folder."),
    ] = None,
    selection: Annotated[
        Path | None,
        typer.Option(help="Fits of other numbers of components, a table of bayesgmm.select (.nc)."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Heading of the page.")] = None,
) -> None:
    """Write what a fit says as one page that any browser opens, without a network."""
    with clean_errors():
        from bayesgmm.cli.report import Request, run_report

        page = Path(f"{fit.stem}.html") if out is None else out
        run_report(Request(fit, page, selection, title))


def _names(listed: str) -> list[str]:
    from bayesgmm.errors import SpecificationError

    names = [name.strip() for name in listed.split(",")]
    if not all(names):
        raise SpecificationError(
            f"--columns takes names separated by commas, such as a,b; one is empty in {listed!r}."
        )
    return names
