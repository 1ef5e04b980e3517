"""The co-clustering (posterior similarity) matrix, in the order of the partition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from matplotlib.patches import Patch, Rectangle
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from bayesgmm.analysis.clustering.co_clustering import co_clustering
from bayesgmm.analysis.clustering.partition import partition
from bayesgmm.digits import counted
from bayesgmm.errors import DataError
from bayesgmm.options import expect_whole_number
from bayesgmm.plots.axes import SHEET
from bayesgmm.plots.figure import Drawing
from bayesgmm.plots.palette import component_style, group_hatch, put_legend
from bayesgmm.plots.text import short_names
from bayesgmm.seeds import RandomSeed, generator
from bayesgmm.tree.fit import Fit, Fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_GROUPS = 24
"""Maximum number of distinguishable groups in a bar."""

_NAMED = 0.022  # share of the lines from which a cluster has room for its name
_SHARES = "Grays"  # a color map that prints well in black and white


@dataclass(frozen=True, eq=False)
class _Matrix:
    """A matrix whose rows and columns are sorted.

    Attributes
    ----------
    shares : array, shape (m, m)
    clusters : array, shape (m,)
        The cluster of each line; equal ones follow each other.
    rows : array, shape (m,)
        The position of each line in the table.
    n_rows : int
        Of the table.
    """

    shares: Float[np.ndarray, "m m"]
    clusters: Int[np.ndarray, " m"]
    rows: Int[np.ndarray, " m"]
    n_rows: int


def plot_co_clustering(
    mixture: Fitted,
    groups: Sequence[Any] | None = None,
    *,
    max_rows: int = 500,
    max_draws: int = 400,
    random_seed: RandomSeed = 1,
) -> Figure:
    """Plot the co-clustering probabilities of all pairs of rows.

    Rows are in the order of the partition that summarizes the posterior
    (:func:`bayesgmm.partition`), larger clusters first; within a cluster similar rows are adjacent.
    A bar on the left shows the clusters, and one on the right known groups.

    Parameters
    ----------
    mixture : xarray.DataTree or PointEstimate
        Result of :func:`bayesgmm.fit` or :func:`bayesgmm.estimate`.
    groups : sequence of n names, optional
        A group of every row of the fit, such as its species, to compare with; at most 24.
    max_rows : int, default 500
        Of a longer table this many rows are sampled at random, as noted in the figure.
    max_draws : int, default 400
        Approximate number of posterior draws to use.
    random_seed : int, SeedSequence or Generator, optional
        Seed of the sample of rows.

    Returns
    -------
    matplotlib.figure.Figure
        Shown by a notebook if a cell returns it; save it with ``savefig``.

    Raises
    ------
    DataError
        If there is not one group for each row, or there are too many, or the tree has no rows.
    SpecificationError
        If ``max_rows`` or ``max_draws`` is not a positive whole number.
    SchemaError
        If ``mixture`` is not a result of ``fit`` or ``estimate``.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> figure = bg.plot_co_clustering(bg.example_fit(), max_rows=100)
    >>> figure.axes[0].get_xlabel()
    '100 of 342 rows, drawn at random'
    """
    expect_whole_number("max_rows", max_rows)
    expect_whole_number("max_draws", max_draws)
    fit = Fit.of(mixture)
    n_rows = fit.data.n_rows
    known = None if groups is None else _known(groups, n_rows)
    matrix = _sorted(fit, n_rows, max_rows, max_draws, random_seed)
    # The default layout does not support square axes, and cuts names off until drawn several times.
    sheet = SHEET | {"layout": "compressed"}
    figure = Drawing(figsize=(7.6, 6.1 if known is None else 6.4), **sheet)
    axes = figure.add_subplot()
    image = axes.imshow(matrix.shares, cmap=_SHARES, vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axes, label="co-clustering probability", shrink=0.8, pad=0.02)
    _draw_clusters(axes, matrix)
    axes.set_xlabel(_which(matrix))
    axes.set_xticks([])
    axes.set_yticks([])
    if known is not None:
        _draw_groups(figure, axes, matrix, *known)
    return figure


def _sorted(fit: Fit, n_rows: int, max_rows: int, draws: int, random_seed: RandomSeed) -> _Matrix:
    rows = np.arange(n_rows)
    if n_rows > max_rows:
        rows = np.sort(generator(random_seed).choice(n_rows, max_rows, replace=False))
        fit = fit.with_rows(rows)
    shares = co_clustering(fit, max_draws=draws).values
    labels = partition(fit, max_draws=draws, n_runs=8, progress=False)["label"].values.astype(
        np.int64
    )
    order = np.concatenate(
        [_ordered_by_similarity(shares, cluster) for cluster in _members(labels)]
    )
    return _Matrix(shares[np.ix_(order, order)], labels[order], rows[order], n_rows)


def _members(labels: Int[np.ndarray, " m"]) -> list[Int[np.ndarray, " _"]]:
    return [np.flatnonzero(labels == cluster) for cluster in range(labels.max() + 1)]


def _ordered_by_similarity(
    shares: Float[np.ndarray, "m m"], members: Int[np.ndarray, " c"]
) -> Int[np.ndarray, " c"]:
    """Order the rows of a cluster as the leaves of a tree in which neighbors are similar."""
    if members.size < 3:
        return members
    distances = 1.0 - shares[np.ix_(members, members)]
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(np.maximum(distances, 0.0), checks=False), "average")
    return members[leaves_list(tree)]


def _which(matrix: _Matrix) -> str:
    if matrix.rows.size < matrix.n_rows:
        return f"{matrix.rows.size} of {counted(matrix.n_rows, 'row')}, drawn at random"
    return counted(matrix.n_rows, "row")


def _draw_clusters(axes: Axes, matrix: _Matrix) -> None:
    """Draw a bar on the left with the clusters, and lines between them."""
    size, sizes = matrix.rows.size, np.bincount(matrix.clusters)
    ends = np.cumsum(sizes) - 0.5
    for end in ends[:-1]:
        axes.axhline(end, color="#D55E00", linewidth=0.7)
        axes.axvline(end, color="#D55E00", linewidth=0.7)
    for cluster, (end, count) in enumerate(zip(ends, sizes, strict=True)):
        _draw_cluster(axes, cluster, end - count, int(count), size)
    axes.set_ylabel("cluster of the partition (rows)", labelpad=62)


def _draw_cluster(axes: Axes, cluster: int, start: float, count: int, size: int) -> None:
    width, shade = 0.03 * size, "#555555" if cluster % 2 == 0 else "#bbbbbb"
    corner = (-0.5 - 1.4 * width, start)
    bar = Rectangle(corner, width, count, facecolor=shade, clip_on=False, linewidth=0)
    axes.add_patch(bar)
    if count > _NAMED * size:
        axes.annotate(
            f"{cluster} ({count})", (-0.5 - 1.7 * width, start + count / 2), ha="right",
            va="center", fontsize=8.5, annotation_clip=False,
        )  # fmt: skip


def _known(groups: Any, n_rows: int) -> tuple[list[str], Int[np.ndarray, " n"]]:
    """Return the names of the groups and the group of every row, -1 where none is known."""
    if isinstance(groups, str) or not isinstance(groups, Iterable):
        raise DataError(f"groups must be a sequence of {n_rows} names, not {groups!r}.")
    values = [None if pd.isna(value) else str(value) for value in groups]
    if len(values) != n_rows:
        raise DataError(
            f"groups must hold a name for each of the {n_rows} rows of the fit, not {len(values)}."
        )
    names = sorted({value for value in values if value is not None})
    if len(names) > MOST_GROUPS:
        raise DataError(
            f"groups holds {len(names)} different names; at most {MOST_GROUPS} can be told apart."
        )
    places = np.array([-1 if value is None else names.index(value) for value in values])
    return names, places


def _draw_groups(
    figure: Figure,
    axes: Axes,
    matrix: _Matrix,
    names: list[str],
    places: Int[np.ndarray, " n"],
) -> None:
    size, here = matrix.rows.size, places[matrix.rows]
    width = 0.04 * size
    starts = np.flatnonzero(np.diff(here, prepend=-2))
    stops = np.append(starts[1:], size)
    for start, stop in zip(starts, stops, strict=True):
        if here[start] >= 0:
            axes.add_patch(
                Rectangle(
                    (size - 0.5 + 0.3 * width, start - 0.5),
                    width,
                    stop - start,
                    clip_on=False,
                    **_look(here[start]),
                )
            )
    labels = short_names(names, 30)
    present = [place for place in range(len(names)) if (here == place).any()]
    put_legend(figure, [Patch(label=labels[place], **_look(place)) for place in present])


def _look(place: int) -> dict[str, Any]:
    return {
        "facecolor": component_style(place).color,
        "hatch": group_hatch(place),
        "linewidth": 0,
        "edgecolor": "white",
    }
