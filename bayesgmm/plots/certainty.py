"""Assignment certainty of the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from matplotlib.collections import LineCollection

from bayesgmm.analysis.clustering.cluster import (
    DEFAULT_CERTAINTY,
    cluster,
    expected_responsibilities,
)
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.digits import counted
from bayesgmm.options import expect_fraction
from bayesgmm.plots.axes import SHEET, SMALL, one_line_each, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import (
    INK,
    MIDDLE,
    PALE,
    component_entry,
    component_style,
    line_entry,
    put_legend,
)
from bayesgmm.plots.text import PLAIN, component_labels, short_names
from bayesgmm.posterior.relabel.clusters import named
from bayesgmm.schema import COMPONENT, ROW
from bayesgmm.tree.fit import Fit, Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_NAMED = 24
"""Unsure rows that are listed by name."""

_MOST_INTERVALS, _VECTOR_ROWS = 250, 2_000
_LIMIT = {"color": INK, "linewidth": 0.9, "linestyle": (0, (2, 2))}


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows in the order of their certainty, the least certain first.

    Attributes
    ----------
    names : array, shape (n,)
    components : array, shape (k,)
        Their names.
    places, seconds : arrays, shape (n,)
        The places of the most probable component, and of the next.
    certainty : array, shape (n,)
    unsure : int
        Number of rows below the given certainty.
    shown : array, shape (m,)
        The ranks of rows whose interval is drawn.
    lower, upper : arrays, shape (m,)
        Its ends.
    """

    names: np.ndarray
    components: np.ndarray
    places: Int[np.ndarray, " n"]
    seconds: Int[np.ndarray, " n"]
    certainty: Float[np.ndarray, " n"]
    unsure: int
    shown: Int[np.ndarray, " m"]
    lower: Float[np.ndarray, " m"]
    upper: Float[np.ndarray, " m"]


def plot_certainty(
    mixture: Fitted,
    *,
    certainty: float = DEFAULT_CERTAINTY,
    ci_prob: float = DEFAULT_PROBABILITY,
) -> Figure:
    """Plot the probability of each row's most probable component, least certain rows first.

    The horizontal axis is logarithmic, to give space to the few unsure rows. They lie below the
    dotted line; up to 24 of them are also listed by name, with their second component. Intervals
    show the posterior uncertainty of a probability. A symbol is the mean over the draws, the ends
    of an interval are quantiles: the symbol may lie outside if a few draws are extreme, since they
    affect the mean of a skewed distribution but not its quantiles.

    A point estimate has no intervals.

    Rows without any measured cell are left out: they have no information on their component.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    certainty : float, default 0.9
        Rows below this probability are marked as unsure.
    ci_prob : float, default 0.89
        Posterior probability of the equal-tailed intervals.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    SpecificationError
        If ``certainty`` or ``ci_prob`` does not lie between 0 and 1.
    DataError
        If the tree is a conditional mixture, which has no rows.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_certainty(bg.example_fit())
    >>> figure.axes[1].get_title()
    '1... unsure rows'
    """
    expect_fraction("certainty", certainty)
    equal_tails(ci_prob)
    fit = named(Fit.of(mixture))
    fit.expect_rows()
    rows = _in_order(fit, certainty, ci_prob)
    listed = 0 < rows.unsure <= MOST_NAMED
    height = max(4.6, 1.6 + 0.19 * rows.unsure) if listed else 4.6
    figure = Drawing(figsize=(9.4 if listed else 7.0, height - 0.3), **SHEET)
    panels = figure.subplots(1, 2, width_ratios=[1.5, 1]) if listed else [figure.add_subplot()]
    _draw_all(panels[0], rows, certainty)
    if listed:
        _draw_list(panels[1], rows, certainty)
    interval = "" if fit.is_point else interval_name(ci_prob)
    put_legend(figure, _entries(rows, certainty, interval))
    return figure


def _in_order(fit: Fit, certainty: float, probability: float) -> _Rows:
    responsibilities = expected_responsibilities(fit)
    kept = np.flatnonzero(~fit.data.blank)  # the others have no information
    responsibilities = responsibilities.isel({ROW: kept})
    resp = responsibilities.values
    order = np.argsort(resp.max(axis=1), kind="stable")
    ranked = np.argsort(-resp[order], axis=1, kind="stable")
    places, shown = ranked[:, 0], _with_interval(len(order))
    # Quantiles over the draws take most of the time, so only visible ones are computed.
    some = cluster(fit.with_rows(kept[order[shown]]), ci_prob=probability, progress=False)
    at = (np.arange(shown.size), places[shown])
    # A point estimate has no intervals; lines of zero length replace them.
    some = some.fillna(some["responsibilities"])
    return _Rows(
        names=responsibilities[ROW].values[order],
        components=responsibilities[COMPONENT].values,
        places=places,
        seconds=ranked[:, min(1, resp.shape[1] - 1)],
        certainty=resp.max(axis=1)[order],
        unsure=int((resp.max(axis=1) < certainty).sum()),
        shown=shown,
        lower=some["lower"].values[at],
        upper=some["upper"].values[at],
    )


