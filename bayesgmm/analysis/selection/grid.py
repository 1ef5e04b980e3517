"""Fits over a grid of numbers of components and covariance structures.

For each structure, the number of components increases: each fit starts from the previous one, whose
components are split, and from fresh starting points.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np
from jaxtyping import Float

from bayesgmm.analysis.selection.criteria import Criteria, entropies
from bayesgmm.data.dataset import Dataset
from bayesgmm.data.suitability import expect_enough_rows
from bayesgmm.errors import DataError
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.point_estimate import PointEstimate, Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.splits import best_split
from bayesgmm.numerics.blocks import for_each, one_thread_for_small_algebra
from bayesgmm.numerics.statistics import responsibilities
from bayesgmm.numerics.unconstrained import Layout
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.progress import CountProgress
from bayesgmm.seeds import RandomSeed, spawn


@dataclass(frozen=True)
class Cell:
    """One fit, or the reason why there is none.

    Attributes
    ----------
    n_parameters : int
    failure : str
        Empty if there is a fit.
    criteria : Criteria or None
    converged : bool
    starts, agreeing : int
        Starting points, and those that reached the best optimum.
    """

    n_parameters: int
    failure: str = ""
    criteria: Criteria | None = None
    converged: bool = False
    starts: int = 0
    agreeing: int = 0


@dataclass(frozen=True, eq=False)
class _Fit:
    """Parameters, and the responsibilities of the rows under them."""

    parameters: MixtureParameters
    resp: Float[np.ndarray, "n k"]


@dataclass(frozen=True, eq=False)
class Column:
    """The fits of one structure.

    Attributes
    ----------
    data : Dataset
    structure : CovarianceStructure
    solver : EM
    """

    data: Dataset
    structure: CovarianceStructure
    solver: EM

    def cells(
        self, numbers: tuple[int, ...], seeds: list[np.random.SeedSequence]
    ) -> Iterator[tuple[int, Cell]]:
        """Fit all numbers of components, in increasing order, and yield each with its cell."""
        last: _Fit | None = None
        for number, seed in zip(numbers, seeds, strict=True):
            try:
                expect_enough_rows(self.data, number)
                estimate = self._estimate(number, self._split_up(last, number), seed)
            except (DataError, ArithmeticError, np.linalg.LinAlgError) as error:
                yield number, self._failed(number, str(error))
                last = None
                continue
            if estimate.status is Status.COLLAPSED:
                yield number, self._failed(number, f"from every start, {estimate.explanation}")
                last = None
                continue
            last = self._fit(estimate.parameters)
            yield number, self._cell(number, estimate, last)

    def n_parameters(self, number: int) -> int:
        """Return k - 1 weights, k d means, and the free entries of covariance matrices."""
        return Layout(self.structure.covariance_map(number, self.data.n_features)).n_parameters

    @cached_property
    def _problem(self) -> Problem:
        spec = MixtureSpec(1, covariances=self.structure)
        return Problem.of(self.data, spec, uses_prior=self.solver.uses_prior)

    @cached_property
    def _rows(self) -> Dataset:
        return self._problem.scaled_data

    @property
    def _row_weights(self) -> np.ndarray | None:
        rows = self._rows.fitted_rows
        return None if rows.is_plain else rows.counts

    @cached_property
    def _one(self) -> PointEstimate:
        """The estimate of one normal distribution, which has one optimum."""
        solver, seed = replace(self.solver, n_starts=1), np.random.SeedSequence(0)
        return solver.maximize(self._objective(1), self._rows, seed=seed)

    @cached_property
    def _objectives(self) -> dict[int, Objective]:
        return {}

    def _objective(self, number: int) -> Objective:
        if number not in self._objectives:
            spec = replace(self._problem.scaled_spec, n_components=number)
            self._objectives[number] = self.solver.objective_of(spec, self._rows)
        return self._objectives[number]

    def _fit(self, parameters: MixtureParameters) -> _Fit:
        return _Fit(parameters, responsibilities(self._rows.fitted_rows, parameters))

    def _estimate(
        self, number: int, warm: MixtureParameters | None, seed: np.random.SeedSequence
    ) -> PointEstimate:
        if number == 1:
            return self._one
        starts = [] if warm is None else [warm]
        objective = self._objective(number)
        return self.solver.maximize(objective, self._rows, seed=seed, warm=starts)

    def _split_up(self, last: _Fit | None, number: int) -> MixtureParameters | None:
        """Split components of the previous mixture, one at a time, until there are enough."""
        parameters = None
        while last is not None and last.parameters.n_components < number:
            objective = self._objective(last.parameters.n_components + 1)
            parameters = best_split(self._rows.fitted_rows, last.parameters, last.resp, objective)
            if parameters is None or parameters.n_components == number:
                break
            last = self._fit(parameters)
        return parameters

    def _cell(self, number: int, estimate: PointEstimate, fit: _Fit) -> Cell:
        one = math.nan if self._one.status is Status.COLLAPSED else self._one.log_likelihood
        gain = estimate.log_likelihood - one
        criteria = Criteria(
            self._log_likelihood(estimate), number, self.n_parameters(number),
            self.data.fitted.total_weight, *entropies(fit.resp, self._row_weights), gain,
        )  # fmt: skip
        starts = estimate.starts
        return Cell(
            criteria.n_parameters, "", criteria, estimate.converged,
            starts.objectives.size, starts.agreeing,
        )  # fmt: skip

    def _failed(self, number: int, why: str) -> Cell:
        return Cell(self.n_parameters(number), why)

    def _log_likelihood(self, estimate: PointEstimate) -> float:
        """Return it in the units of the data."""
        jacobian = self._problem.scaling.log_jacobian(self.data.n_observed)
        return estimate.log_likelihood - jacobian


INTERRUPTED = "the run was interrupted before this fit"


@dataclass(frozen=True, eq=False)
class Sweep:
    """A grid of fits.

    Attributes
    ----------
    data : Dataset
    structures : tuple of CovarianceStructure
    numbers : tuple of int
        Numbers of components, increasing.
    solver : EM
    """

    data: Dataset
    structures: tuple[CovarianceStructure, ...]
    numbers: tuple[int, ...]
    solver: EM

    def run(self, random_seed: RandomSeed, *, progress: bool) -> dict[tuple[int, int], Cell]:
        """Fit all cells; their keys are the place of the structure, and the number.

        Results do not depend on the number of cores: every cell has its own seed.
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
        """The structures with the rows; equivalent models come once."""
        chosen = [self._models.index(model) for model in range(max(self._models) + 1)]
        return [Column(self.data, self.structures[place], self.solver) for place in chosen]

    @cached_property
    def _models(self) -> list[int]:
        """The number of the model that each structure is.

        For a single feature there are two without priors: shared or separate widths.
        """
        if self.data.n_features > 1 or self.solver.uses_prior:
            return list(range(len(self.structures)))
        kinds = [structure.tied for structure in self.structures]
        first = list(dict.fromkeys(kinds))
        return [first.index(kind) for kind in kinds]

    def _interrupted(self, place: int, number: int) -> Cell:
        return Cell(self.columns[self._models[place]].n_parameters(number), INTERRUPTED)


class _Work:
    """The columns being fitted, and the finished cells.

    The fits of a column follow one another. A thread that has finished one continues with the
    column that has the most parameters left to estimate, so that cores finish at about the same
    time.
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
        """Fit all columns; an interrupt is raised only if no cell is finished."""
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
        """Choose a column that no thread works on; ``None`` if there is none."""
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
