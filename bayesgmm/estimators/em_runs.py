"""EM runs of ``GaussianMixture``: maximum likelihood, or the posterior mode.

Both turn a start into parameters and optimize from there, with the same interface. Tables with
weights or repeated rows are reduced to distinct rows with their counts, in an order that does not
depend on the input. So a weight of two is the same as a repeated row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.data.dataset import Dataset
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.optimization import optimize
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.regularized import (
    EMRun,
    FactoredMixture,
    from_picked_rows,
    from_responsibilities,
    run_regularized_em,
)
from bayesgmm.estimation.starts import from_responsibilities as from_responsibilities_under_prior
from bayesgmm.estimators.starts import PICKED, picked_rows, responsibilities
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.rows import RowsInMemory
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.spec import MixtureSpec

_RELATIVE = 1e-6
"""Factor from the tolerance of plain EM to that of quasi-Newton steps, see ``GaussianMixture``."""

Note = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class LikelihoodRuns:
    """Maximum likelihood with a ridge, step by step as scikit-learn."""

    rows: RowsInMemory
    structure: CovarianceStructure
    n_components: int
    ridge: float

    @cached_property
    def _complete(self) -> RowsInMemory:
        return filled(self.rows)

    def start(self, method: str, random_state: np.random.RandomState) -> FactoredMixture:
        """Return the starting point of a scikit-learn method."""
        question = (*_counted(self._complete), self.n_components, method, random_state)
        if method in PICKED:
            picked = picked_rows(*question)
            return from_picked_rows(self._complete, picked, self.structure, self.ridge)
        return from_responsibilities(
            self._complete, responsibilities(*question), self.structure, self.ridge
        )

    def optimize(
        self,
        start: FactoredMixture,
        *,
        tolerance: float,
        max_iterations: int,
        lower_bound: float,
        note: Note,
    ) -> EMRun:
        """Run EM from a start."""
        return run_regularized_em(
            self.rows, start, ridge=self.ridge, tolerance=tolerance,
            max_iterations=max_iterations, lower_bound=lower_bound, note=note,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PosteriorRuns:
    """The posterior mode, on the standard scale, with quasi-Newton steps."""

    problem: Problem

    @classmethod
    def of(cls, data: Dataset, spec: MixtureSpec) -> PosteriorRuns:
        """Pose the problem."""
        return cls(Problem.of(data, spec))

    @cached_property
    def _objective(self) -> Objective:
        return EM().objective_of(self.problem.scaled_spec, self.problem.scaled_data)

    @cached_property
    def _complete(self) -> RowsInMemory:
        return filled(self.problem.scaled_data.fitted_rows)

    def start(self, method: str, random_state: np.random.RandomState) -> FactoredMixture:
        """Return the best parameters under the prior where a method of scikit-learn's starts."""
        n_components = self.problem.spec.n_components
        question = (*_counted(self._complete), n_components, method, random_state)
        if method in PICKED:
            table = np.zeros((self._complete.n_rows, n_components))
            table[picked_rows(*question), np.arange(n_components)] = 1.0
        else:
            table = responsibilities(*question)
        scaled = from_responsibilities_under_prior(self._complete, table, self._objective)
        return self._factored(self.problem.scaling.restore(scaled))

    def optimize(
        self,
        start: FactoredMixture,
        *,
        tolerance: float,
        max_iterations: int,
        lower_bound: float,
        note: Note,
    ) -> EMRun:
        """Optimize from a start, independently of earlier runs, and without reports."""
        rows = self.problem.scaled_data.fitted_rows
        scaled = self.problem.scaling.standardize_parameters(self._parameters(start))
        path = optimize(
            rows, scaled, self._objective, tolerance=_RELATIVE * tolerance,
            max_iterations=max_iterations, accelerated=True,
        )  # fmt: skip
        if path.status is Status.COLLAPSED:
            raise SpecificationError(f"EM did not find a mode: {path.status.in_words}.")
        point = path.as_estimate().restored(self.problem, uses_prior=True)
        if max_iterations == 0:
            return EMRun(start, [], converged=False)
        # The first value is that of the start, and one step more than allowed may confirm the end.
        bounds = (point.trace[1:] / rows.total_weight).tolist()[-max_iterations:]
        return EMRun(self._factored(point.parameters), bounds, point.converged)

    def _factored(self, parameters: MixtureParameters) -> FactoredMixture:
        structure, free = self.problem.spec.covariances, self.problem.layout.covariances
        if structure.correlated:
            covariances = free.free_matrices(parameters.covariances)
        else:
            covariances = free.free_scales(parameters.scales) ** 2
        return FactoredMixture.of(structure, parameters.weights, parameters.means, covariances)

    def _parameters(self, mixture: FactoredMixture) -> MixtureParameters:
        k, d = mixture.means.shape
        covariances = mixture.covariances
        if covariances.ndim < 3:
            covariances = np.broadcast_to(covariances, (covariances.shape[0], d))
            covariances = covariances[:, :, None] * np.eye(d)
        every = np.broadcast_to(covariances, (k, d, d))
        parameters = MixtureParameters.from_covariances(mixture.weights, mixture.means, every)
        return (
            parameters
            if self.problem.layout.covariances.correlated
            else replace(parameters, correlations=None)
        )


