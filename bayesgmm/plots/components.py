"""Means and standard deviations of the components, for each feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.plots.axes import SHEET, draw_interval, interval_entries, one_line_each, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.observed import choose
from bayesgmm.plots.palette import PALE, note_entries, put_legend
from bayesgmm.plots.text import PLAIN, wrapped
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 16
"""Maximum number of features: more panels are not legible."""

_ACROSS = 4  # features side by side
_ROWS = (("means", "mean"), ("scales", "standard deviation"))


def plot_components(
    tree: xr.DataTree,
    features: Sequence[str] | None = None,
    *,
    ci_prob: float = DEFAULT_PROBABILITY,
) -> Figure:
    """Draw the mean and the standard deviation of every component in every feature.

    A forest plot: one line for each component, with the interval of the given probability, the
    thicker 50% interval, and the mean; one panel for each feature, on its own scale.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    features : name or sequence of names, optional
        Which features to show, at most sixteen, in this order; by default all or, if there are
        more, the sixteen in which the components differ most, in the order of the table.
    ci_prob : float, default 0.89
        Posterior probability of the equal-tailed intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If more than sixteen features are requested, or ``ci_prob`` does not lie between 0
        and 1.
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_components(bg.example_fit(), ["bill_depth_mm"])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['mean', 'standard deviation']
    """
    tails = equal_tails(ci_prob)
    fit = named(Fit.with_draws(tree, "plot_components"))
    choice = choose(fit, features, MOST_FEATURES)
    chosen = choice.features
    stacked = fit.posterior.to_dataset().stack(sample=(CHAIN, DRAW))
    names = stacked[COMPONENT].values
    across = min(len(chosen), _ACROSS)
    blocks = -(-len(chosen) // across)
    height = 0.55 + 0.2 * max(len(names), 3)
    figure = Drawing(figsize=(max(6.0, 1.2 + 2.7 * across), 0.8 + 2 * blocks * height), **SHEET)
    grid = figure.add_gridspec(2 * blocks, across)
    for place, feature in enumerate(chosen):
        block, column = divmod(place, across)
        for row, (variable, label) in enumerate(_ROWS):
            axes = figure.add_subplot(grid[2 * block + row, column])
            draws = stacked[variable].sel({FEATURE: feature}).transpose(COMPONENT, "sample")
            _forest(axes, draws.values, names, tails, named=column == 0)
            axes.set_xlabel(label, fontsize=9)
            if row == 0:
                axes.set_title(wrapped(feature, 28), fontsize=10, **PLAIN)
    entries = interval_entries(interval_name(ci_prob))
    put_legend(figure, [*entries, *note_entries(choice.note)])
    return figure


def _forest(
    axes: Axes,
    draws: Float[np.ndarray, "k sample"],
    names: np.ndarray,
    tails: tuple[float, float],
    *,
    named: bool,
) -> None:
    for place, values in enumerate(draws):
        draw_interval(axes, place, values, tails)
        axes.axhline(place, color=PALE, linewidth=0.5, zorder=1)
    tidy(axes, across=5)
    one_line_each(axes, names, most=20)
    if named:
        axes.set_ylabel("component", fontsize=9)
    else:
        axes.tick_params(labelleft=False)
