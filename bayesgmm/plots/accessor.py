"""All plots of one fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from bayesgmm.plots.certainty import plot_certainty
from bayesgmm.plots.chains import plot_ranks, plot_traces
from bayesgmm.plots.clusters import plot_clusters
from bayesgmm.plots.co_clustering import plot_co_clustering
from bayesgmm.plots.components import plot_components
from bayesgmm.plots.density import plot_density
from bayesgmm.plots.label_switching import plot_label_switching
from bayesgmm.plots.number_of_components import plot_number_of_components
from bayesgmm.plots.predictive import plot_predictive
from bayesgmm.plots.weights import plot_weights

if TYPE_CHECKING:
    from bayesgmm.tree.fit import Fitted


def _of_own_tree(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of a tree as a method that passes its own tree."""

    @wraps(function)
    def call(self: Plots, *arguments: Any, **options: Any) -> Any:
        return function(self.tree, *arguments, **options)

    method: Any = call
    signature = inspect.signature(function)
    _, *others = signature.parameters.values()
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__signature__ = signature.replace(parameters=[own, *others])
    method.__name__ = function.__name__.removeprefix("plot_")
    method.__qualname__ = f"Plots.{method.__name__}"
    return method


@dataclass(frozen=True, eq=False, repr=False)
class Plots:
    """The plots of one fit: each method is the function of its name without the tree.

    ``Plots(tree).density(["height"])`` is ``plot_density(tree, ["height"])``; it prints as a list
    of all plots.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit`, or :func:`bayesgmm.estimate` for the figures that
        need no draws.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> plots = bg.Plots(bg.example_fit())
    >>> figure = plots.clusters(["bill_length_mm", "bill_depth_mm"])
    """

    tree: Fitted

    clusters = _of_own_tree(plot_clusters)
    density = _of_own_tree(plot_density)
    weights = _of_own_tree(plot_weights)
    components = _of_own_tree(plot_components)
    co_clustering = _of_own_tree(plot_co_clustering)
    certainty = _of_own_tree(plot_certainty)
    number_of_components = _of_own_tree(plot_number_of_components)
    label_switching = _of_own_tree(plot_label_switching)
    predictive = _of_own_tree(plot_predictive)
    traces = _of_own_tree(plot_traces)
    ranks = _of_own_tree(plot_ranks)

    def __repr__(self) -> str:
        lines = ["Plots of this fit:"]
        for name in PLOT_NAMES:
            first = (getattr(type(self), name).__doc__ or "").strip().splitlines()[0]
            lines.append(f"  .{name + '()':<24}{first}")
        return "\n".join(lines)


PLOT_NAMES = (
    "clusters", "density", "weights", "components", "co_clustering", "certainty",
    "number_of_components", "label_switching", "predictive", "traces", "ranks",
)  # fmt: skip
"""The methods of :class:`Plots`."""
