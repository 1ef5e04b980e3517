"""The report on a fit as one HTML page: head, contents, summary, and sections."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import xarray as xr

from bayesgmm.digits import counted, plural, whole
from bayesgmm.errors import DataError, SpecificationError
from bayesgmm.files import as_path, expect_folder_of, expect_no_folder, replacing
from bayesgmm.html import Content, Markup, element, joined, listed
from bayesgmm.progress import waiting
from bayesgmm.report.material import CERTAINTY, Material
from bayesgmm.report.sections.checks import checks
from bayesgmm.report.sections.components import components
from bayesgmm.report.sections.density import density
from bayesgmm.report.sections.fitted import fitted, provenance
from bayesgmm.report.sections.number import number
from bayesgmm.report.sections.prior import prior
from bayesgmm.report.sections.rows import rows
from bayesgmm.report.sections.section import Section
from bayesgmm.report.sections.selection import expect_selection, selection
from bayesgmm.report.sections.verdict import banner, verdict
from bayesgmm.tree.fit import Fit

# The page may load embedded images only.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(material: Material, title: str) -> str:
    """Return the whole report as one HTML document."""
    sections = list(_sections(material))
    body = element(
        "body",
        element("a", "Skip the contents", class_="skip", href="#content"),
        _header(material, title),
        element("div", _contents(sections), _main(sections), class_="columns"),
    )
    html = element("html", _head(title), body, lang="en")
    return f"<!DOCTYPE html>\n{html}\n"


def default_title(material: Material) -> str:
    """Return a title that says what was fitted."""
    data = material.fit.data
    what = f"{counted(data.n_rows, 'row')}, {counted(data.n_features, 'feature')}"
    return f"{counted(material.fit.names.size, 'component')} in {what}"


def _sections(material: Material) -> Iterator[Section]:
    yield fitted(material)
    if material.whole.infers_number:
        yield number(material)
    if material.fit.knows_prior:
        yield prior(material)
    yield verdict(material)
    yield components(material)
    yield rows(material)
    yield density(material)
    yield checks(material)
    if material.selection is not None:
        yield selection(material)
    yield provenance(material)


def _head(title: str) -> Markup:
    style = (files("bayesgmm.report") / "style.css").read_text(encoding="utf-8")
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(style)),
    )


def _header(material: Material, title: str) -> Markup:
    return element(
        "header",
        element("p", "Gaussian mixture report", class_="kind"),
        element("h1", title),
        banner(material),
        listed(in_short(material)),
    )


def in_short(material: Material) -> Iterator[Content]:
    """Summarize the results in a few sentences."""
    data, k = material.fit.data, material.fit.names.size
    yield (
        f"{counted(k, 'component')} {plural(k, 'describes', 'describe')} "
        f"{counted(data.n_rows, 'row')} of {counted(data.n_features, 'feature')}."
    )
    if k > 1:
        expected = material.expected_rows
        most, least = int(expected.argmax()), int(expected.argmin())
        yield (
            f"The largest, {material.titles[most]}, takes {material.about(expected[most])}; "
            f"the smallest, {material.titles[least]}, {material.about(expected[least])}."
        )
        unsure = int(material.told_clusters["unsure"].sum())
        measured = " with a measured cell" if material.n_blank else ""
        yield (
            f"{whole(unsure)} of {counted(data.n_rows - material.n_blank, 'row')}{measured} "
            f"{plural(unsure, 'is', 'are')} placed with less than {CERTAINTY:.0%} certainty."
        )
    if not material.diagnosis.passed:
        yield (
            "The results below come from an approximation; intervals may be too narrow."
            if material.approximate
            else [
                element("a", "Read the findings", href="#verdict"),
                " before you use any result below: the draws have not converged.",
            ]
        )


def _contents(sections: Sequence[Section]) -> Markup:
    links = (element("li", element("a", s.title, href=f"#{s.name}")) for s in sections)
    return element("nav", element("h2", "Contents"), element("ol", *links), aria_label="Contents")


def _main(sections: Sequence[Section]) -> Markup:
    return element("main", joined(s.markup() for s in sections), id="content")


SUFFIXES = (".html", ".htm")


def write_report(
    tree: xr.DataTree,
    path: str | os.PathLike,
    *,
    selection: xr.Dataset | None = None,
    title: str | None = None,
    progress: bool = True,
) -> Path:
    """Write a report on a fit as one HTML page, for readers without knowledge of statistics.

    The page describes the data and the model, the prior, the reliability of the result, the
    components, the cluster assignments with their certainty, the fit of the model to the table,
    the selection of the number of components if given, and the provenance of the fit. It is a
    single file with embedded figures and without scripts. The write is atomic. The report contains
    no timestamp of its own, so it is reproducible.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    path : path
        Ending in ``.html``.
    selection : xarray.Dataset, optional
        Result of :func:`bayesgmm.select` for the same rows.
    title : str, optional
        Title of the report; by default the numbers of components, rows and features.
    progress : bool, default True
        Whether to show the elapsed time if it takes more than two seconds.

    Returns
    -------
    pathlib.Path
        The path of the file.

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
    fit.expect_rows()
    if title is not None and (not isinstance(title, str) or not title.strip()):
        raise SpecificationError(
            f"title must be a text, or None for the default title, not {title!r}."
        )
    path = expect_page(path)
    material = Material.of(fit, selection)
    expect_selection(selection, material.fit.data)
    with waiting("making the report", visible=progress):
        text = page(material, default_title(material) if title is None else title)
    _atomic_write(text, path)
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


def _atomic_write(text: str, path: Path) -> None:
    try:
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
