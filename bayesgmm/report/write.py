"""A fit as one page that opens in any browser."""

from __future__ import annotations

import os
from pathlib import Path

import xarray as xr

from bayesgmm.engines.progress import waiting
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.paths import as_path, expect_folder_of, expect_no_folder
from bayesgmm.posterior.files.whole import replacing
from bayesgmm.posterior.fit import Fit
from bayesgmm.report.material import Material
from bayesgmm.report.page import default_title, page
from bayesgmm.report.sections.selection import expect_selection

SUFFIXES = (".html", ".htm")


def write_report(
    tree: xr.DataTree,
    path: str | os.PathLike,
    *,
    selection: xr.Dataset | None = None,
    title: str | None = None,
    progress: bool = True,
) -> Path:
    """Write what a fit says as one page, for people who know no statistics.

    The page says what was fitted to what, what was assumed before, whether the result can be
    trusted, what the components are, which rows belong where and how surely, whether the model
    fits the table, how many components there should be if that was asked, and where all of it
    comes from. It is one file without scripts that loads nothing: figures are inside. A file that
    is there already is replaced only by a complete one, and the same tree gives the same page.

    Parameters
    ----------
    tree : xarray.DataTree
        What :func:`bayesgmm.fit` returned.
    path : path
        Ending in ``.html``.
    selection : xarray.Dataset, optional
        What :func:`bayesgmm.select` returned for the same rows.
    title : str, optional
        Heading of the page; by default it counts components, rows and features.
    progress : bool, default True
        Whether to show the time that has passed where it takes more than two seconds.

    Returns
    -------
    pathlib.Path
        Where it was written.

    Raises
    ------
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.
    SpecificationError
        If the name does not end in ``.html`` or ``.htm``, ``selection`` is not a result of
        ``select`` for the same rows, or ``title`` is not a text.
    DataError
        If there is no such folder, the path is one, or nothing can be written there.

    Examples
    --------
    >>> import bayesgmm as bg, tempfile
    >>> waiting = bg.datasets.load("faithful")["waiting"]
    >>> tree = bg.fit(waiting, bg.MixtureSpec(2), engine="laplace", random_seed=1, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = bg.write_report(tree, folder + "/geyser.html", progress=False)
    ...     path.read_text(encoding="utf-8")[:15]
    '<!DOCTYPE html>'
    """
    fit = Fit.with_draws(tree, "write_report")
    fit.expect_fitted()
    if title is not None and (not isinstance(title, str) or not title.strip()):
        raise SpecificationError(
            f"title must be a text, or None for a title made up, not {title!r}."
        )
    path = expect_page(path)
    material = Material(fit, selection)
    expect_selection(selection, material.fit.data)
    with waiting("making the report", visible=progress):
        text = page(material, default_title(material) if title is None else title)
    _write_whole(text, path)
    return path


def expect_page(path: str | os.PathLike) -> Path:
    """Return the path, if a page can be written there."""
    path = as_path(path)
    expect_no_folder(path, "fit.html")
    if path.suffix.lower() not in SUFFIXES:
        raise SpecificationError(
            f"The name of a report must end in {' or '.join(SUFFIXES)}, not {path.name!r}."
        )
    expect_folder_of(path)
    return path


def _write_whole(text: str, path: Path) -> None:
    try:
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
