"""The page as a whole: head, contents, a summary, and the sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from bayesgmm.digits import counted, plural, whole
from bayesgmm.html import Content, Markup, element, joined, listed
from bayesgmm.report.material import CERTAINTY, Material
from bayesgmm.report.sections.checks import checks
from bayesgmm.report.sections.components import components
from bayesgmm.report.sections.density import density
from bayesgmm.report.sections.fitted import fitted
from bayesgmm.report.sections.prior import prior
from bayesgmm.report.sections.provenance import provenance
from bayesgmm.report.sections.rows import rows
from bayesgmm.report.sections.section import Section
from bayesgmm.report.sections.selection import selection
from bayesgmm.report.sections.verdict import banner, verdict

# What the page may load: images inside itself, and nothing else from anywhere.
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
    """Say in a few sentences what the reader came for."""
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
            "The numbers below come from an approximation; intervals may be too narrow."
            if material.approximate
            else [
                element("a", "Read the findings", href="#verdict"),
                " before you use any number below: the draws do not support them.",
            ]
        )


def _contents(sections: Sequence[Section]) -> Markup:
    links = (element("li", element("a", s.title, href=f"#{s.name}")) for s in sections)
    return element("nav", element("h2", "Contents"), element("ol", *links), aria_label="Contents")


def _main(sections: Sequence[Section]) -> Markup:
    return element("main", joined(s.markup() for s in sections), id="content")
