"""Where rows are likely to lie."""

from __future__ import annotations

from collections.abc import Iterator

from bayesgmm.analysis.summarize import discriminating_features
from bayesgmm.html import Markup, paragraph
from bayesgmm.plots.density import plot_density
from bayesgmm.report.material import INTERVAL, Material
from bayesgmm.report.sections.section import Section, image
from bayesgmm.report.words import in_a_row

_MOST_PANELS = 8


def density(material: Material) -> Section:
    """Return the section on the density of the rows."""
    text = paragraph(
        "The density shows where the next row is likely to lie, whatever component it comes from. "
        "It does not depend on the labels of components, so it is often well determined even "
        "where single components are not."
    )
    return Section("density", "The density", (text, *_pictures(material)))


def _pictures(material: Material) -> Iterator[Markup]:
    # Two features make one picture of both; one each is shown for any other number.
    if len(material.fit.feature_names) != 2:
        yield _curves(material)
    if len(material.fit.feature_names) > 1:
        yield _contours(material)


def _curves(material: Material) -> Markup:
    chosen = discriminating_features(material.fit, _MOST_PANELS)
    return image(
        plot_density(material.fit, chosen),
        alternative=f"The density of {in_a_row(chosen)}, with its band, over a histogram of rows.",
        caption=(
            f"The line is the density, with a pointwise {INTERVAL} band: where the band is wide, "
            "the density is uncertain. Bars and ticks are rows."
            f"{material.leaving_out(chosen)}"
        ),
    )


def _contours(material: Material) -> Markup:
    chosen = discriminating_features(material.fit, 2)
    return image(
        plot_density(material.fit, chosen),
        alternative=f"Contours of the density of {in_a_row(chosen)}, over the rows.",
        caption=(
            f"The joint density of {in_a_row(chosen)}. Each line encloses the smallest region "
            "that holds the stated proportion of the predictive probability."
            f"{material.leaving_out(chosen)}"
        ),
    )
