"""Plots of results of ``analysis``; only geometry is computed here.

All functions have the same signature: the tree first, then features if a plot has any, and
options by keyword. Features are a name or a list of names, all by default.

    figure = bg.plot_density(tree, ["height", "width"], shares=(0.5, 0.9))
    figure.savefig("density.png")

They return a Matplotlib figure that notebooks show once, when a cell returns it, and that is not
registered with pyplot. Two are ArviZ's own, ``plot_traces`` and ``plot_ranks``, and return its
``PlotCollection``. ``plot_selection`` takes the table of :func:`bayesgmm.select` instead of a tree.
``bg.Plots(tree)`` has all of them as methods.

A component has one color, one symbol and one line style in all figures (``palette.py``), so that
they can be read in black and white. Names are shown literally: ``$`` is not TeX.
"""

import logging


def _says_more_than_font_cache(record: logging.LogRecord) -> bool:
    return "font cache" not in record.getMessage()


# On first use, Matplotlib logs that it builds its font cache. The filter has
# to be there before matplotlib.font_manager is imported, hence here.
logging.getLogger("matplotlib.font_manager").addFilter(_says_more_than_font_cache)
