"""What every section of the page is.

Figures inside the page, with words for those who do not see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bayesgmm.digits import whole
from bayesgmm.html import Content, Markup, element, joined, paragraph
from bayesgmm.plots.figure import embedded


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading.

    Attributes
    ----------
    name : str
        Its address within the page.
    title : str
    body : tuple of Markup
    """

    name: str
    title: str
    body: tuple[Content, ...]

    def markup(self) -> Markup:
        """Return it as a piece of the page."""
        heading = element("h2", self.title, id=f"{self.name}-title")
        return element(
            "section", heading, joined(self.body), id=self.name,
            aria_labelledby=f"{self.name}-title",
        )  # fmt: skip


def shortened[Item](
    items: Sequence[Item], most: int, *, what: str, rest: str
) -> tuple[Sequence[Item], Markup]:
    """Return the first of many items, and a sentence on what was left out, empty if nothing was.

    Parameters
    ----------
    items : sequence
    most : int
        How many the page has room for.
    what : str
        What they are, in the plural.
    rest : str
        Where the others can be had.
    """
    if len(items) <= most:
        return items, Markup("")
    told = f"The first {whole(most)} of {whole(len(items))} {what} are shown; all are in {rest}."
    return items[:most], paragraph(told)


def image(figure: Any, *, alternative: str, caption: Content) -> Markup:
    """Return a figure of the page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or arviz_plots.PlotCollection
    alternative : str
        What the figure shows, for those who cannot see it.
    caption : str or Markup
        How to read it.
    """
    picture = embedded(figure)
    shown = element(
        "img", src=picture.address, alt=alternative, width=picture.width, height=picture.height
    )
    # Where the page is too narrow for what is written in it, a figure scrolls by itself.
    frame = element("div", shown, class_="frame", role="group", tabindex=0, aria_label="Figure")
    return element("figure", frame, element("figcaption", caption))
