"""How many components: a criterion of fits of all sizes and structures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from bayesgmm.analysis.selection.table import DIMS, one_line_a_model
from bayesgmm.digits import counted
from bayesgmm.errors import SchemaError
from bayesgmm.options import expect_one_of
from bayesgmm.plots.axes import SHEET, tidy
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import INK, component_style, line_entry, put_legend
from bayesgmm.plots.text import PLAIN, spread_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

CRITERIA = ("BIC", "AIC", "ICL", "NEC")

_RING = {"linestyle": "none", "marker": "o", "markerfacecolor": "none", "markeredgecolor": INK}
_CLOSE = 10.0  # of differences, up to which the axis is linear
_MARGIN, _LINE = 0.05, 0.045  # of the height of the axes
_NESTED, _WIDER = 2.4, 2.2  # points that a symbol, or a line, beneath another is larger
_ALIKE = 0.002  # of the height of the curves: closer values lie on each other
_CROSS = {"linestyle": "none", "marker": "x", "markersize": 7, "markeredgewidth": 1.8}


@dataclass(frozen=True, eq=False)
class _Curves:
    """A criterion, structure by structure.

    Attributes
    ----------
    criterion : str
    structures : tuple of s strings
    numbers : array, shape (m,)
    values : array, shape (s, m)
        NaN where there is no fit, or no value of the criterion.
    settled, failed : arrays, shape (s, m)
    """

    criterion: str
    structures: tuple[str, ...]
    numbers: Int[np.ndarray, " m"]
    values: Float[np.ndarray, "s m"]
    settled: Bool[np.ndarray, "s m"]
    failed: Bool[np.ndarray, "s m"]

    @property
    def best(self) -> tuple[int, int] | None:
        """Place of the smallest value."""
        if np.isnan(self.values).all():
            return None
        place, column = np.unravel_index(np.nanargmin(self.values), self.values.shape)
        return int(place), int(column)

    @property
    def in_differences(self) -> bool:
        """Whether what is drawn is the difference from the best: NEC is a ratio, and is not."""
        return self.criterion != "NEC" and self.best is not None

    @property
    def shown(self) -> Float[np.ndarray, "s m"]:
        """What is drawn."""
        return self.values - self.values[self.best] if self.in_differences else self.values

    @property
    def above(self) -> Int[np.ndarray, "s m"]:
        """How many curves of later structures pass through the same point, and hide it."""
        heights = np.arcsinh(self.shown / _CLOSE) if self.in_differences else self.shown
        near = _ALIKE * np.ptp(heights[~np.isnan(heights)]) if self.best is not None else 0.0
        same = np.abs(heights[:, None] - heights) <= near
        later = np.triu(np.ones(same.shape[:2], dtype=bool), 1)
        return (same & later[:, :, None]).sum(axis=1)


def plot_selection(table: xr.Dataset, criterion: str = "BIC") -> Figure:
    """Draw a criterion over the number of components, one line for each model.

    A model is a covariance structure, or several that are the same, as they may be for one feature.

    BIC, AIC and ICL are drawn as differences from the best fit, linearly up to ten, which is very
    strong evidence (Kass & Raftery, 1995), and logarithmically beyond. The best fit wears a ring.
    Fits that did not converge have hollow symbols. Where fits are as good as each other, as those
    of one component that differ in what is tied are, the larger symbols and the wider lines are
    those beneath. Cells without a fit are crosses along the
    bottom, a line for each structure.

    Parameters
    ----------
    table : xarray.Dataset
        What :func:`bayesgmm.select` returned.
    criterion : {"BIC", "AIC", "ICL", "NEC"}, default "BIC"
        Which criterion; the smaller, the better.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook where a cell returns it; ``savefig`` keeps it.

    Raises
    ------
    SpecificationError
        If ``criterion`` is not one of these.
    SchemaError
        If ``table`` is not a result of ``select``.

    References
    ----------
    Kass, R. E. and Raftery, A. E. (1995). Bayes factors. Journal of the American Statistical
    Association 90, 773-795.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("penguins")[["bill_length_mm", "bill_depth_mm"]].dropna()
    >>> table = bg.select(
    ...     X, range(1, 6), [bg.Full(), bg.Tied()], random_seed=1, progress=False
    ... )
    >>> bg.plot_selection(table).axes[0].get_xlabel()
    'number of components'
    """
    expect_one_of("criterion", criterion, CRITERIA)
    curves = _read(table, criterion)
    figure = Drawing(figsize=(7.4, 5.0 + 0.1 * len(curves.structures)), **SHEET)
    axes = figure.add_subplot()
    for place in range(len(curves.structures)):
        _draw_curve(axes, curves, place)
    _finish_across(axes, curves.numbers)
    _finish_up(axes, curves)
    if curves.best is not None:
        axes.plot(
            curves.numbers[curves.best[1]], curves.shown[curves.best],
            markersize=14 + _NESTED * curves.above[curves.best],
            markeredgewidth=1.4, zorder=4, **_RING,
        )  # fmt: skip
    _draw_failures(axes, curves)
    _name_curves(axes, curves)
    if entries := _entries(curves):
        put_legend(figure, entries)
    return figure


def _read(table: Any, criterion: str) -> _Curves:
    wanted = {*CRITERIA, "failure", "converged"}
    if not isinstance(table, xr.Dataset) or not wanted <= set(table.data_vars):
        raise SchemaError(
            f"Expected the table that bayesgmm.select returned, not {type(table).__name__!r}."
        )
    table = one_line_a_model(table)
    return _Curves(
        criterion,
        tuple(str(name) for name in table[DIMS[0]].values),
        table[DIMS[1]].values,
        table[criterion].values,
        table["converged"].values,
        (table["failure"] != "").values,
    )


def _draw_curve(axes: Axes, curves: _Curves, place: int) -> None:
    style, values, settled = component_style(place), curves.shown[place], curves.settled[place]
    color, look = style.color, {"linestyle": "none", "marker": style.marker}
    above = curves.above[place]
    # A line lies beneath another where both of its ends do.
    beneath = np.minimum(above[1:], above[:-1]).max(initial=0)
    axes.plot(
        curves.numbers, values, color=color, linestyle=style.dash,
        linewidth=1.6 + _WIDER * beneath, zorder=2,
    )  # fmt: skip
    for depth in np.unique(above):
        for mask, face in ((settled, color), (~settled, "white")):
            shown = mask & (above == depth)
            axes.plot(
                curves.numbers[shown], values[shown], color=color, markerfacecolor=face,
                markersize=6 + _NESTED * depth, markeredgewidth=1.2, zorder=3, **look,
            )  # fmt: skip


def _finish_across(axes: Axes, numbers: Int[np.ndarray, " m"]) -> None:
    tidy(axes, across=9)
    every = -(-len(numbers) // 20)
    axes.set_xticks(numbers[::every])
    axes.set_xlim(numbers[0] - 0.3, numbers[-1] + 0.3)
    axes.set_xlabel("number of components")


def _finish_up(axes: Axes, curves: _Curves) -> None:
    """Scale the vertical axis: differences linearly up to ten, and logarithmically beyond.

    So what is close to the best can be told apart, however bad the worst fits are. A difference
    of more than ten is very strong evidence (Kass & Raftery, 1995).
    """
    room = _below(curves)
    if not curves.in_differences:
        axes.set_ylabel(f"{curves.criterion}: smaller is better")
        low, high = axes.get_ylim()
        axes.set_ylim(low - (high - low) * room / (1 - room), high)
        return
    most = max(2 * _CLOSE, 1.6 * np.nanmax(curves.shown))
    axes.set_yscale("symlog", linthresh=_CLOSE, linscale=1.0)
    above = 1 + np.log10(most / _CLOSE)  # in heights of the linear part
    depth = above * room / (1 - room)
    axes.set_ylim(-_CLOSE * (depth if depth <= 1 else 10 ** (depth - 1)), most)
    ticks = [0, _CLOSE / 2, *(_CLOSE * 10**power for power in range(9))]
    ticks = [tick for tick in ticks if tick < most]
    axes.set_yticks(ticks, [f"{tick:,.0f}".replace(",", "\u2009") for tick in ticks])
    axes.minorticks_off()
    best = curves.values[curves.best]
    label = f"{curves.criterion} minus the smallest, {best:.1f}"
    axes.set_ylabel(f"{label}\n(logarithmic above {_CLOSE:.0f})")


def _below(curves: _Curves) -> float:
    """Share of the axes below the curves: a margin, and lines of crosses."""
    return _MARGIN + _LINE * int(curves.failed.any(axis=1).sum())


def _draw_failures(axes: Axes, curves: _Curves) -> None:
    """Put a cross for every cell without a fit below the curves, a line for each structure."""
    lines = np.flatnonzero(curves.failed.any(axis=1))
    for depth, place in enumerate(lines[::-1]):
        at = curves.numbers[curves.failed[place]]
        heights = np.full(at.size, 0.5 * _MARGIN + depth * _LINE)
        axes.plot(
            at, heights, color=component_style(place).color,
            transform=axes.get_xaxis_transform(), **_CROSS,
        )  # fmt: skip


def _name_curves(axes: Axes, curves: _Curves) -> None:
    """Write the name of each structure beside the end of its line."""
    present = np.flatnonzero(~np.isnan(curves.shown).all(axis=1))
    ends = [row[~np.isnan(row)][-1] for row in curves.shown[present]]
    to_share = axes.transData - axes.transAxes
    heights = to_share.transform([(curves.numbers[-1], end) for end in ends])[:, 1] if ends else []
    for place, height in zip(present, spread_out(heights, 0.05), strict=True):
        axes.annotate(
            curves.structures[place], (1.0, height), xycoords="axes fraction", xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=9, annotation_clip=False,
            color=component_style(int(place)).color, **PLAIN,
        )  # fmt: skip


def _entries(curves: _Curves) -> list[Line2D]:
    entries, doubtful = [], int((~curves.settled & ~curves.failed).sum())
    if curves.best is not None:
        place, column = curves.best
        number = counted(int(curves.numbers[column]), "component")
        label = f"best: {curves.structures[place]}, {number}"
        entries.append(line_entry(label, markersize=10, markeredgewidth=1.4, **_RING))
    if doubtful:
        label = f"not converged ({doubtful})"
        entries.append(line_entry(label, markersize=6, **_RING | {"markerfacecolor": "white"}))
    if curves.failed.any():
        entries.append(line_entry(f"no fit ({curves.failed.sum()})", color=INK, **_CROSS))
    return entries
