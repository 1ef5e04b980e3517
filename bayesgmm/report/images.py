"""Figures inside the page, with words for those who do not see them."""

from __future__ import annotations

from typing import Any

from bayesgmm.html import Content, Markup, element
from bayesgmm.plots.embedding import embedded


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
