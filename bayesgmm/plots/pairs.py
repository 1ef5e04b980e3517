"""The clusters of a fit in every pair of features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesgmm.options import expect_fraction, expect_one_of, expect_whole_number
from bayesgmm.plots.axes import SHEET, name_across, name_up
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.interactive import interactive_clusters
from bayesgmm.plots.legend import SIZE, as_it_is, cluster_entries, legend_size, put_legend
from bayesgmm.plots.name_tags import tag_ellipses
from bayesgmm.plots.palette import INK, component_style
from bayesgmm.plots.panels import draw_pair, draw_single
from bayesgmm.plots.view import ClusterView
from bayesgmm.posterior.fit import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 8
"""More panels than this many squared can neither be read nor drawn in reasonable time."""

BACKENDS = ("matplotlib", "plotly")

_MANY_TICKS, _FEW_TICKS = 8, 5
_PANEL, _SMALL_PANEL = 2.35, 1.75  # inches
_FULL_SIZE, _NAME_WIDTH = 5, 20


def plot_clusters(
    tree: Fitted,
    features: Sequence[str] | None = None,
    *,
    certainty: float = 0.9,
    share: float = 0.9,
    n_draws: int = 40,
    backend: str = "matplotlib",
) -> Figure:
    """Draw rows, components and how well both are known.

    Rows have the colour of their most probable component; those that are assigned with less than
    the given certainty wear a ring, or a dark point where they are more than 300. Every component
    is drawn as the ellipse that holds ``share`` of it, at the posterior mean and, thinly, in some
    posterior draws. Two features make one
    panel, more make a matrix with the marginal densities on its diagonal, and one feature makes
    a histogram with densities, where dark ticks below the axis take the place of rings.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    features : sequence of names, optional
        Which features to show, at most eight, in this order; by default all or, of more, the
        eight in which the components differ most, in the order of the table.
    certainty : float, default 0.9
        Rows assigned with less than this probability are marked.
    share : float, default 0.9
        Probability that an ellipse holds.
    n_draws : int, default 40
        About how many posterior draws to show.
    backend : {"matplotlib", "plotly"}, default "matplotlib"
        Plotly's figure says of every row, when the mouse is over it, which it is and which
        components are probable.

    Returns
    -------
    matplotlib.figure.Figure or plotly.graph_objects.Figure
        Shown by a notebook where a cell returns it; ``savefig`` keeps the first, and
        ``write_html`` the second.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If more than eight features are asked for, or an option is out of its range.
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.
    MissingDependencyError
        If Plotly is asked for and not installed.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_clusters(bg.example_fit(), ["bill_length_mm", "bill_depth_mm"])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['bill_length_mm']
    """
    _expect_options(certainty, share, n_draws)
    expect_one_of("backend", backend, BACKENDS)
    view = ClusterView.of(
        tree, features, most=MOST_FEATURES, certainty=certainty, share=share, n_draws=n_draws
    )
    if backend == "plotly":
        return interactive_clusters(view, certainty)
    n_features = len(view.features)
    draw = _one_feature if n_features == 1 else _one_pair if n_features == 2 else _matrix
    return draw(view, certainty)


def _one_feature(view: ClusterView, certainty: float) -> Drawing:
    figure = Drawing(figsize=(7.0, 4.4), **SHEET)
    axes = figure.add_subplot()
    (feature,) = view.features
    draw_single(axes, view, feature, n_ticks=_MANY_TICKS)
    _rug(axes, view, feature)
    name_across(axes, feature)
    axes.yaxis.set_visible(True)
    axes.set_yticks([])
    axes.set_ylabel("density")
    _legend_below(figure, view, certainty, ellipses=False)
    return figure


def _one_pair(view: ClusterView, certainty: float) -> Drawing:
    figure = Drawing(figsize=(7.0, 5.7), **SHEET)
    axes = figure.add_subplot()
    across, up = view.features
    draw_pair(axes, view, across, up, n_ticks=_MANY_TICKS)
    name_across(axes, across)
    name_up(axes, up)
    _legend_below(figure, view, certainty, ellipses=True)
    tag_ellipses(axes, view.mean_ellipses(across, up), view.components)
    return figure


def _matrix(view: ClusterView, certainty: float) -> Drawing:
    size = len(view.features)
    panel = _PANEL if size <= _FULL_SIZE else _SMALL_PANEL
    entries = cluster_entries(view, certainty=certainty, ellipses=True, density=True)
    width, height = legend_size(entries)
    beside = _fits_above(width, height, panel, size)
    figure = Drawing(figsize=(size * panel, size * panel), **SHEET)
    grid = figure.add_gridspec(size, size)
    for row, column in zip(*np.tril_indices(size), strict=True):
        axes = figure.add_subplot(grid[row, column])
        if row == column:
            draw_single(axes, view, view.features[row], n_ticks=_FEW_TICKS)
        else:
            draw_pair(axes, view, view.features[column], view.features[row], n_ticks=_FEW_TICKS)
        _label_outer(axes, view, int(row), int(column))
    figure.align_labels()
    if beside:
        corner = {"loc": "upper right", "bbox_to_anchor": (0.995, 0.985)}
        as_it_is(figure.legend(handles=entries, frameon=False, fontsize=SIZE, **corner))
    else:
        put_legend(figure, entries)
    return figure


def _fits_above(width: float, height: float, panel: float, size: int) -> bool:
    """Whether a legend of this size fits into the empty upper right of the matrix."""
    columns = int(np.ceil(width / panel + 0.1))
    return columns < size and height < (size - columns) * panel - 0.3


def _label_outer(axes: Axes, view: ClusterView, row: int, column: int) -> None:
    """Write names and numbers along the left and the bottom of the matrix only."""
    if row == len(view.features) - 1:
        name_across(axes, view.features[column], width=_NAME_WIDTH)
    else:
        axes.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        name_up(axes, view.features[row], width=_NAME_WIDTH)
    else:
        axes.tick_params(labelleft=False)


def _rug(axes: Axes, view: ClusterView, feature: str) -> None:
    """Put every row on the axis below a density, and doubtful ones once more, dark, below that."""
    values = view.rows(feature)[:, 0]
    height = -0.04 * axes.get_ylim()[1]
    for place in range(len(view.components)):
        members = values[view.places == place]
        colour = component_style(place).colour
        axes.plot(members, np.full(members.size, height), "|", color=colour, markersize=9)
    doubtful = values[view.marked]
    # Rings, as around points, would run into each other along a line.
    axes.plot(doubtful, np.full(doubtful.size, 2.2 * height), "|", color=INK, markersize=9)
    axes.set_ylim(bottom=3.4 * height)


def _legend_below(figure: Drawing, view: ClusterView, certainty: float, *, ellipses: bool) -> None:
    entries = cluster_entries(view, certainty=certainty, ellipses=ellipses, density=not ellipses)
    put_legend(figure, entries)


def _expect_options(certainty: float, share: float, n_draws: int) -> None:
    expect_fraction("certainty", certainty)
    expect_fraction("share", share)
    expect_whole_number("n_draws", n_draws)
