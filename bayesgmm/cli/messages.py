"""Error messages of the command line: one line, an exit code, no traceback."""

from __future__ import annotations

import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import typer
from typer.core import TyperGroup

from bayesgmm.errors import BayesGMMError, BayesGMMWarning, ConvergenceWarning
from bayesgmm.numerics.interrupts import interrupts
from bayesgmm.priors.catalog import typed

VERDICT, FAILURE, INTERRUPTED = 1, 2, 130

EXIT_CODES = (
    "Results are written to files, messages to standard error, and with --json one JSON object to "
    "standard output. Exit codes: 0 success; 1 diagnose found serious problems; 2 error; 130 "
    "interrupted with Ctrl-C. Files are written atomically, and existing files are replaced only "
    "with --force."
)

_TRACEBACK = "BAYESGMM_TRACEBACK"
"""The environment variable that enables tracebacks of bugs."""

_REMEDIES = {
    errno.ENOSPC: "free some space, or write elsewhere with --out",
    errno.EFBIG: "files may not become that large here; write elsewhere with --out",
    errno.EACCES: "change its permissions, or write elsewhere with --out",
    errno.EPERM: "change its permissions, or write elsewhere with --out",
    errno.EROFS: "write elsewhere with --out",
}


class Commands(TyperGroup):
    """The commands, with one-line errors for invalid options."""

    def get_params(self, context: Any) -> list:
        """Return the options, those without a value shown as such."""
        return _flags_bare(super().get_params(context))

    def get_command(self, context: Any, name: str) -> Any:
        """Return a command, whose options are shown in the same way."""
        command = super().get_command(context, name)
        if command is not None:
            _flags_bare(command.get_params(context))
        return command

    def main(self, *arguments: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run, and exit."""
        try:
            command: Any = super()
            code = command.main(*arguments, standalone_mode=False, **options)
        except Exception as error:
            # Typer has exceptions of its own or click's, depending on its version.
            if not hasattr(error, "format_message"):
                raise
            if type(error).__name__ == "NoArgsIsHelpError" and hasattr(error, "show"):
                error.show()
            else:
                _say(f"Error: {_plain(error.format_message())} {_where_to_read(error)}")
            code = FAILURE
        sys.exit(code if isinstance(code, int) else 0)


def _flags_bare(params: list) -> list:
    """Hide the type that Typer shows in the help of options without a value."""
    for param in params:
        if getattr(param, "is_flag", False):
            param.metavar = ""
    return params


@contextmanager
def clean_errors() -> Iterator[None]:
    """Run a command: messages go to standard error, errors become one line and an exit code.

    Warnings of the package become one line, too. ``BAYESGMM_TRACEBACK=1`` in the environment shows
    the traceback of bugs.
    """
    try:
        with _words_on_standard_error(), _clean_warnings(), interrupts():
            yield
    except BayesGMMError as error:
        raise _failed(" ".join([str(error), *getattr(error, "__notes__", [])])) from error
    except KeyboardInterrupt as error:
        _say("Interrupted. No file was left partly written.")
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError as error:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from error
    except OSError as error:
        raise _failed(_of_system(error)) from error
    except MemoryError as error:
        raise _failed("Out of memory; use fewer rows, columns, components or draws.") from error
    except typer.Exit:
        raise
    except Exception as error:
        if os.environ.get(_TRACEBACK):
            traceback.print_exc()
        raise _failed(
            f"{type(error).__name__}: {error}. This is a bug in bayesgmm; please "
            f"report it with the traceback that {_TRACEBACK}=1 in the environment shows."
        ) from error


@contextmanager
def in_words_of_options(**words: str) -> Iterator[None]:
    """Replace names of arguments by names of options in error messages.

    ``words`` maps names of arguments to options.
    """
    try:
        yield
    except BayesGMMError as error:
        message = str(error)
        for argument, option in words.items():
            message = re.sub(rf"\b{argument}\b", option.replace("\\", r"\\"), message)
        error.args = (message[:1].upper() + message[1:],)
        raise


_OPTIONS = (
    (r'(?:NUTS\()?init="multi"\)?', "--init multi"),
    (r"\b(NUTS|Gibbs)\(draws=(\d+)\)", lambda found: _with_draws(found[1], found[2])),
    (r"\b(NUTS|Gibbs)\(\)", lambda found: f"--engine {typed(found[1])}"),
    (r"covariances=(\w+)\(\)", lambda found: f"--covariance {typed(found[1])}"),
    (r"\bchains=(\d+)", r"--chains \1"),
)
"""Python expressions, and the equivalent options of the command line."""

_ONLY_PYTHON = re.compile(
    r"target_accept|solver=|tree[.\[]|scales=|correlations=|degrees_of_freedom"
)


def in_options(words: str) -> str:
    """Translate the remedy of a finding to options, and note remedies without an option.

    Examples
    --------
    >>> from bayesgmm.cli.messages import in_options
    >>> in_options("Sample longer, with NUTS(draws=3000).")
    'Sample longer, with --engine nuts --draws 3000.'
    >>> in_options("Raise target_accept to 0.95.")
    'Raise target_accept to 0.95. (Available in Python only.)'
    """
    for pattern, option in _OPTIONS:
        words = re.sub(pattern, option, words)
    if _ONLY_PYTHON.search(words):
        words += " (Available in Python only.)"
    return words


def _with_draws(engine: str, draws: str) -> str:
    return f"--engine {typed(engine)} --draws {draws}"


@contextmanager
def without_verdicts() -> Iterator[None]:
    """Suppress warnings of verdicts that are shown anyway."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _failed(message: str) -> typer.Exit:
    _say(f"Error: {message}")
    return typer.Exit(FAILURE)


def _say(message: str) -> None:
    typer.echo(" ".join(message.split()), err=True)


def _of_system(error: OSError) -> str:
    """Return a message on an operating system error, with a remedy."""
    what = error.strerror or str(error)
    place = f"{error.filename}: " if error.filename else ""
    remedy = _REMEDIES.get(error.errno or 0, "check the name, or write elsewhere with --out")
    return f"{place}{what}; {remedy}. Existing files are unchanged."


_OF_LIBRARIES = (
    (r"Input should be greater than or equal to (\S+)", r"at least \1 is needed."),
    (r"\S+ is not in the range x>=(\S+?)\.?$", r"at least \1 is needed."),
    (r"Input should be a valid integer.*", "a whole number is needed."),
    (r"Input should be a valid number.*", "a number is needed."),
    (r"Value error, ", ""),
)
"""Messages of Typer, Click and Pydantic on invalid values, and their replacements."""


def _plain(message: str) -> str:
    for theirs, ours in _OF_LIBRARIES:
        message = re.sub(theirs, ours, message)
    return message


def _where_to_read(error: Any) -> str:
    context = getattr(error, "ctx", None)
    return f"See {context.command_path} --help." if context is not None else ""


@contextmanager
def _words_on_standard_error() -> Iterator[None]:
    """Write messages and progress bars to standard error; standard output is for results."""
    from rich import get_console

    console = get_console()
    before, console.stderr = console.stderr, True
    try:
        yield
    finally:
        console.stderr = before


@contextmanager
def _clean_warnings() -> Iterator[None]:
    """Show warnings of the package without the line of code that they come from."""
    with warnings.catch_warnings():
        show_others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, BayesGMMWarning):
                _say(f"Warning: {message}")
            else:
                show_others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield
