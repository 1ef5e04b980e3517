"""The distribution of missing cells over many mixtures, and draws of them.

Cells are counted row by row, and within a row in the order of its features, as ``numpy.nonzero``
finds them.

Axes: rows n, features d, missing cells c, missing cells of one row q.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.family import FAMILY
from bayesgmm.numerics.kernels.imputation import conditional_cells, imputations, summaries
from bayesgmm.numerics.patterns import Patterns
from bayesgmm.numerics.rows import RowsInMemory, as_compiled
from bayesgmm.numerics.statistics import PrecisionForm, all_mixtures
from bayesgmm.parameters import MixtureParameters

_NUMBERS_AT_ONCE = 1_500_000  # means and responsibilities that a thread holds, 12 MB
_MOST_ROWS = 256  # at once


@dataclass(frozen=True, eq=False)
class _Gap:
    """Rows with the same missing features.

    Attributes
    ----------
    cells : array, shape (n, o)
        What is observed of them.
    label_log_likelihoods : array, shape (n, k) or (0, 0)
    features : integer array, shape (d,)
        The observed ones first.
    rows : integer array, shape (n,)
        Where they are among the incomplete rows.
    places : integer array, shape (n, q)
        The numbers of their missing cells.
    """

    cells: Float[np.ndarray, "n o"]
    label_log_likelihoods: Float[np.ndarray, "n_or_none k"]
    features: Int[np.ndarray, " d"]
    rows: Int[np.ndarray, " n"]
    places: Int[np.ndarray, "n q"]

    def part(self, start: int, stop: int) -> _Gap:
        known, block = self.label_log_likelihoods, slice(start, stop)
        known = known[block] if known.shape[0] else known
        return _Gap(self.cells[block], known, self.features, self.rows[block], self.places[block])

    def kernel_arguments(self) -> tuple[np.ndarray, ...]:
        return as_compiled(self.cells), as_compiled(self.label_log_likelihoods), self.features


def predicted_cells(
    X: RowsInMemory,
    draws: MixtureParameters,
    levels: tuple[float, ...],
    *,
    report: Callable[[int], None] | None = None,
) -> Float[np.ndarray, "c statistics"]:
    """Return mean, standard deviation and quantiles of every missing cell, over many mixtures.

    A cell given the observed ones of its row has a mixture of normal distributions, one for every
    component of every mixture, weighted by responsibilities. Its quantiles are solved for. Rows go
    in small blocks, so that memory depends neither on their number nor, beyond the factorized
    mixtures themselves, on that of the draws. ``report`` is called with the number of cells of each
    finished block.
    """
    mixtures, output = all_mixtures(draws), np.empty((n_missing(X), 2 + len(levels)))
    size = mixtures.constants.size
    blocks = [block for gap in _gaps(X) for block in _blocks(gap, size)]
    ends = np.array(levels), FAMILY.quantiles(np.array(levels))

    def write_block(number: int) -> None:
        gap = blocks[number]
        output[gap.places] = _summaries(gap, mixtures, *ends)
        if report is not None:
            report(gap.places.size)

    for_each(len(blocks), write_block)
    return output


def imputed_cells(
    X: RowsInMemory, draws: MixtureParameters, seeds: list[np.random.SeedSequence]
) -> Float[np.ndarray, "m c"]:
    """Draw all missing cells once from each of m mixtures (one batch axis), with its own seed.

    A component is drawn given the observed cells of a row, and then the missing cells together.
    """
    mixtures, gaps = all_mixtures(draws), list(_gaps(X))
    output = np.empty((len(seeds), n_missing(X)))
    n_rows = int(np.isnan(X.values).any(axis=1).sum())

    def write_mixture(number: int) -> None:
        rng = np.random.default_rng(seeds[number])
        uniforms, noise = rng.random(n_rows), FAMILY.draw(rng, output.shape[1:])
        mixture = (part[number] for part in mixtures.kernel_arguments())
        arguments = tuple(mixture)
        for gap in gaps:
            drawn = np.empty(gap.places.shape)
            random = uniforms[gap.rows], noise[gap.places]
            imputations(*gap.kernel_arguments(), *arguments, *random, drawn)
            output[number, gap.places] = drawn

    for_each(len(seeds), write_mixture)
    return output


def n_missing(X: RowsInMemory) -> int:
    """Return the number of missing cells, c."""
    return int(np.isnan(X.values).sum())


def _gaps(X: RowsInMemory) -> Iterator[_Gap]:
    """Yield the incomplete rows, those that lack the same features together."""
    missing = np.isnan(X.values)
    incomplete = np.flatnonzero(missing.any(axis=1))
    counts = missing[incomplete].sum(axis=1)
    first = np.cumsum(counts) - counts
    known = (
        X.label_log_likelihoods[incomplete]
        if X.label_log_likelihoods.size
        else X.label_log_likelihoods
    )
    for rows, features, size, cells in Patterns.of(X.values[incomplete]).each():
        places = first[rows][:, None] + np.arange(features.size - size)
        yield _Gap(cells, known[rows] if known.size else known, features, rows, places)


def _blocks(gap: _Gap, n_terms: int) -> Iterator[_Gap]:
    """Cut rows so that their numbers under all mixtures fit into memory."""
    n_rows, each = gap.places.shape
    size = min(_MOST_ROWS, max(1, _NUMBERS_AT_ONCE // (n_terms * (each + 1))))
    for start in range(0, n_rows, size):
        yield gap.part(start, start + size)


def _summaries(
    gap: _Gap,
    mixtures: PrecisionForm,
    levels: Float[np.ndarray, " levels"],
    normals: Float[np.ndarray, " levels"],
) -> Float[np.ndarray, "n q statistics"]:
    n_rows, each = gap.places.shape
    shape = mixtures.constants.shape
    resp, centers = np.empty((n_rows, *shape)), np.empty((n_rows, each, *shape))
    spreads = np.empty((each, *shape))
    conditional_cells(*gap.kernel_arguments(), *mixtures.kernel_arguments(), resp, centers, spreads)
    output = np.empty((n_rows, each, 2 + levels.size))
    summaries(resp, centers, spreads, levels, normals, output)
    return output
