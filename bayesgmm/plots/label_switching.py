"""The effect of relabeling: traces of a quantity before and after it, for each chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from bayesgmm.errors import DataError
from bayesgmm.options import expect_whole_number
from bayesgmm.plots.axes import SHEET, SMALL, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import component_entry, component_style, put_legend
from bayesgmm.plots.text import PLAIN, component_labels, short_names, spread_out, wrapped
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.posterior.relabel.permute import undo_relabeling
from bayesgmm.schema import CHAIN, COMPONENT, DRAW, FEATURE
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKS = 6  # symbols on each trace


def plot_label_switching(
    tree: xr.DataTree,
    feature: str | None = None,
    *,
    max_draws: int = 400,
    max_chains: int = 8,
) -> Figure:
    """Draw traces of all components before and after relabeling, side by side.

    On the left components have the numbers from the engine, on the right the labels after
    relabeling. If colors switch on the left but not on the right, labels switched and relabeling
    corrected it.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    feature : name, optional
        Show the means of this feature; the weights by default.
    max_draws : int, default 400
        Approximate number of draws of each chain to show, thinned evenly.
    max_chains : int, default 8
        Maximum number of chains to show.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If ``max_draws`` or ``max_chains`` is not a positive whole number.
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_label_switching(bg.example_fit())
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['before relabeling', 'after relabeling']
    """
    expect_whole_number("max_draws", max_draws)
    expect_whole_number("max_chains", max_chains)
    fit = named(Fit.with_draws(tree, "plot_label_switching"))
    known = fit.feature_names
    if feature is not None and feature not in known:
        raise DataError(f"feature must be one of {list(known)}, not {feature!r}.")
    before, after = (
        _traces(Fit.of(each), feature, max_draws) for each in (undo_relabeling(fit), fit)
    )
    chains = after[CHAIN].values[:max_chains]
    height = max(1.55, 0.14 * after.sizes[COMPONENT], 3.0 / len(chains))
    figure = Drawing(figsize=(9.4, 1.3 + height * len(chains)), **SHEET)
    panels = figure.subplots(len(chains), 2, sharex=True, sharey=True, squeeze=False)
    for (left, right), chain in zip(panels, chains, strict=True):
        _draw(left, before.sel({CHAIN: chain}))
        _draw(right, after.sel({CHAIN: chain}))
        left.set_ylabel(f"chain {chain}")
        _name_ends(right, after.sel({CHAIN: chain}), height)
    panels[0, 0].set_title("before relabeling", fontsize=10)
    panels[0, 1].set_title("after relabeling", fontsize=10)
    for axes in panels[-1]:
        axes.set_xlabel("draw")
    name = "weight" if feature is None else f"mean of {feature}"
    figure.supylabel(wrapped(name, 60), fontsize=10, **PLAIN)
    names = after[COMPONENT].values
    put_legend(
        figure, [component_entry(place, each) for place, each in enumerate(component_labels(names))]
    )
    return figure


def _traces(fit: Fit, feature: str | None, n_draws: int) -> xr.DataArray:
    posterior = fit.thinned(n_draws * fit.posterior.sizes[CHAIN])
    chosen = posterior["weights"] if feature is None else posterior["means"].sel({FEATURE: feature})
    return chosen.transpose(CHAIN, COMPONENT, DRAW)


def _name_ends(axes: Axes, traces: xr.DataArray, height: float) -> None:
    """Write the names of the components beside their traces, at their means."""
    low, high = axes.get_ylim()
    gap = 0.13 * (high - low) / height
    names = short_names(traces[COMPONENT].values, 12)
    ends = spread_out(traces.mean(DRAW).values, gap)
    for place, (name, end) in enumerate(zip(names, ends, strict=True)):
        axes.annotate(
            name, (1.0, end), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", va="center", fontsize=SMALL - 0.5, annotation_clip=False,
            color=component_style(place).color, **PLAIN,
        )  # fmt: skip


def _draw(axes: Axes, traces: xr.DataArray) -> None:
    draws, size = traces[DRAW].values, traces.sizes[COMPONENT]
    every = max(1, draws.size // _MARKS)
    for place, values in enumerate(traces.values):
        style = component_style(place)
        first = (place * every) // max(size, 1)
        axes.plot(
            draws, values, color=style.color, linewidth=0.7, marker=style.marker,
            markevery=(first, every), markersize=5 * style.size,
            markeredgecolor="white", markeredgewidth=0.5,
        )  # fmt: skip
    tidy(axes, across=5, up=4)
    axes.set_xlim(draws[0], draws[-1])
