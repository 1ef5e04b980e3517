"""Posterior predictive checks: replicated tables against the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from bayesgmm.analysis.density.conditional import marginalize
from bayesgmm.analysis.generation.posterior_predictive import posterior_predictive
from bayesgmm.analysis.intervals import DEFAULT_PROBABILITY, equal_tails, interval_name
from bayesgmm.options import expect_one_of, expect_whole_number
from bayesgmm.plots.axes import SHEET, name_across, tidy, without_scale
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.observed import bin_edges, choose, row_weights
from bayesgmm.plots.palette import INK, PALE_BAND, line_entry, note_entries, put_legend
from bayesgmm.schema import CHAIN, DATA, DRAW, FEATURE, ROW
from bayesgmm.seeds import RandomSeed, spawn
from bayesgmm.tree.fit import Fit, Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("histogram", "ecdf")

MOST_FEATURES = 12
"""Maximum number of legible panels."""

_ACROSS = 4  # panels side by side
_MOST_CELLS, _FEWEST_TABLES = 2_500_000, 40
_FINE = 400  # bins under a distribution function
_BEYOND = 0.5  # of the range of the rows: replicated cells may be shown so far outside of it


@dataclass(frozen=True, eq=False)
class _Check:
    """One feature: the observed distribution, and those of replicated tables.

    Attributes
    ----------
    edges : array, shape (bins + 1,)
    seen : array, shape (bins,)
        Density, or cumulative share at the right edge, of each bin.
    lower, middle, upper : arrays, shape (bins,)
        Quantiles of the same over replicated tables.
    """

    edges: Float[np.ndarray, " edges"]
    seen: Float[np.ndarray, " bins"]
    lower: Float[np.ndarray, " bins"]
    middle: Float[np.ndarray, " bins"]
    upper: Float[np.ndarray, " bins"]


def plot_predictive(
    mixture: Fitted,
    features: Sequence[str] | None = None,
    *,
    kind: str = "histogram",
    ci_prob: float = DEFAULT_PROBABILITY,
    max_draws: int = 100,
    random_seed: RandomSeed = 1,
) -> Figure:
    """Plot the rows, for each feature, against posterior predictive tables.

    Each table is simulated from one posterior draw and has as many rows as were fitted, with the
    same missing cells and weights. A white line is the median of the tables in each bin. If the
    model is right, a bar of the histogram lies in the interval of its bin with the given
    probability: of fifty bars about five lie outside.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    features : name or sequence of names, optional
        Which features to show, at most twelve; by default all or, if there are more, the twelve in
        which the components differ most.
    kind : {"histogram", "ecdf"}, default "histogram"
        Densities of bins, or the distribution function, which needs no bins.
    ci_prob : float, default 0.89
        Probability of the equal-tailed intervals of the tables.
    max_draws : int, default 100
        Approximate number of tables; down to 40 for more than 25 000 rows.
    random_seed : int, SeedSequence or Generator, optional
        The same seed gives the same tables.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    DataError
        If the fit has no such feature, or the tree has no rows.
    SpecificationError
        If more than twelve features are requested, or an option is out of its range.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_predictive(bg.example_fit(), ["bill_depth_mm", "body_mass_g"])
    >>> [axes.get_xlabel() for axes in figure.axes]
    ['bill_depth_mm', 'body_mass_g']
    """
    tails = equal_tails(ci_prob)
    expect_one_of("kind", kind, KINDS)
    expect_whole_number("max_draws", max_draws)
    fit = Fit.of(mixture).repeated(max_draws)
    fit.expect_rows()
    choice = choose(fit, features, MOST_FEATURES)
    chosen = choice.features
    seeds = spawn(random_seed, len(chosen))
    across = min(len(chosen), _ACROSS)
    down = -(-len(chosen) // across)
    size = (7.0, 4.6) if len(chosen) == 1 else (3.1 * max(across, 2), 0.8 + 2.6 * down)
    figure = Drawing(figsize=size, **SHEET)
    grid = figure.add_gridspec(down, across)
    for place, (feature, seed) in enumerate(zip(chosen, seeds, strict=True)):
        axes = figure.add_subplot(grid[place // across, place % across])
        replicated = _replicated(fit, feature, max_draws, seed)
        check = _check(fit, feature, replicated, tails, cumulative=kind == "ecdf")
        _draw(axes, check, cumulative=kind == "ecdf")
        name_across(axes, feature, width=60 if len(chosen) == 1 else 28)
    entries = _entries(kind, ci_prob, len(replicated))
    put_legend(figure, [*entries, *note_entries(choice.note)])
    return figure


def _replicated(
    fit: Fit, feature: str, tables: int, random_seed: RandomSeed
) -> Float[np.ndarray, "tables n"]:
    """Return one column of the tables: that of a marginal mixture, which is drawn faster."""
    posterior = fit.posterior
    tables = min(tables, max(_FEWEST_TABLES, _MOST_CELLS // fit.n_rows))
    each = min(posterior.sizes[DRAW], -(-tables // posterior.sizes[CHAIN]))
    made = posterior_predictive(marginalize(fit, [feature]), n_draws=each, random_seed=random_seed)
    stacked = made["posterior_predictive"][DATA].transpose(CHAIN, DRAW, ROW, FEATURE).values
    return stacked.reshape(-1, stacked.shape[2])


def _check(
    fit: Fit,
    feature: str,
    tables: Float[np.ndarray, "tables n"],
    tails: tuple[float, float],
    *,
    cumulative: bool,
) -> _Check:
    values = fit.tree["observed_data"][DATA].sel({FEATURE: feature}).values
    weights = row_weights(fit)
    kept = ~np.isnan(values) & (weights > 0)
    values, weights, tables = values[kept], weights[kept], tables[:, kept]
    edges = _edges(values, tables, cumulative=cumulative)
    seen = _heights(values, weights, edges, cumulative=cumulative)
    expected = [_heights(table, weights, edges, cumulative=cumulative) for table in tables]
    lower, middle, upper = np.quantile(expected, [tails[0], 0.5, tails[1]], axis=0)
    return _Check(edges, seen, lower, middle, upper)


def _edges(
    values: Float[np.ndarray, " n"], tables: Float[np.ndarray, "tables n"], *, cumulative: bool
) -> Float[np.ndarray, " edges"]:
    """Return bins of the rows, and as many more as the replicated cells need."""
    edges = bin_edges(values)
    width, room = edges[1] - edges[0], _BEYOND * (edges[-1] - edges[0])
    least, most = np.quantile(tables, [0.0005, 0.9995])
    before = int(np.ceil(np.clip(edges[0] - least, 0, room) / width))
    after = int(np.ceil(np.clip(most - edges[-1], 0, room) / width))
    longer = edges[0] + width * np.arange(-before, edges.size + after)
    return np.linspace(longer[0], longer[-1], _FINE + 1) if cumulative else longer


def _heights(
    values: Float[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    edges: Float[np.ndarray, " edges"],
    *,
    cumulative: bool,
) -> Float[np.ndarray, " bins"]:
    """Return densities over all cells, also those outside of the bins; or cumulative shares."""
    # NumPy sorts weighted values, which takes longer than to count them.
    same = bool((weights == weights[0]).all())
    counts, _ = np.histogram(values, bins=edges, weights=None if same else weights)
    counts = counts * weights[0] if same else counts
    if cumulative:
        return (weights[values < edges[0]].sum() + np.cumsum(counts)) / weights.sum()
    return counts / (weights.sum() * np.diff(edges))


def _draw(axes: Axes, check: _Check, *, cumulative: bool) -> None:
    if cumulative:
        right = check.edges[1:]
        axes.fill_between(right, check.lower, check.upper, color=PALE_BAND, linewidth=0)
        axes.plot(right, check.middle, color="white", linewidth=1.2)
        axes.step(right, check.seen, where="post", color=INK, linewidth=1.3)
        axes.set_ylim(0, 1.01)
    else:
        axes.stairs(check.upper, check.edges, baseline=check.lower, fill=True, color=PALE_BAND)
        axes.stairs(check.middle, check.edges, baseline=None, color="white", linewidth=1.2)
        axes.stairs(check.seen, check.edges, color=INK, linewidth=1.3)
        axes.set_ylim(0, 1.04 * max(check.seen.max(), check.upper.max()))
    axes.set_xlim(check.edges[0], check.edges[-1])
    tidy(axes, across=5, up=5)
    if not cumulative:
        without_scale(axes)


def _entries(kind: str, probability: float, tables: int) -> list:
    seen = "histogram of the rows" if kind == "histogram" else "empirical distribution function"
    rows = line_entry(seen, color=INK, linewidth=1.3)
    interval = interval_name(probability)
    band = Patch(facecolor=PALE_BAND, label=f"{tables} replicated tables, {interval}")
    # White, as in the panels, on the color of the band.
    around = withStroke(linewidth=7.0, foreground=PALE_BAND)
    middle = line_entry(
        "median of replicated tables", color="white", linewidth=1.4, path_effects=[around]
    )
    return [rows, band, middle]
