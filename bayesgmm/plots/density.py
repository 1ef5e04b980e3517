"""The predictive density: of one feature with its band, of two by contours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.errors import SpecificationError
from bayesgmm.options import expect_fraction, expect_whole_number
from bayesgmm.plots.axes import SHEET, name_across, name_up, tidy, without_scale
from bayesgmm.plots.contours import label_contours
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.legend import line_entry, note_entries, put_legend, tick_entry
from bayesgmm.plots.observed import bin_edges
from bayesgmm.plots.palette import BAND, INK, MIDDLE, PALE
from bayesgmm.plots.surface import DensityView
from bayesgmm.posterior.fit import Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FEATURES = 12
"""More panels than this cannot be read."""

_ACROSS = 4  # panels side by side
_LINES = (0.9, 1.4, 2.0, 2.6)  # widths of contours, the widest around the densest region
_MANY_ROWS, _VECTOR_ROWS, _MOST_TICKS = 2_000, 5_000, 1_000


def plot_density(
    tree: Fitted,
    features: Sequence[str] | None = None,
    *,
    probability: float = DEFAULT_PROBABILITY,
    shares: Sequence[float] = (0.5, 0.8, 0.95),
    n_draws: int = 400,
) -> Figure:
    """Draw the posterior predictive density over the rows.

    Of one feature: its density, the band in which the density lies under most draws, and the
    histogram of the rows, each row a tick below it. Of two: contours of the smallest regions that
    hold given shares of the probability, over the rows. Of more: one panel for each feature.

    Parameters
    ----------
    tree : xarray.DataTree or PointEstimate
        What :func:`bayesgmm.fit` or :func:`bayesgmm.estimate` returned, or a conditional or
        marginal mixture.
    features : name or sequence of names, optional
        Which features to show, at most twelve; by default all or, of more, the twelve in which
        the components differ most.
    probability : float, default 0.89
        Posterior probability of the band, at every point.
    shares : sequence of at most four floats, default (0.5, 0.8, 0.95)
        Probabilities of the regions within the contours.
    n_draws : int, default 400
        About how many posterior draws to use; contours need at most 200.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook where a cell returns it; ``savefig`` keeps it.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If more than twelve features are asked for, or an option is out of its range.
    SchemaError
        If ``tree`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_density(bg.example_fit(), ["flipper_length_mm", "bill_depth_mm"])
    >>> figure.axes[0].get_xlabel()
    'flipper_length_mm'
    """
    tails = equal_tails(probability)
    expect_whole_number("n_draws", n_draws)
    _expect_shares(shares)
    view = DensityView.of(tree, features, most=MOST_FEATURES, n_draws=n_draws)
    if len(view.features) == 2:
        return _contours(view, sorted(map(float, shares)))
    return _curves(view, tails, probability)


def _curves(view: DensityView, tails: tuple[float, float], probability: float) -> Drawing:
    """Draw a panel for each feature, side by side."""
    size = len(view.features)
    across = min(size, _ACROSS)
    down = -(-size // across)
    figure = Drawing(
        figsize=(7.0 if size == 1 else 3.1 * across, 4.4 if size == 1 else 2.7 * down + 0.7),
        **SHEET,
    )
    grid = figure.add_gridspec(down, across)
    for place, feature in enumerate(view.features):
        axes = figure.add_subplot(grid[place // across, place % across])
        _curve(axes, view, feature, tails)
        tidy(axes, across=7 if size == 1 else 4)
        if size == 1:
            axes.set_yticks([])
            axes.set_ylabel("density")
        else:
            without_scale(axes)
        name_across(axes, feature, width=60 if size == 1 else 28)
    if view.fit.is_point:
        entries = [line_entry("density", color=INK, linewidth=1.8)]
    else:
        entries = [
            line_entry("posterior predictive density", color=INK, linewidth=1.8),
            Patch(facecolor=BAND, alpha=0.6, label=f"density, {interval_name(probability)}"),
        ]
    if view.n_rows:
        entries.append(Patch(facecolor=PALE, label="histogram of the rows"))
        entries.append(tick_entry("rows", colour=MIDDLE))
    put_legend(figure, [*entries, *note_entries(view.note)])
    return figure


def _curve(axes: Axes, view: DensityView, feature: str, tails: tuple[float, float]) -> None:
    values, weights = view.observed(feature)
    grid, mean, lower, upper = view.curve(feature, tails)
    highest = max(upper.max(), mean.max())
    if values.size:
        bars, *_ = axes.hist(
            values, bins=bin_edges(values), weights=weights, density=True, color=PALE, zorder=1
        )
        highest = max(highest, bars.max())
    axes.fill_between(grid, lower, upper, color=BAND, alpha=0.6, linewidth=0, zorder=2)
    for edge in (lower, upper):
        axes.plot(grid, edge, color=BAND, linewidth=0.6, zorder=2)
    axes.plot(grid, mean, color=INK, linewidth=1.8, zorder=3)
    axes.set_xlim(grid[0], grid[-1])
    axes.set_ylim(0, 1.04 * highest)
    if values.size:
        _rug(axes, values, highest)


def _rug(axes: Axes, values: np.ndarray, highest: float) -> None:
    faint = float(np.clip(60 / values.size, 0.02, 0.7))
    height = np.full(values.size, -0.045 * highest)
    axes.plot(
        values, height, "|", color=INK, markersize=8, markeredgewidth=0.7, alpha=faint,
        rasterized=values.size > _VECTOR_ROWS,
    )  # fmt: skip
    axes.set_ylim(bottom=-0.09 * highest)


def _contours(view: DensityView, shares: list[float]) -> Drawing:
    across, up = view.features
    figure = Drawing(figsize=(7.0, 6.0), **SHEET)
    axes = figure.add_subplot()
    rows, weights = view.rows(across, up)
    if len(rows):
        _points(axes, rows, weights)
    x, y, log_density = view.surface(across, up)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])
    tidy(axes, across=7, up=7)
    name_across(axes, across)
    name_up(axes, up)
    put_legend(figure, _contour_entries(view, rows, shares))
    # The widest share has the lowest density.
    levels = view.thresholds(across, up, shares)[::-1]
    drawn = axes.contour(
        x, y, log_density, levels=levels, colors=INK, linestyles="solid",
        linewidths=_LINES[: len(shares)], zorder=4,
    )  # fmt: skip
    label_contours(axes, drawn, [f"{100 * share:g}%" for share in shares[::-1]])
    return figure


def _points(axes: Axes, rows: np.ndarray, weights: np.ndarray) -> None:
    crowding = float(np.clip((_MANY_ROWS / len(rows)) ** 0.5, 0.1, 1.0))
    axes.scatter(
        *rows.T, s=13.0 * crowding * weights / weights.mean(), c=MIDDLE, linewidths=0,
        alpha=0.7 * crowding,        rasterized=len(rows) > _VECTOR_ROWS, zorder=2,
    )  # fmt: skip


def _contour_entries(view: DensityView, rows: np.ndarray, shares: list[float]) -> list[Line2D]:
    held = ", ".join(f"{100 * share:g}%" for share in shares)
    label = f"smallest regions with {held} of the predictive probability"
    entries = [line_entry(label, color=INK, linewidth=1.6)]
    if len(rows):
        lost = view.n_rows - len(rows)
        lacking = f"; {lost} more lack one of the cells" if lost else ""
        label = f"rows ({len(rows)}{lacking})"
        entries.append(line_entry(label, color=MIDDLE, marker="o", markersize=4, linestyle="none"))
    return entries


def _expect_shares(shares: Sequence[float]) -> None:
    if (
        isinstance(shares, str)
        or not isinstance(shares, Sequence)
        or not 1 <= len(shares) <= len(_LINES)
    ):
        raise SpecificationError(
            f"shares must be one to four fractions such as (0.5, 0.9), not {shares!r}."
        )
    for share in shares:
        expect_fraction("shares", share)
    if len(set(shares)) < len(shares):
        raise SpecificationError(f"shares must differ from each other, not {shares!r}.")
