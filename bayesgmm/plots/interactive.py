"""The cluster plot as an interactive Plotly figure, with information on each row.

A room is the place of a panel: its row and its column, both from 1.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from bayesgmm.digits import counted
from bayesgmm.errors import MissingDependencyError
from bayesgmm.plots.observed import bin_edges, observed_cells
from bayesgmm.plots.palette import INK, PALE, component_style
from bayesgmm.plots.text import component_labels, wrapped
from bayesgmm.schema import ROW

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from bayesgmm.plots.view import ClusterView

_SYMBOLS = {
    "o": "circle", "s": "square", "^": "triangle-up", "D": "diamond", "v": "triangle-down",
    "P": "cross", "X": "x", "<": "triangle-left", ">": "triangle-right", "p": "pentagon",
    "*": "star", "h": "hexagon",
}  # fmt: skip
_DASHES = ("solid", "dash", "dot", "dashdot", "longdashdot")
_MOST_LISTED = 4  # components in the box of a row
_DENSITY_DRAWS = 400
_PANEL = 210  # pixels of a panel of a matrix


def interactive_clusters(view: ClusterView, certainty: float) -> Figure:
    """Draw what the view shows; hovering over a row names it and its probable components."""
    make_subplots, graphs = _plotly()
    size = len(view.features)
    panels = 1 if size <= 2 else size
    figure = make_subplots(
        panels, panels, horizontal_spacing=0.08 / panels, vertical_spacing=0.08 / panels,
        shared_xaxes="columns" if panels > 1 else False,
    )  # fmt: skip
    if size == 1:
        _draw_single(figure, graphs, view, view.features[0], (1, 1), with_rows=True)
    elif size == 2:
        _draw_pair(figure, graphs, view, view.features, (1, 1))
    else:
        for row, column in zip(*np.tril_indices(size), strict=True):
            room = (int(row) + 1, int(column) + 1)
            if row == column:
                _draw_single(figure, graphs, view, view.features[row], room, with_rows=False)
            else:
                pair = (view.features[column], view.features[row])
                _draw_pair(figure, graphs, view, pair, room)
    _finish(figure, graphs, view, panels, certainty)
    return figure


def _plotly() -> tuple[Any, Any]:
    try:
        from plotly import graph_objects
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise MissingDependencyError(
            "backend='plotly' needs Plotly, which is not installed: pip install 'bayesgmm[plotly]'."
        ) from error
    return make_subplots, graph_objects


def _draw_pair(
    figure: Figure, graphs: Any, view: ClusterView, pair: tuple[str, ...], room: tuple[int, int]
) -> None:
    across, up = pair
    rows, said = view.rows(across, up), _said_of_rows(view)
    drawn, mean = view.drawn_ellipses(across, up), view.mean_ellipses(across, up)
    for place in range(len(view.components)):
        own = view.places == place
        points = graphs.Scattergl if len(rows) > 2_000 else graphs.Scatter
        marks = {**_marker(place), "size": 5.5 * np.sqrt(view.sizes[own]), "opacity": 0.8}
        _add(figure, room, points(
            x=rows[own, 0], y=rows[own, 1], mode="markers", marker=marks, text=said[own],
            hovertemplate="%{text}<extra></extra>", **_group(place),
        ))  # fmt: skip
        lines = _in_one(drawn[place])
        _add(figure, room, graphs.Scatter(
            x=lines[:, 0], y=lines[:, 1], **_thin(place), **_group(place)
        ))  # fmt: skip
        _add(figure, room, graphs.Scatter(
            x=mean[place, :, 0], y=mean[place, :, 1], **_thick(place), **_group(place)
        ))  # fmt: skip
    crowded = (60 / max(int(view.marked.sum()), 1)) ** 0.5
    size = 10 * np.clip(crowded, 0.7, 1.0)
    ring = {
        "symbol": "circle-open",
        "size": size,
        "opacity": np.clip(crowded, 0.5, 1.0),
        "color": INK,
        "line": {"width": 1},
    }
    doubtful = rows[view.marked]
    _add(figure, room, graphs.Scatter(
        x=doubtful[:, 0], y=doubtful[:, 1], mode="markers", marker=ring, hoverinfo="skip",
        legendgroup="uncertain", showlegend=False,
    ))  # fmt: skip
    figure.update_xaxes(range=view.limits(across), row=room[0], col=room[1])
    figure.update_yaxes(range=view.limits(up), row=room[0], col=room[1])


def _draw_single(
    figure: Figure, graphs: Any, view: ClusterView, feature: str, room: tuple[int, int],
    *, with_rows: bool,
) -> None:  # fmt: skip
    values, weights = observed_cells(view.fit, feature)
    edges = bin_edges(values)
    heights, _ = np.histogram(values, edges, weights=weights, density=True)
    _add(figure, room, graphs.Bar(
        x=(edges[1:] + edges[:-1]) / 2, y=heights, width=np.diff(edges), marker_color=PALE,
        hoverinfo="skip", showlegend=False,
    ))  # fmt: skip
    drawn = view.densities(feature, view.n_draws).values
    mean = view.densities(feature, _DENSITY_DRAWS).mean("sample")
    grid = mean["point"].values
    for place in range(len(view.components)):
        curves = np.stack([np.broadcast_to(grid, drawn[:, place].shape), drawn[:, place]], axis=-1)
        lines = _in_one(curves)
        _add(figure, room, graphs.Scatter(
            x=lines[:, 0], y=lines[:, 1], **_thin(place), **_group(place)
        ))  # fmt: skip
        _add(figure, room, graphs.Scatter(
            x=grid, y=mean.values[place], **_thick(place), **_group(place)
        ))  # fmt: skip
    _add(figure, room, graphs.Scatter(
        x=grid, y=mean.values.sum(axis=0), mode="lines", line={"color": INK, "width": 2},
        hoverinfo="skip", legendgroup="density", showlegend=False,
    ))  # fmt: skip
    if with_rows:
        _draw_ticks(figure, graphs, view, feature, room, float(heights.max()))
    figure.update_xaxes(range=view.limits(feature), row=room[0], col=room[1])
    figure.update_yaxes(visible=False, row=room[0], col=room[1])


def _draw_ticks(
    figure: Figure, graphs: Any, view: ClusterView, feature: str, room: tuple[int, int],
    highest: float,
) -> None:  # fmt: skip
    """Draw a tick below the densities for every row, and a dark one for uncertain rows."""
    values, said = view.rows(feature)[:, 0], _said_of_rows(view)
    for depth, kept, color in (
        *((1, view.places == place, component_style(place).color)
          for place in range(len(view.components))),
        (2, view.marked, INK),
    ):  # fmt: skip
        marks = {"symbol": "line-ns", "size": 9, "line": {"width": 1.2, "color": color}}
        _add(figure, room, graphs.Scatter(
            x=values[kept], y=np.full(int(kept.sum()), -0.05 * depth * highest), mode="markers",
            marker=marks, text=said[kept], hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        ))  # fmt: skip


def _finish(figure: Figure, graphs: Any, view: ClusterView, panels: int, certainty: float) -> None:
    for entry in _entries(graphs, view, certainty):
        _add(figure, (1, 1), entry)
    for place, feature in enumerate(view.features):
        name = _plain(wrapped(feature, 20))
        if panels == 1:
            (figure.update_xaxes if place == 0 else figure.update_yaxes)(title_text=name)
            continue
        figure.update_xaxes(title_text=name, row=panels, col=place + 1)
        if place:
            figure.update_yaxes(title_text=name, row=place + 1, col=1)
            for column in range(2, place + 1):
                figure.update_yaxes(showticklabels=False, row=place + 1, col=column)
    side = max(560, _PANEL * panels)
    legend = {"groupclick": "togglegroup", "itemsizing": "constant"}
    figure.update_layout(
        template="simple_white", width=side + 330, height=side, bargap=0, legend=legend,
        margin={"l": 60, "r": 20, "t": 20, "b": 50}, hoverlabel={"align": "left"},
    )  # fmt: skip


def _entries(graphs: Any, view: ClusterView, certainty: float) -> list[Any]:
    """Return empty traces for the legend."""
    weights, nothing = view.mean["weights"].values, {"x": [None], "y": [None]}
    entries = [
        graphs.Scatter(
            **nothing, mode="lines+markers", marker=_marker(place),
            line={"color": component_style(place).color, "dash": _dash(place)},
            name=_plain(f"{name}, weight {weights[place]:.2f}"),
            legendgroup=f"component {place}",
        )
        for place, name in enumerate(component_labels(view.components))
    ]  # fmt: skip
    if len(view.features) != 2:
        line = {"color": INK, "width": 2}
        name = "density" if view.is_point else "posterior predictive density"
        entries.append(graphs.Scatter(
            **nothing, mode="lines", line=line, name=name, legendgroup="density"
        ))  # fmt: skip
    spread = "point estimate" if view.is_point else f"{counted(view.n_draws, 'posterior draw')}"
    thin = f"thin: {spread}"
    name = f"ellipses hold {view.share:.0%}; {thin}" if len(view.features) > 1 else thin
    line = {"color": "#aaaaaa", "width": 1}
    entries.append(graphs.Scatter(**nothing, mode="lines", line=line, name=name))
    symbol = "line-ns" if len(view.features) == 1 else "circle-open"
    marks = {"symbol": symbol, "size": 9, "color": INK, "line": {"width": 1, "color": INK}}
    name = f"less than {certainty:.0%} certainty ({int(view.marked.sum())})"
    entries.append(graphs.Scatter(
        **nothing, mode="markers", marker=marks, name=name, legendgroup="uncertain"
    ))  # fmt: skip
    return entries


def _said_of_rows(view: ClusterView) -> np.ndarray:
    """Return the hover text of every row: its name, and its most probable components."""
    names = view.responsibilities[ROW].values
    labels = [_plain(name) for name in component_labels(view.components)]
    responsibilities = view.responsibilities.values
    first = np.argsort(-responsibilities, axis=1, kind="stable")[:, :_MOST_LISTED]
    return np.array(
        [
            f"row {_plain(name)}<br>"
            + "<br>".join(f"{labels[k]}: {responsibilities[row, k]:.1%}" for k in first[row])
            for row, name in enumerate(names)
        ],
        dtype=object,
    )


def _in_one(lines: Float[np.ndarray, "draws points 2"]) -> Float[np.ndarray, "all 2"]:
    """Return many lines as one with gaps: one trace is drawn much faster than many."""
    gaps = np.full((len(lines), 1, 2), np.nan)
    return np.concatenate([lines, gaps], axis=1).reshape(-1, 2)


def _plain(text: Any) -> str:
    """Return a text with markup and TeX escaped."""
    escaped = html.escape(str(text), quote=False).replace("$", "&#36;")
    return escaped.replace("\n", "<br>")


def _add(figure: Figure, room: tuple[int, int], trace: Any) -> None:
    figure.add_trace(trace, row=room[0], col=room[1])


def _group(place: int) -> dict[str, Any]:
    return {"legendgroup": f"component {place}", "showlegend": False}


def _marker(place: int) -> dict[str, Any]:
    style = component_style(place)
    return {"symbol": _SYMBOLS[style.marker], "color": style.color, "line": {"width": 0}}


def _dash(place: int) -> str:
    return _DASHES[place % len(_DASHES)]


def _thin(place: int) -> dict[str, Any]:
    line = {"color": component_style(place).color, "width": 0.6}
    return {"mode": "lines", "line": line, "opacity": 0.3, "hoverinfo": "skip"}


def _thick(place: int) -> dict[str, Any]:
    line = {"color": component_style(place).color, "width": 2.2, "dash": _dash(place)}
    return {"mode": "lines", "line": line, "hoverinfo": "skip"}