def _counted(complete: RowsInMemory) -> tuple[np.ndarray, np.ndarray | None]:
    """Return cells and counts as scikit-learn takes them."""
    return complete.values, complete.weights if complete.weights.size else None


_MIXING = np.uint64(0x9E3779B97F4A7C15)  # odd, with bits everywhere (Knuth's golden ratio)
_SHIFT = np.uint64(29)
_MOST_DISTINCT = 0.5  # of the rows of a table that is one of counts
_SOON_LOOKED_AT = 10_000  # rows; of more, some are drawn


def distinct_rows(
    values: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " _"]
) -> RowsInMemory:
    """Return the distinct rows with any observed cell, in a canonical order."""
    counts = weights if weights.size else np.ones(values.shape[0])
    speaks = (counts > 0) & ~np.isnan(values).all(axis=1)
    values, counts = values[speaks], counts[speaks]
    first, place = _places(values)
    counts, rows = np.bincount(place, counts), np.ascontiguousarray(values[first])
    if np.all(counts == 1):
        return RowsInMemory(rows)
    return RowsInMemory(rows, counts)


def at_least(X: RowsInMemory, least: int) -> RowsInMemory:
    """Return at least the given number of rows, repeated if necessary."""
    times = -(-least // X.n_rows)
    if times <= 1:
        return X
    return RowsInMemory(np.repeat(X.values, times, axis=0), np.repeat(X.counts / times, times))


def is_table_of_counts(values: Float[np.ndarray, "n d"], least: int) -> bool:
    """Whether at least half of the rows repeat others, and ``least`` are distinct.

    Such a table has the fewest equal pairs where every row stands twice, n / 2. Of m rows drawn
    from n, some m^2 / 2n pairs are equal then, here 32, and none with a probability of e^-32.
    """
    n_rows = values.shape[0]
    if n_rows > _SOON_LOOKED_AT:
        n_drawn = int(8 * math.sqrt(n_rows))
        drawn = np.random.default_rng(0).choice(n_rows, n_drawn, replace=False, shuffle=False)
        if _n_distinct(values[drawn]) == n_drawn:
            return False
    return least <= _n_distinct(values) <= _MOST_DISTINCT * n_rows


def _n_distinct(values: Float[np.ndarray, "n d"]) -> int:
    codes = np.sort(_codes(values))  # forty times sooner than np.unique, which hashes them again
    return 1 + int(np.count_nonzero(codes[1:] != codes[:-1]))


def _places(
    values: Float[np.ndarray, "n d"],
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " n"]]:
    """Return where each distinct row is first, and which of them every row is."""
    _, first, place = np.unique(_codes(values), return_index=True, return_inverse=True)
    if np.array_equal(values[first][place], values, equal_nan=True):
        return first, place
    # Two rows have one code: less probable than a fault of the machine, and slow.
    _, first, place = np.unique(values, axis=0, return_index=True, return_inverse=True)
    return first, place


def _codes(values: Float[np.ndarray, "n d"]) -> np.ndarray:
    """Return a number for each row, the same for the same cells wherever the row stands."""
    cells = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and one zero
    codes = np.zeros(values.shape[0], dtype=np.uint64)
    for column in cells.T:
        codes = (codes ^ np.ascontiguousarray(column).view(np.uint64)) * _MIXING
        codes ^= codes >> _SHIFT
    return codes
