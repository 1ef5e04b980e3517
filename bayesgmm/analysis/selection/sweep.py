"""Going through the grid: structures side by side, with a bar, and a way to stop early."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from bayesgmm.analysis.selection.grid import Cell, Column
from bayesgmm.data.dataset import Dataset
from bayesgmm.engines.progress import CountProgress
from bayesgmm.estimation.em import EM
from bayesgmm.numerics.blocks import for_each
from bayesgmm.numerics.threads import one_thread_for_small_algebra
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.seeds import RandomSeed, spawn

INTERRUPTED = "the run was interrupted before this fit"


@dataclass(frozen=True, eq=False)
class Sweep:
    """A grid to go through.

    Attributes
    ----------
    data : Dataset
    structures : tuple of CovarianceStructure
    numbers : tuple of int
        Of components, rising.
    solver : EM
    """

    data: Dataset
    structures: tuple[CovarianceStructure, ...]
    numbers: tuple[int, ...]
    solver: EM

    def run(self, random_seed: RandomSeed, *, progress: bool) -> dict[tuple[int, int], Cell]:
        """Fit all cells; their keys are the place of the structure, and the number.

        What is done on which core changes nothing: every cell has a seed of its own.
        """
        seeds = np.array(spawn(random_seed, len(self.columns) * len(self.numbers)), dtype=object)
        total = seeds.size
        with CountProgress("fits", total, visible=progress) as bar:
            work = _Work(self, seeds.reshape(len(self.columns), len(self.numbers)), bar)
            with one_thread_for_small_algebra():
                work.do()
        columns = range(len(self.structures))
        return {
            (place, number): work.done.get((self._models[place], number))
            or self._interrupted(place, number)
            for place, number in product(columns, self.numbers)
        }

    @cached_property
    def columns(self) -> list[Column]:
        """The structures with the rows; those that are one and the same model come once."""
        chosen = [self._models.index(model) for model in range(max(self._models) + 1)]
        return [Column(self.data, self.structures[place], self.solver) for place in chosen]

    @cached_property
    def _models(self) -> list[int]:
        """The number of the model that each structure is.

        Of a single feature there are two without priors: widths are shared, or they are not.
        """
        if self.data.n_features > 1 or self.solver.uses_prior:
            return list(range(len(self.structures)))
        kinds = [structure.tied for structure in self.structures]
        first = list(dict.fromkeys(kinds))
        return [first.index(kind) for kind in kinds]

    def _interrupted(self, place: int, number: int) -> Cell:
        return Cell(self.columns[self._models[place]].n_parameters(number), INTERRUPTED)


class _Work:
    """The columns that are being fitted, and what is done.

    The fits of a column follow one another. Whoever has finished one goes on with the column that
    has the most parameters left to estimate, so that cores finish at about the same time.
    """

    def __init__(self, sweep: Sweep, seeds: np.ndarray, bar: CountProgress) -> None:
        self.done: dict[tuple[int, int], Cell] = {}
        self._bar = bar
        self._cells = [
            column.cells(sweep.numbers, list(of_column))
            for column, of_column in zip(sweep.columns, seeds, strict=True)
        ]
        self._left = [
            {number: column.n_parameters(number) for number in sweep.numbers}
            for column in sweep.columns
        ]
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._stopped = False

    def do(self) -> None:
        """Fit all columns; an interrupt is raised only if nothing is done by then."""
        try:
            for_each(len(self._cells), lambda _: self._take_turns())
        except KeyboardInterrupt:
            self._stopped = True
            if not self.done:
                raise

    def _take_turns(self) -> None:
        while (place := self._begin()) is not None:
            try:
                number, cell = next(self._cells[place])
                self.done[place, number] = cell
                del self._left[place][number]
                self._bar.advance(1)
            except BaseException:
                self._stopped = True
                raise
            finally:
                self._end(place)

    def _begin(self) -> int | None:
        """Choose a column that nobody works on; ``None`` where there is none."""
        with self._lock:
            free = [
                place
                for place, left in enumerate(self._left)
                if left and place not in self._running
            ]
            if self._stopped or not free:
                return None
            place = max(free, key=lambda place: sum(self._left[place].values()))
            self._running.add(place)
            return place

    def _end(self, place: int) -> None:
        with self._lock:
            self._running.discard(place)
