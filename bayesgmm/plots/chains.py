"""Traces and ranks of the chains: ArviZ's plots, with renamed variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayesgmm.analysis.diagnosis.number import NUMBERS
from bayesgmm.errors import SpecificationError
from bayesgmm.plots.axes import SMALL, RoomyLocator
from bayesgmm.plots.observed import Choice, choose
from bayesgmm.plots.palette import (
    INK,
    MIDDLE,
    component_entry,
    component_style,
    line_entry,
    note_entries,
    put_legend,
)
from bayesgmm.plots.text import component_labels, wrapped
from bayesgmm.schema import CHAIN, COMPONENT, FEATURE
from bayesgmm.tree.fit import Fit

if TYPE_CHECKING:
    from arviz_base.labels import BaseLabeller
    from arviz_plots import PlotCollection
    from matplotlib.artist import Artist

MOST_PANELS, MOST_LINES = 60, 15
"""Maximum number of legible panels of ranks, or lines of traces."""

_ABOVE, _BELOW = 0.3, 0.04  # of the height of a panel: room for its p-value, and for points
_DOT = 2.5  # points
_MOST_SPREAD = 0.4  # of whole numbers, to tell equal ones apart
_CHAIN_LINES = ("-", "--", ":", "-.")


def plot_traces(
    tree: xr.DataTree, features: Sequence[str] | None = None, **options: Any
) -> PlotCollection:
    """Draw densities and traces of the weights and the means, for each chain.

    ArviZ's ``plot_trace_dist``: one line of panels for the weights and one for the means of each
    feature, with all components in it; chains differ by the style of their lines. If the number of
    components is unknown: distribution functions and traces of the numbers of clusters and of
    components.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    features : name or sequence of names, optional
        Features whose means to show, at most fourteen, or fifteen for one component without
        a weight; by default all or, if there are more, those in which the components differ most.
    **options
        Passed on to ``arviz_plots.plot_trace_dist``, such as ``backend="plotly"``.

    Returns
    -------
    arviz_plots.PlotCollection
        Save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If more features are asked for.
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> collection = bg.plot_traces(bg.example_fit(), ["bill_depth_mm"])
    >>> list(collection.viz["trace"].data_vars)
    ['weight', 'mean of bill_depth_mm']
    """
    from arviz_plots import plot_trace_dist

    fit = Fit.with_draws(tree, "plot_traces")
    several = fit.posterior.sizes[COMPONENT] > 1
    choice = _choice(fit, features, MOST_LINES - several)
    variables = _readable(fit, choice)
    names, lines = fit.posterior[COMPONENT].values, len(variables["posterior"].data_vars)
    styles = [component_style(place) for place in range(max(3, len(names)))]
    ours = {
        "compact": True,
        "labeller": _labeller(44, names),
        # A smooth density of whole numbers has waves between them.
        **({"aes": {}, "kind": "ecdf"} if fit.infers_number else {"aes": {"color": [COMPONENT]}}),
        "color": [style.color for style in styles],
        "linestyle": list(_CHAIN_LINES),
        "visuals": {"trace": {"width": 0.5}, "dist": {"width": 1.3}},
        **_layout(options, (10.0, 1.5 + 1.6 * lines)),
    }
    collection = plot_trace_dist(variables, **{**ours, **options})
    entries = [
        component_entry(place, name, marker="", linestyle="solid")
        for place, name in enumerate(component_labels(names))
        if not fit.infers_number
    ]
    return _finished(collection, [*entries, *_chain_entries(fit), *note_entries(choice.note)])


def plot_ranks(
    tree: xr.DataTree, features: Sequence[str] | None = None, **options: Any
) -> PlotCollection:
    """Draw the ranks of the draws of each chain among all draws, for each component.

    ArviZ's ``plot_rank``: how far the distribution function of each chain lies above or below
    that of all chains together. Lines near zero, and a p-value that is not small, indicate
    that chains have the same distribution; dark points mark deviations. If the number of components
    is unknown: ranks of the numbers of clusters and of components, equal ones in random order.

    Parameters
    ----------
    tree : xarray.DataTree
        Result of :func:`bayesgmm.fit`.
    features : name or sequence of names, optional
        Features whose means to show next to the weights; none by default, except for one component,
        whose weight is always 1, up to 60. There is a panel for each component, at most 60 in all.
    **options
        Passed on to ``arviz_plots.plot_rank``, such as ``backend="plotly"``.

    Returns
    -------
    arviz_plots.PlotCollection
        Save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If the fit has one chain, or there would be more than 60 panels.
    SchemaError
        If ``tree`` is not a result of ``fit``; a point estimate has no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> collection = bg.plot_ranks(bg.example_fit())
    >>> collection.viz["title"]["weight"].dims
    ('component',)
    """
    from arviz_plots import plot_rank

    fit = Fit.with_draws(tree, "plot_ranks")
    _expect_chains(fit)
    n_components, n_chains = (fit.posterior.sizes[dim] for dim in (COMPONENT, CHAIN))
    weights_alone = features is None and n_components > 1
    choice = Choice(()) if weights_alone else _choice(fit, features, MOST_PANELS)
    variables = _readable(fit, choice)
    if fit.infers_number:
        numbers = variables["posterior"].to_dataset().map(_spread, fit=fit)
        variables["posterior"] = xr.DataTree(numbers)
    n_panels = len(variables["posterior"].data_vars)
    n_panels *= 1 if fit.infers_number else n_components
    _expect_room(n_panels)
    lines = -(-n_panels // 4)
    colors = [component_style(place).color for place in range(n_chains)]
    ours = {
        "labeller": _labeller(24, fit.posterior[COMPONENT].values),
        "color": colors,
        "linestyle": list(_CHAIN_LINES),
        "aes": {"color": [CHAIN], "linestyle": [CHAIN]},
        "visuals": {
            "ecdf_lines": {"width": 1.2},
            "xlabel": {"text": "fractional rank"},
        },
        **_layout(options, (2.9 * min(4, n_panels), 0.7 + 2.0 * lines)),
    }
    collection = plot_rank(variables, **{**ours, **options})
    _finished(collection, [*_chain_entries(fit, colors), _dots(), *note_entries(choice.note)])
    _finish_test(collection)
    return collection


def _dots() -> Artist:
    """Return the entry of the points that ArviZ draws where its test finds a difference."""
    label = "where a chain differs from the others (p < \u03b1)"
    return line_entry(label, color=INK, marker="o", markersize=_DOT, linestyle="none", alpha=0.6)


def _finish_test(collection: PlotCollection) -> None:
    """Write p-values above the lines, and make the points small, where Matplotlib drew."""
    if collection.backend != "matplotlib" or "figure" not in collection.viz:
        return
    for axes in collection.viz["figure"].item().axes:
        low, high = axes.get_ylim()
        axes.set_ylim(low - _BELOW * (high - low), high + _ABOVE * (high - low))
        for points in axes.collections:
            points.set(sizes=[_DOT**2], color=INK, alpha=0.6)
        for text in axes.texts:
            # ArviZ writes p=0.00, and at once what it is compared with.
            written = text.get_text().strip().replace("(\u03b1=", " (\u03b1 = ")
            text.set_text(written.replace("p=0.00", "p < 0.01").replace("p=", "p = "))
            text.set(
                transform=axes.transAxes,
                position=(0.02, 1.0),
                va="top",
                fontsize=9,
                parse_math=False,
            )


def _choice(fit: Fit, features: Sequence[str] | None, most: int) -> Choice:
    """Return the features to show: none where draws have different numbers of components."""
    if not fit.infers_number:
        return choose(fit, features, most)
    if features is not None:
        raise SpecificationError(
            "The number of components of this fit is unknown, so that chains are compared by their "
            "numbers of clusters and of components: leave features out."
        )
    return Choice(())


def _readable(fit: Fit, choice: Choice) -> xr.DataTree:
    """Return a posterior whose variables have display names."""
    posterior = fit.posterior.to_dataset()
    statistics = fit.tree["sample_stats"].to_dataset()
    if fit.infers_number:  # components of two draws have nothing to do with each other
        shown = {NUMBERS[name]: posterior[name] for name in NUMBERS if name in posterior}
        groups = {"posterior": xr.Dataset(shown), "sample_stats": statistics}
        return xr.DataTree.from_dict(groups)
    # One component always has the weight 1: there is nothing to see.
    variables = {"weight": posterior["weights"]} if posterior.sizes[COMPONENT] > 1 else {}
    for name in choice.features:
        # No variable of a tree may have a slash in its name.
        label = f"mean of {name}".replace("/", "\u2215")
        variables[label] = posterior["means"].sel({FEATURE: name}, drop=True)
    groups = {"posterior": xr.Dataset(variables), "sample_stats": statistics}
    return xr.DataTree.from_dict(groups)


def _spread(values: xr.DataArray, fit: Fit) -> xr.DataArray:
    """Return whole numbers spread at random by less than 0.5, so that equal ones have no order."""
    if values.dtype.kind != "i":
        return values
    rng = np.random.default_rng(fit.seed)
    return values + rng.uniform(-_MOST_SPREAD, _MOST_SPREAD, values.shape)


def _expect_room(n_panels: int) -> None:
    if n_panels > MOST_PANELS:
        raise SpecificationError(
            f"{n_panels} panels are too many for one figure, at most {MOST_PANELS} are legible; "
            f"name fewer features."
        )


def _expect_chains(fit: Fit) -> None:
    if fit.posterior.sizes[CHAIN] < 2:
        raise SpecificationError(
            "Ranks compare chains, and this fit has one; fit with an engine that runs several, "
            "such as NUTS(chains=4)."
        )


def _labeller(width: int, names: Iterable[Any]) -> BaseLabeller:
    """Return what writes names of variables on lines of some width."""
    from arviz_base.labels import BaseLabeller

    labels = dict(zip(names, component_labels(names, most=width), strict=True))

    class Names(BaseLabeller):
        def var_name_to_str(self, var_name: str | None) -> str | None:
            return None if var_name is None else wrapped(var_name, width)

        def dim_coord_to_str(self, dim: Any, coord_val: Any, coord_idx: Any) -> str:
            return labels[coord_val]

    return Names()


def _layout(options: dict[str, Any], size: tuple[float, float]) -> dict[str, Any]:
    """Return the size of the figure, where Matplotlib draws it."""
    if not _by_matplotlib(options):
        return {}
    return {"figure_kwargs": {"figsize": size, "layout": "constrained"}}


def _by_matplotlib(options: dict[str, Any]) -> bool:
    from arviz_base import rcParams

    return options.get("backend", rcParams["plot.backend"]) == "matplotlib"


def _finished(collection: PlotCollection, entries: Sequence[Artist]) -> PlotCollection:
    """Add a legend, and disable TeX in names, with Matplotlib."""
    if collection.backend != "matplotlib" or "figure" not in collection.viz:
        return collection
    figure = collection.viz["figure"].item()
    for axes in figure.axes:
        # ArviZ writes the name of a variable twice, beside its trace and below its density.
        axes.set_ylabel("")
        if axes.get_xlabel() == "Draw":
            axes.set_xlabel("draw")
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
            text.set_parse_math(False)
            text.set_fontsize(10)
        axes.tick_params(labelsize=SMALL)
        axes.xaxis.set_major_locator(RoomyLocator(8))
    put_legend(figure, entries)
    return collection


def _chain_entries(fit: Fit, colors: Sequence[str] | None = None) -> list[Artist]:
    chains = fit.posterior[CHAIN].values
    return [
        line_entry(
            f"chain {chain}", linewidth=1.3, linestyle=_CHAIN_LINES[place % len(_CHAIN_LINES)],
            color=MIDDLE if colors is None else colors[place],
        )
        for place, chain in enumerate(chains)
    ]  # fmt: skip
