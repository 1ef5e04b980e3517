"""The command ``diagnose``: the convergence of a fit, and an exit code."""

from __future__ import annotations

from pathlib import Path

import typer

import bayesgmm as bg
from bayesgmm.cli.messages import VERDICT, in_options
from bayesgmm.cli.results import load_fit, print_json, say, verdict_in_json
from bayesgmm.progress import waiting


def run_diagnose(fit: Path, *, json: bool) -> None:
    """Show the diagnosis; exit with 1 if there are serious problems."""
    tree = load_fit(fit)
    with waiting("diagnosing"):
        diagnosis = bg.diagnose(tree)
    say("\n".join(map(in_options, str(diagnosis).split("\n"))))
    if json:
        print_json({"fit": str(fit), **verdict_in_json(diagnosis)})
    if not diagnosis.passed:
        raise typer.Exit(VERDICT)