def _with_interval(size: int) -> Int[np.ndarray, " m"]:
    """Return the first ranks, which may be listed, and others evenly over their logarithm."""
    if size <= _MOST_INTERVALS:
        return np.arange(size)
    spread = np.geomspace(1, size, _MOST_INTERVALS).round().astype(int) - 1
    return np.unique(np.concatenate([np.arange(MOST_NAMED), spread]))


def _draw_all(axes: Axes, rows: _Rows, certainty: float) -> None:
    size = rows.certainty.size
    ranks, pixels = np.arange(1, size + 1), size > _VECTOR_ROWS
    _draw_intervals(axes, rows)
    axes.axhline(certainty, **_LIMIT, zorder=1)
    for place in range(rows.components.size):
        style, own = component_style(place), rows.places == place
        axes.scatter(
            ranks[own], rows.certainty[own], s=20 * style.size**2, marker=style.marker,
            c=style.color, linewidths=0, rasterized=pixels, zorder=3,
        )  # fmt: skip
    tidy(axes)
    axes.set_xscale("log")
    axes.set_xlim(0.85, 1.15 * size)
    axes.set_ylim(min(rows.lower.min(), certainty) - 0.03, 1.01)
    _rank_ticks(axes, size)
    axes.set_xlabel(f"{counted(size, 'row')}, least certain first (log scale)")
    axes.set_ylabel("probability of the assigned component")


def _draw_intervals(axes: Axes, rows: _Rows) -> None:
    """Draw the intervals of all rows, or of some that are spread evenly over the axis."""
    ends = np.stack([rows.lower, rows.upper], axis=-1)
    lines = np.stack([np.broadcast_to(rows.shown[:, None] + 1.0, ends.shape), ends], axis=-1)
    colors = [component_style(place).color for place in rows.places[rows.shown]]
    axes.add_collection(
        LineCollection(lines, colors=colors, linewidths=0.8, alpha=0.5, zorder=2), autolim=False
    )


def _rank_ticks(axes: Axes, size: int) -> None:
    digits = (1, 2, 5) if size <= 1000 else (1,)
    steps = [first * 10**power for power in range(9) for first in digits]
    kept = [*(step for step in steps if step < 0.5 * size), size]
    axes.set_xticks(kept, [f"{tick:,}".replace(",", "\u2009") for tick in kept])
    axes.minorticks_off()


def _draw_list(axes: Axes, rows: _Rows, certainty: float) -> None:
    """Draw the unsure rows one below the other."""
    axes.axvline(certainty, **_LIMIT, zorder=1)
    for line in range(rows.unsure):
        axes.axhline(line, color=PALE, linewidth=0.5, zorder=0)
        _draw_row(axes, rows, line)
    tidy(axes, across=5)
    one_line_each(axes, rows.names[: rows.unsure], most=18)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.set_xlim(min(rows.lower[: rows.unsure].min(), certainty) - 0.03, 1.01)
    axes.set_title(counted(rows.unsure, "unsure row"), fontsize=10)
    axes.set_xlabel("probability of the assigned component")


def _draw_row(axes: Axes, rows: _Rows, line: int) -> None:
    """Draw one row with its interval, and write beside it between which components it lies."""
    style = component_style(rows.places[line])
    ends = [rows.lower[line], rows.upper[line]]
    axes.plot(ends, [line, line], color=style.color, linewidth=1.3, zorder=2)
    axes.plot(
        rows.certainty[line], line, marker=style.marker, color=style.color,
        markersize=5 * style.size, markeredgewidth=0, zorder=3,
    )  # fmt: skip
    names = short_names(rows.components, 12)
    both = (rows.places[line], rows.seconds[line])
    axes.annotate(
        " or ".join(names[place] for place in both), (1.0, line),
        xycoords=("axes fraction", "data"), xytext=(5, 0), textcoords="offset points",
        va="center", fontsize=SMALL, annotation_clip=False, **PLAIN,
    )  # fmt: skip


def _entries(rows: _Rows, certainty: float, interval: str) -> list:
    entries = [
        component_entry(
            place, f"{name} ({counted(int((rows.places == place).sum()), 'row')})",
            linestyle="none",
        )
        for place, name in enumerate(component_labels(rows.components))
    ]  # fmt: skip
    drawn = rows.shown.size
    some = "" if drawn == rows.certainty.size else f", of {counted(drawn, 'row')}"
    if interval:
        entries.append(line_entry(f"{interval}{some}", color=MIDDLE, linewidth=1.0))
    unsure = f"less than {certainty:.0%} ({counted(rows.unsure, 'row')})"
    entries.append(line_entry(unsure, **_LIMIT))
    return entries
