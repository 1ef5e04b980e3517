"""Responsibilities over many mixtures: their mean, and two quantiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.kernels.rows import component_tables
from bayesgmm.numerics.patterns import Patterns
from bayesgmm.numerics.rows import RowsInMemory, as_rows
from bayesgmm.numerics.statistics import PrecisionForm, all_mixtures
from bayesgmm.parameters import MixtureParameters

_MOST_ROWS = 256  # at once, one tile of the passes over rows
_NUMBERS_AT_ONCE = 1_500_000  # responsibilities that a thread holds, 12 MB


@dataclass(frozen=True)
class Memberships:
    """The component that rows come from, over many mixtures.

    Attributes
    ----------
    mean : array, shape (n, k)
        Responsibilities, averaged over the mixtures.
    lower, upper : array, shape (n, k)
        Two quantiles of the responsibilities over the mixtures.
    """

    mean: Float[np.ndarray, "n k"]
    lower: Float[np.ndarray, "n k"]
    upper: Float[np.ndarray, "n k"]


def memberships(
    X: RowsInMemory | Float[np.ndarray, "n d"],
    draws: MixtureParameters,
    quantiles: tuple[float, float],
    *,
    report: Callable[[int], None] | None = None,
) -> Memberships:
    """Return mean and two quantiles of the responsibilities, those of NumPy's default kind.

    A quantile needs all mixtures at once. So the rows go in small blocks, and memory depends
    neither on their number nor, beyond the factorized mixtures themselves, on that of the draws.
    ``report`` is called with the number of rows of each finished block.
    """
    X, mixtures = as_rows(X), all_mixtures(draws)
    found = Memberships(*np.empty((3, X.n_rows, draws.n_components)))
    for part, own, rows in _complete_parts(X, mixtures):
        _write(part, own, quantiles, found, rows, report)
    return found


def shared_memberships(
    X: RowsInMemory,
    draws: MixtureParameters,
    reference: RowsInMemory,
    labels: Int[np.ndarray, " m"],
    quantiles: tuple[float, float],
    *,
    report: Callable[[int], None] | None = None,
) -> Memberships:
    """Return in which clusters of reference rows those are that share a component with a row.

    For mixtures whose components cannot be matched. In each, component j has the share S_jc of its
    rows of reference in cluster c, and row i belongs to c with probability sum_j r_ij S_jc.
    """
    clusters, mixtures = np.eye(labels.max() + 1)[labels], all_mixtures(draws)
    counts = np.zeros((*mixtures.constants.shape, clusters.shape[1]))
    for part, own, rows in _complete_parts(reference, mixtures):
        for block in _blocks(rows.size, mixtures):
            counts += np.swapaxes(_table(part, own, block), 1, 2) @ clusters[rows[block]]
    totals, everyone = counts.sum(axis=-1, keepdims=True), clusters.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # an empty component is like all rows
        shares = np.where(totals > 0, counts / totals, everyone)
    found = Memberships(*np.empty((3, X.n_rows, clusters.shape[1])))
    for part, own, rows in _complete_parts(X, mixtures):
        _write(part, own, quantiles, found, rows, report, shares)
    return found


def _complete_parts(
    X: RowsInMemory, mixtures: PrecisionForm
) -> Iterator[tuple[RowsInMemory, PrecisionForm, Int[np.ndarray, " m"]]]:
    """Yield rows with the same observed cells, the mixtures of these features, and their places."""
    if not X.has_gaps:
        yield X, mixtures, np.arange(X.n_rows)
        return
    for rows, features, size, cells in Patterns.of(X.values).each():
        known = X.label_log_likelihoods
        part = RowsInMemory(cells, label_log_likelihoods=known[rows] if known.size else known)
        yield part, mixtures.marginal(features, size), rows


def _blocks(n_rows: int, mixtures: PrecisionForm) -> list[slice]:
    n_mixtures, k = mixtures.constants.shape
    size = min(_MOST_ROWS, max(1, _NUMBERS_AT_ONCE // (n_mixtures * k)))
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def _table(
    X: RowsInMemory, mixtures: PrecisionForm, block: slice
) -> Float[np.ndarray, "mixtures m k"]:
    """Return the responsibilities of a block of complete rows under every mixture."""
    values, _, label_log_likelihoods = X.arrays
    n_mixtures, k = mixtures.constants.shape
    table = np.empty((n_mixtures, block.stop - block.start, k))
    component_tables(
        values[block], label_log_likelihoods[block], *mixtures.kernel_arguments(), table
    )
    return table


def _write(
    X: RowsInMemory,
    mixtures: PrecisionForm,
    quantiles: tuple[float, float],
    found: Memberships,
    places: Int[np.ndarray, " m"],
    report: Callable[[int], None] | None,
    shares: Float[np.ndarray, "mixtures k c"] | None = None,
) -> None:
    """Write what is asked of complete rows into their places."""
    blocks = _blocks(X.n_rows, mixtures)

    def write_block(number: int) -> None:
        table = _table(X, mixtures, blocks[number])
        if shares is not None:
            table = table @ shares
        rows = places[blocks[number]]
        found.mean[rows] = table.mean(axis=0)
        in_order = np.ascontiguousarray(table.transpose(1, 2, 0))
        in_order.sort(axis=2)  # of consecutive numbers; NumPy's quantiles take three times as long
        found.lower[rows], found.upper[rows] = (_at(in_order, each) for each in quantiles)
        if report is not None:
            report(rows.size)

    for_each(len(blocks), write_block)


def _at(in_order: Float[np.ndarray, "m k mixtures"], quantile: float) -> Float[np.ndarray, "m k"]:
    """Return a quantile of sorted numbers, linear between two of them."""
    place = quantile * (in_order.shape[2] - 1)
    before = int(place)
    after = min(before + 1, in_order.shape[2] - 1)
    low, high = in_order[:, :, before], in_order[:, :, after]
    return low + (high - low) * (place - before)
