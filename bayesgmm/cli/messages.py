"""What goes wrong on the command line: one clean message, exit code 2, never a traceback."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from bayesgmm.errors import BayesGMMError, BayesGMMWarning

EXIT_CODE = 2


@contextmanager
def clean_errors() -> Iterator[None]:
    """Turn an error that the package raised on purpose into a message and an exit code.

    Its warnings become messages, too. Any other error is a mistake of ours, and keeps its
    traceback.
    """
    try:
        with _clean_warnings():
            yield
    except BayesGMMError as error:
        typer.echo("\n".join([f"Error: {error}", *getattr(error, "__notes__", [])]), err=True)
        raise typer.Exit(EXIT_CODE) from error


@contextmanager
def _clean_warnings() -> Iterator[None]:
    """Show warnings of the package without the line of code that they come from."""
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
            if issubclass(category, BayesGMMWarning):
                typer.echo(f"Warning: {message}", err=True)
            else:
                show_others(message, category, *place)

        warnings.showwarning = show
        yield
