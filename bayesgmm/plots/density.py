"""The posterior predictive density: of one feature with its band, of two as contours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from bayesgmm.analysis.density.conditional import marginalize
from bayesgmm.analysis.density.highest_density_region import highest_density_region
from bayesgmm.analysis.density.log_density import log_density, marginal_density
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.errors import SpecificationError
from bayesgmm.options import expect_fraction, expect_whole_number
from bayesgmm.plots.axes import SHEET, name_across, name_up, tidy, without_scale
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.observed import bin_edges, choose, observed_cells, row_weights
from bayesgmm.plots.palette import (
    BAND,
    INK,
    MIDDLE,
    PALE,
    line_entry,
    note_entries,
    put_legend,
    tick_entry,
)
from bayesgmm.schema import CHAIN, COMPONENT, DATA, DRAW, FEATURE
from bayesgmm.tree.fit import Fit, Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure


_CURVE_POINTS, _SURFACE_POINTS = 401, 111
_SURFACE_DRAWS, _SIMULATED_ROWS = 200, 4_000
_REACH = 3.2  # standard deviations of the components that are within the picture
_BEYOND = 0.5  # of the range of the rows; components may reach no further
_NARROW = 2.0  # steps of the grid
_SEED = 20
"""Seed of the rows simulated for contours, so that figures are reproducible."""


@dataclass(frozen=True, eq=False)
class DensityView:
    """A posterior with few enough draws, and the rows.

    Attributes
    ----------
    fit : Fit
    features : tuple of strings
    note : str
        Note on the features, if they were chosen automatically.
    """

    fit: Fit
    features: tuple[str, ...]
    note: str = ""

    @classmethod
    def of(
        cls, tree: Fitted, features: Sequence[str] | None, *, most: int, n_draws: int
    ) -> DensityView:
        """Return the view of these features, or of at most the given number of all."""
        fit = Fit.of(tree)
        chosen = choose(fit, features, most)
        return cls(fit.few(n_draws), chosen.features, chosen.note)

    @property
    def n_rows(self) -> int:
        """How many rows count."""
        return int((row_weights(self.fit) > 0).sum())

    def observed(self, feature: str) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Return the observed cells of one feature, and how often each counts."""
        return observed_cells(self.fit, feature)

    def rows(
        self, across: str, up: str
    ) -> tuple[Float[np.ndarray, "m 2"], Float[np.ndarray, " m"]]:
        """Return the rows that have both features, and how often each counts."""
        rows = self.fit.tree["observed_data"][DATA].sel({FEATURE: [across, up]}).values
        weights = row_weights(self.fit)
        kept = ~np.isnan(rows).any(axis=1) & (weights > 0)
        return rows[kept], weights[kept]

    def curve(
        self, feature: str, tails: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return a grid, the predictive density on it, and its pointwise band."""
        grid = self._grid(feature, _CURVE_POINTS)
        density = marginal_density(self.fit, feature, grid, draws=self._n_draws)
        by_draw = density.sum(COMPONENT).stack(sample=(CHAIN, DRAW)).transpose("sample", ...)
        lower, upper = np.quantile(by_draw.values, tails, axis=0)
        return grid, by_draw.values.mean(axis=0), lower, upper

    def surface(self, across: str, up: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return two grids, and the log density of the pair (up, across)."""
        x, y = self._fine_grid(across), self._fine_grid(up)
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        values = log_density(self._pair(across, up), points)
        return x, y, values.values.reshape(y.size, x.size)

    def thresholds(self, across: str, up: str, shares: Sequence[float]) -> list[float]:
        """Return the log density at the edge of each of the smallest regions."""
        pair = self._pair(across, up)
        regions = [
            highest_density_region(pair, ci_prob=share, n_rows=_SIMULATED_ROWS, random_seed=_SEED)
            for share in shares
        ]
        return [float(region["log_threshold"]) for region in regions]

    def _pair(self, across: str, up: str) -> Fit:
        return Fit.of(marginalize(self.fit, [across, up])).few(_SURFACE_DRAWS)

    def _fine_grid(self, feature: str) -> Float[np.ndarray, " points"]:
        """Return a grid with more points in components that are narrower than its steps."""
        grid = self._grid(feature, _SURFACE_POINTS)
        mean = self.fit.posterior.to_dataset()[["means", "scales"]].mean((CHAIN, DRAW))
        means, scales = (mean[name].sel({FEATURE: feature}).values for name in mean.data_vars)
        narrow = scales < _NARROW * (grid[1] - grid[0])
        more = means[narrow, None] + scales[narrow, None] * np.linspace(-_REACH, _REACH, 17)
        return np.unique(np.concatenate([grid, more[(more > grid[0]) & (more < grid[-1])]]))

    @property
    def _n_draws(self) -> int:
        posterior = self.fit.posterior
        return posterior.sizes[CHAIN] * posterior.sizes[DRAW]

    def _grid(self, feature: str, size: int) -> Float[np.ndarray, " points"]:
        """Points from end to end of the rows, and of components that do not reach far beyond."""
        one = self.fit.posterior.to_dataset()[["means", "scales"]].sel({FEATURE: feature})
        means, scales = one["means"].mean((CHAIN, DRAW)), one["scales"].mean((CHAIN, DRAW))
        low, high = float((means - _REACH * scales).min()), float((means + _REACH * scales).max())
        values, _ = self.observed(feature)
        if values.size:
            least, most = values.min(), values.max()
            room = _BEYOND * (most - least)
            margin = 0.02 * (most - least)
            low = min(least - margin, max(low, least - room))
            high = max(most + margin, min(high, most + room))
        return np.linspace(low, high, size)


_EDGE = 0.06  # of the axes; labels keep away from its ends


def label_contours(axes: Axes, contours: ContourSet, labels: Sequence[str]) -> None:
    """Write one label on every level, on its largest line and far from the other levels."""
    lines = [_largest(axes, contours, level) for level in range(len(labels))]
    names = dict(zip(contours.levels, labels, strict=True))
    for level, line in enumerate(lines):
        if len(line) < 2:
            continue
        others = [other for place, other in enumerate(lines) if place != level and len(other)]
        x, y = _in_data(axes, _roomiest(line, others))
        texts = axes.clabel(
            contours, [contours.levels[level]], fmt=names, fontsize=9, colors=INK,
            manual=[(x, y)], inline_spacing=3,
        )  # fmt: skip
        for text in texts:
            text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
            text.set_zorder(6)


def _largest(axes: Axes, contours: ContourSet, level: int) -> Float[np.ndarray, "points 2"]:
    """Return the line around the largest box of a level in shares of the axes."""
    pieces = contours.get_paths()[level].to_polygons(closed_only=False)
    pieces = [_in_shares(axes, np.asarray(piece, dtype=float)) for piece in pieces]
    areas = [np.prod(np.ptp(piece, axis=0)) for piece in pieces]
    return pieces[int(np.argmax(areas))] if pieces else np.empty((0, 2))


def _roomiest(
    line: Float[np.ndarray, "points 2"], others: Sequence[Float[np.ndarray, "_ 2"]]
) -> Float[np.ndarray, " 2"]:
    inside = ((line > _EDGE) & (line < 1 - _EDGE)).all(axis=1)
    line = line[inside] if inside.any() else line
    if not others:
        return line[np.argmax(line[:, 1])]
    distances = np.linalg.norm(line[:, None] - np.concatenate(others)[None], axis=-1)
    return line[distances.min(axis=1).argmax()]


def _in_shares(axes: Axes, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
    return axes.transAxes.inverted().transform(axes.transData.transform(points))


def _in_data(axes: Axes, point: Float[np.ndarray, " 2"]) -> Float[np.ndarray, " 2"]:
    return axes.transData.inverted().transform(axes.transAxes.transform(point))


MOST_FEATURES = 12
"""Maximum number of legible panels."""

_ACROSS = 4  # panels side by side
_LINES = (0.9, 1.4, 2.0, 2.6)  # widths of contours, the widest around the densest region
_MANY_ROWS, _VECTOR_ROWS = 2_000, 5_000


def plot_density(
    mixture: Fitted,
    features: Sequence[str] | None = None,
    *,
    ci_prob: float = DEFAULT_PROBABILITY,
    hdi_probs: Sequence[float] = (0.5, 0.8, 0.95),
    max_draws: int = 400,
) -> Figure:
    """Plot the posterior predictive density over the rows.

    For one feature: its density, a pointwise posterior band of the density, and the histogram of
    the rows, with a tick for each row. For two: contours of the highest-density regions with the
    given probabilities, over the rows. For more: one panel for each feature.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`, or a conditional or
        marginal mixture.
    features : name or sequence of names, optional
        Which features to show, at most twelve; by default all or, if there are more, the twelve in
        which the components differ most.
    ci_prob : float, default 0.89
        Posterior probability of the band, at every point.
    hdi_probs : sequence of at most four floats, default (0.5, 0.8, 0.95)
        Probabilities of the regions within the contours.
    max_draws : int, default 400
        Approximate number of posterior draws to use; contours use at most 200.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature.
    SpecificationError
        If more than twelve features are requested, or an option is out of its range.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_density(bg.example_fit(), ["flipper_length_mm", "bill_depth_mm"])
    >>> figure.axes[0].get_xlabel()
    'flipper_length_mm'
    """
    tails = equal_tails(ci_prob)
    expect_whole_number("max_draws", max_draws)
    _expect_shares(hdi_probs)
    view = DensityView.of(mixture, features, most=MOST_FEATURES, n_draws=max_draws)
    if len(view.features) == 2:
        return _contours(view, sorted(map(float, hdi_probs)))
    return _curves(view, tails, ci_prob)


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
        entries.append(tick_entry("rows", color=MIDDLE))
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
    label = f"highest-density regions with {held} of the predictive probability"
    entries = [line_entry(label, color=INK, linewidth=1.6)]
    if len(rows):
        lost = view.n_rows - len(rows)
        lacking = f"; {lost} more with missing cells" if lost else ""
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
            f"hdi_probs must be one to four fractions such as (0.5, 0.9), not {shares!r}."
        )
    for share in shares:
        expect_fraction("hdi_probs", share)
    if len(set(shares)) < len(shares):
        raise SpecificationError(f"hdi_probs must differ from each other, not {shares!r}.")
