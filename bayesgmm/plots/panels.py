"""The two kinds of panels: a pair of features, and a single one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patheffects import withStroke

from bayesgmm.plots.axes import tidy, without_scale
from bayesgmm.plots.observed import bin_edges, observed_cells
from bayesgmm.plots.palette import INK, PALE, ComponentStyle, component_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesgmm.plots.view import ClusterView

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
            *mean[place].T, color=style.colour, linewidth=_line_width(view), linestyle=style.dash,
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
            color=style.colour,
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
        *rows.T, s=areas, c=style.colour, marker=style.marker, linewidths=0,
        alpha=0.85 * crowding, rasterized=len(rows) > _VECTOR_ROWS, zorder=2,
    )  # fmt: skip


def _spread(axes: Axes, lines: np.ndarray, style: ComponentStyle) -> None:
    """Draw many thin lines that leave the limits of the axes alone."""
    thin = LineCollection(lines, colors=style.colour, linewidths=0.6, alpha=0.22, zorder=3)
    axes.add_collection(thin, autolim=False)


def _line_width(view: ClusterView) -> float:
    return 1.8 if len(view.components) <= _MANY_COMPONENTS else 1.3


def _crowding(n_rows: int) -> float:
    """Return a factor, 1 down to 0.1, so that dense and sparse regions differ among many rows."""
    return float(np.clip((_MANY_ROWS / n_rows) ** 0.5, 0.1, 1.0))
