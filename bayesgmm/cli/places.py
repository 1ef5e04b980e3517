"""Where results may go: known before the work begins, so that none is done for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain, count
from pathlib import Path

from bayesgmm.cli.tables import PIPE, expect_suffix
from bayesgmm.errors import SpecificationError
from bayesgmm.paths import expect_file_or_nothing, expect_folder_of
from bayesgmm.posterior.files.formats import FORMATS
from bayesgmm.posterior.files.whole import try_place
from bayesgmm.posterior.storage import expect_place

PICTURES = (".png", ".pdf", ".svg")


def expect_result(path: Path) -> None:
    """Raise if a fit could not be saved there."""
    expect_place(path)
    expect_writable(path)


def expect_table(path: Path, *, json: bool = False) -> None:
    """Raise if a table could not be written there; ``json`` says that standard output is taken."""
    expect_suffix(path)
    if path == PIPE and json:
        raise SpecificationError(
            "--json and --out - both write to standard output; name a file with --out."
        )
    if path != PIPE:
        _expect_file_place(path, "table.csv")


def expect_table_or_result(path: Path, *, json: bool = False) -> None:
    """Raise if a table could not be written there, netCDF and Zarr included."""
    if path.suffix.lower() in FORMATS:
        expect_result(path)
    else:
        expect_table(path, json=json)


def expect_picture(path: Path) -> None:
    """Raise if a picture could not be written there."""
    _expect_file_place(path, "fit.png")
    if path.suffix.lower() not in PICTURES:
        raise SpecificationError(
            f"The name of a picture must end in {', '.join(PICTURES)}, not {path.name!r}."
        )


def expect_apart(
    written: Mapping[str, Path | None], read: Iterable[Path | None], *, force: bool
) -> None:
    """Raise if a file would be written over one that is read, or over another.

    Or over one that is there, without ``force``. ``written`` has the option that names each file.
    """
    sources = [path for path in read if path is not None]
    taken: set[Path] = set()
    for option, path in written.items():
        if path is None or path == PIPE:
            continue
        for source in sources:
            if path.exists() and source.exists() and path.samefile(source):
                raise SpecificationError(
                    f"{path} is what is read and would be overwritten; name another file with "
                    f"{option}."
                )
        if path.resolve() in taken:
            raise SpecificationError(
                f"Two results cannot both be {path}; name another file with {option}."
            )
        taken.add(path.resolve())
        if not force:
            expect_new(path, option)


def expect_new(path: Path, option: str) -> None:
    """Raise if there is something already."""
    if path.exists() or path.is_symlink():
        raise SpecificationError(
            f"{path} is there already. Add --force to replace it, or name another with {option}."
        )


def partial_of(path: Path) -> Path:
    """Return where the result of an interrupted run goes: beside, never over another one."""
    names = chain([""], map("-{}".format, count(2)))
    places = (path.with_name(f"{path.stem}.partial{name}{path.suffix}") for name in names)
    return next(place for place in places if not place.exists())


def name_of_source(path: Path) -> str:
    """Return what files made from a table are called, without a suffix."""
    return "stdin" if path == PIPE else path.stem or "data"


def _expect_file_place(path: Path, example: str) -> None:
    expect_folder_of(path)
    expect_file_or_nothing(path, example)
    expect_writable(path)


def expect_writable(path: Path) -> None:
    """Raise if nothing can be written there, whatever permissions say."""
    try:
        try_place(path)
    except OSError as error:
        raise SpecificationError(
            f"{path} cannot be written: {error.strerror or error}. Name another place."
        ) from error
