"""Errors on the command line: one clean message, exit code 2, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bayesgmm.errors import BayesGMMError

EXIT_CODE = 2


@contextmanager
def clean_errors() -> Iterator[None]:
    """Turn an error that the package raised on purpose into a message and an exit code.

    Any other error is a mistake of ours, and keeps its traceback.
    """
    try:
        yield
    except BayesGMMError as error:
        typer.echo("\n".join([f"Error: {error}", *getattr(error, "__notes__", [])]), err=True)
        raise typer.Exit(EXIT_CODE) from error
