"""The clusters of a fit in every pair of features.

The two kinds of panels: a pair of features, and a single one.

Names beside ellipses, none on top of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from matplotlib.collections import LineCollection
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from bayesgmm.options import expect_fraction, expect_one_of, expect_whole_number
from bayesgmm.plots.axes import SHEET, name_across, name_up, tidy, without_scale
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.interactive import interactive_clusters
from bayesgmm.plots.observed import bin_edges, observed_cells
from bayesgmm.plots.palette import (
    INK,
    PALE,
    SIZE,
    ComponentStyle,
    as_it_is,
    cluster_entries,
    component_style,
    legend_size,
    put_legend,
)
from bayesgmm.plots.text import PLAIN, short_names
from bayesgmm.plots.view import ClusterView
from bayesgmm.tree.fit import Fitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox


_MARKER_AREA, _RING_AREA = 13.0, 46.0  # square points
_MEAN_DENSITY_DRAWS = 400
_MANY_RINGS, _MANY_DOTS = 60, 300
_MANY_COMPONENTS, _FEW_FEATURES = 6, 4
_MANY_ROWS = 2_000  # with more, points fade and shrink, and lines get an edge that stands out
_VECTOR_ROWS = 5_000  # with more, points are drawn as pixels even in vector files


def draw_pair(axes: Axes, view: ClusterView, across: str, up: str, *, n_ticks: int) -> None:
    """Draw the rows, and the ellipse of every component with its posterior spread."""
    rows = view.rows(across, up)
    drawn, mean = view.drawn_ellipses(across, up), view.mean_ellipses(across, up)
    crowding = _crowding(len(rows)) * min(1.0, _FEW_FEATURES / len(view.features))
    edge = withStroke(linewidth=3.0 if len(rows) > _MANY_ROWS else 0.0, foreground="white")
    for place in range(len(view.components)):
        style = component_style(place)
        own = view.places == place
        _scatter(axes, rows[own], view.sizes[own], style, crowding=crowding)
        _spread(axes, drawn[place], style)
        axes.plot(
            *mean[place].T, color=style.color, linewidth=_line_width(view), linestyle=style.dash,
            path_effects=[edge], zorder=4,
        )  # fmt: skip
    _mark(axes, view, rows[view.marked])
    axes.set_xlim(view.limits(across))
    axes.set_ylim(view.limits(up))
    tidy(axes, across=n_ticks - 1, up=n_ticks)


def draw_single(axes: Axes, view: ClusterView, feature: str, *, n_ticks: int) -> None:
    """Draw the histogram of a feature, its predictive density, and what components add to it."""
    values, weights = observed_cells(view.fit, feature)
    bars, *_ = axes.hist(
        values, bins=bin_edges(values), weights=weights, density=True, color=PALE, zorder=1
    )
    drawn = view.densities(feature, view.n_draws)
    mean = view.densities(feature, _MEAN_DENSITY_DRAWS).mean("sample")
    grid, predictive = mean["point"].values, mean.sum("component").values
    for place in range(len(view.components)):
        style, densities = component_style(place), drawn.values[:, place]
        _spread(axes, np.stack([np.broadcast_to(grid, densities.shape), densities], -1), style)
        axes.plot(
            grid,
            mean.values[place],
            color=style.color,
            linewidth=_line_width(view),
            linestyle=style.dash,
            zorder=4,
        )
    axes.plot(grid, predictive, color=INK, linewidth=1.6, zorder=5)
    axes.set_xlim(view.limits(feature))
    axes.set_ylim(0, 1.04 * max(bars.max(), predictive.max(), drawn.values.max()))
    tidy(axes, across=n_ticks - 1, up=n_ticks)
    without_scale(axes)


def _mark(axes: Axes, view: ClusterView, rows: np.ndarray) -> None:
    """Put a dark ring around uncertain rows, or a dark point on each where there are many."""
    if view.is_crowded:
        faint = float(np.clip((_MANY_DOTS / len(rows)) ** 0.6, 0.1, 0.8))
        axes.scatter(*rows.T, s=5.0, c=INK, linewidths=0, alpha=faint, rasterized=True, zorder=2.5)
        return
    fine = float(np.clip((_MANY_RINGS / max(len(rows), 1)) ** 0.5, 0.6, 1.0))
    axes.scatter(
        *rows.T, s=_RING_AREA * fine, facecolors="none", edgecolors=INK, linewidths=0.9 * fine,
        alpha=max(0.7, fine), zorder=5,
    )  # fmt: skip


def _scatter(
    axes: Axes, rows: np.ndarray, sizes: np.ndarray, style: ComponentStyle, *, crowding: float
) -> None:
    areas = _MARKER_AREA * crowding * style.size**2 * sizes
    axes.scatter(
        *rows.T, s=areas, c=style.color, marker=style.marker, linewidths=0,
        alpha=0.85 * crowding, rasterized=len(rows) > _VECTOR_ROWS, zorder=2,
    )  # fmt: skip


def _spread(axes: Axes, lines: np.ndarray, style: ComponentStyle) -> None:
    """Draw many thin lines that leave the limits of the axes alone."""
    thin = LineCollection(lines, colors=style.color, linewidths=0.6, alpha=0.22, zorder=3)
    axes.add_collection(thin, autolim=False)


def _line_width(view: ClusterView) -> float:
    return 1.8 if len(view.components) <= _MANY_COMPONENTS else 1.3


def _crowding(n_rows: int) -> float:
    """Return a factor, 1 down to 0.1, so that dense and sparse regions differ among many rows."""
    return float(np.clip((_MANY_ROWS / n_rows) ** 0.5, 0.1, 1.0))


_TRIED = 16  # places around an ellipse
_OUTSIDE = 1.07  # of its size
_PADDING = 4.0  # pixels of the frame


def tag_ellipses(
    axes: Axes, outlines: Float[np.ndarray, "k points 2"], names: np.ndarray
) -> list[Text]:
    """Write the name of every component at its ellipse, where it lies on no other name.

    Places outside of all other ellipses come first. A name without a place is left to the legend.
    The figure is laid out for it, so limits and legends have to be there.
    """
    axes.figure.draw_without_rendering()
    frame = axes.get_window_extent()
    taken: list[Bbox] = []
    kept: list[Text] = []
    for place, name in enumerate(short_names(names, 14)):
        text = _tag(axes, name, place)
        box = next(
            (box for box in _tried(text, outlines, place) if _is_free(box, frame, taken)), None
        )
        if box is None:
            text.remove()
        else:
            taken.append(box)
            kept.append(text)
    return kept


def _tag(axes: Axes, name: str, place: int) -> Text:
    color = component_style(place).color
    frame = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": color}
    return axes.text(
        0, 0, name, fontsize=8.5, color=INK, ha="center", va="center", zorder=7,
        bbox=frame | {"linewidth": 1.2, "alpha": 0.92}, **PLAIN,
    )  # fmt: skip


def _tried(text: Text, outlines: Float[np.ndarray, "k points 2"], place: int) -> Iterator[Bbox]:
    """Move the text from place to place and yield the box that it takes."""
    for spot in _spots(outlines, place):
        text.set_position(tuple(spot))
        yield text.get_window_extent().padded(_PADDING)


def _spots(outlines: Float[np.ndarray, "k points 2"], place: int) -> Float[np.ndarray, "m 2"]:
    own, center = outlines[place], outlines[place, :-1].mean(axis=0)
    first = int(np.argmax(own[:, 1]))  # from the top on
    steps = np.linspace(0, len(own) - 1, _TRIED, endpoint=False).astype(int)
    around = own[(first + steps) % (len(own) - 1)]
    spots = np.concatenate([center + _OUTSIDE * (around - center), center[None]])
    return spots[np.argsort(_ellipses_at(spots, outlines, place), kind="stable")]


def _ellipses_at(
    spots: Float[np.ndarray, "m 2"], outlines: Float[np.ndarray, "k points 2"], place: int
) -> Int[np.ndarray, " m"]:
    """Count the other ellipses that each spot lies in."""
    counts = np.zeros(len(spots), dtype=int)
    for other, outline in enumerate(outlines):
        if other != place:
            counts += Path(outline).contains_points(spots)
    return counts


def _is_free(box: Bbox, frame: Bbox, taken: list[Bbox]) -> bool:
    inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
    return inside and not any(box.overlaps(other) for other in taken)


MOST_FEATURES = 8
"""More panels than this many squared can neither be read nor drawn in reasonable time."""

BACKENDS = ("matplotlib", "plotly")

_MANY_TICKS, _FEW_TICKS = 8, 5
_PANEL, _SMALL_PANEL = 2.35, 1.75  # inches
_FULL_SIZE, _NAME_WIDTH = 5, 20


def plot_clusters(
    mixture: Fitted,
    features: Sequence[str] | None = None,
    *,
    certainty: float = 0.9,
    ci_prob: float = 0.89,
    max_draws: int = 40,
    backend: str = "matplotlib",
) -> Figure:
    """Draw rows, components and how well both are known.

    Rows have the color of their most probable component; those that are assigned with less than
    the given certainty wear a ring, or a dark point where they are more than 300. Every component
    is drawn as the ellipse that holds ``ci_prob`` of it, at the posterior mean and, thinly, in some
    posterior draws. Two features make one
    panel, more make a matrix with the marginal densities on its diagonal, and one feature makes
    a histogram with densities, where dark ticks below the axis take the place of rings.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned.
    features : sequence of names, optional
        Which features to show, at most eight, in this order; by default all or, of more, the
        eight in which the components differ most, in the order of the table.
    certainty : float, default 0.9
        Rows assigned with less than this probability are marked.
    ci_prob : float, default 0.89
        Probability that an ellipse holds.
    max_draws : int, default 40
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
        If ``mixture`` is not a result of ``fit`` or ``estimate``.
    MissingDependencyError
        If Plotly is asked for and not installed.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_clusters(bg.example_fit(), ["bill_length_mm", "bill_depth_mm"])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['bill_length_mm']
    """
    _expect_options(certainty, ci_prob, max_draws)
    expect_one_of("backend", backend, BACKENDS)
    view = ClusterView.of(
        mixture, features, most=MOST_FEATURES, certainty=certainty, share=ci_prob, n_draws=max_draws
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
        color = component_style(place).color
        axes.plot(members, np.full(members.size, height), "|", color=color, markersize=9)
    doubtful = values[view.marked]
    # Rings, as around points, would run into each other along a line.
    axes.plot(doubtful, np.full(doubtful.size, 2.2 * height), "|", color=INK, markersize=9)
    axes.set_ylim(bottom=3.4 * height)


def _legend_below(figure: Drawing, view: ClusterView, certainty: float, *, ellipses: bool) -> None:
    entries = cluster_entries(view, certainty=certainty, ellipses=ellipses, density=not ellipses)
    put_legend(figure, entries)


def _expect_options(certainty: float, ci_prob: float, max_draws: int) -> None:
    expect_fraction("certainty", certainty)
    expect_fraction("ci_prob", ci_prob)
    expect_whole_number("max_draws", max_draws)
