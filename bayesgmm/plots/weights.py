"""Posterior of the weights of the components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.plots.axes import SHEET, draw_interval, interval_entries, one_line_each, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import component_style, put_legend
from bayesgmm.plots.text import PLAIN
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import CHAIN, COMPONENT, DRAW
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BINS = 40  # of the histogram of draws above each interval
_HEIGHT = 0.55


def plot_weights(tree: xr.DataTree, *, ci_prob: float = DEFAULT_PROBABILITY) -> Figure:
    """Draw the posterior of the weight of every component.

    One line for each component: the distribution of its weight over the draws, the interval of
    the given probability, the thicker 50% interval, and the mean, also as numbers.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    ci_prob : float, default 0.89
        Posterior probability of the equal-tailed intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    SpecificationError
        If ``ci_prob`` does not lie between 0 and 1.
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_weights(bg.example_fit())
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['0', '1', '2']
    """
    tails = equal_tails(ci_prob)
    fit = named(Fit.with_draws(tree, "plot_weights"))
    weights = fit.posterior["weights"].stack(sample=(CHAIN, DRAW)).transpose(COMPONENT, ...)
    names, draws = weights[COMPONENT].values, weights.values
    figure = Drawing(figsize=(7.0, 1.4 + 0.42 * len(names)), **SHEET)
    axes = figure.add_subplot()
    for place, values in enumerate(draws):
        _posterior_curve(axes, place, values)
        draw_interval(axes, place, values, tails)
        _numbers(axes, place, values, tails)
    one_line_each(axes, names, gap=0.75)
    # The symbol of a weight near one needs room beyond it.
    axes.set_xlim(0, min(1.02, 1.06 * np.quantile(draws, 0.9995)))
    _tidy_across(axes)
    axes.set_xlabel("weight")
    axes.set_ylabel("component")
    put_legend(figure, interval_entries(interval_name(ci_prob)))
    return figure


def _tidy_across(axes: Axes) -> None:
    """Tidy an axes whose lines have names."""
    ticks, labels = axes.get_yticks(), [label.get_text() for label in axes.get_yticklabels()]
    tidy(axes, across=8)
    axes.set_yticks(ticks, labels, **PLAIN)
    axes.tick_params(axis="y", length=0)


def _posterior_curve(axes: Axes, place: int, values: np.ndarray) -> None:
    """Draw the histogram of the draws above the line of the component."""
    if np.ptp(values) < 1e-9:  # one component always has the weight 1
        return
    counts, edges = np.histogram(values, bins=_BINS)
    heights = place - 0.08 - _HEIGHT * counts / counts.max()
    style = component_style(place)
    axes.stairs(heights, edges, baseline=place - 0.08, fill=True, color=style.color, alpha=0.35)


def _numbers(axes: Axes, place: int, values: np.ndarray, tails: tuple[float, float]) -> None:
    """Write the mean and the interval beside the axes."""
    lower, upper = np.quantile(values, tails)
    text = f"{values.mean():.2f}  [{lower:.2f}, {upper:.2f}]"
    axes.annotate(
        text, (1.0, place), xycoords=("axes fraction", "data"), xytext=(6, 0),
        textcoords="offset points", va="center", fontsize=8.5, annotation_clip=False,
    )  # fmt: skip
