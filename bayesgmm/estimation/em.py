"""Expectation-maximization: the point estimate that engines start from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from bayesgmm.data.dataset import Dataset
from bayesgmm.digits import counted
from bayesgmm.errors import warn
from bayesgmm.estimation.collapse import collapse_of
from bayesgmm.estimation.density import Objective
from bayesgmm.estimation.likelihood import suits_compiled_steps
from bayesgmm.estimation.optimization import em_steps, optimize, optimize_from_partition
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status, distance
from bayesgmm.estimation.search import Lead, Search, exchanges, in_best_places
from bayesgmm.estimation.starts import rows_to_start_on
from bayesgmm.numerics.blocks import one_thread_for_small_algebra
from bayesgmm.numerics.exchangeability import exchangeable_groups, ordered
from bayesgmm.numerics.filling import filled
from bayesgmm.numerics.rows import RowsInMemory, as_rows
from bayesgmm.options import expect_between, expect_member, expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.seeds import RandomSeed, spawn

_WIDE = 24  # features; with fewer, matrices are not what takes the time
_CALLS_A_START, _CALLS_IF_THIN = 200, 600
"""Calls of the objective: half to twice as many with enough rows, and a quarter to three times as
many with fewer rows than features in a component, depending on nearly singular matrices."""

_RUNS_OF_FACTORS = 2  # as many calls as so many starts, whose number matters little
_LONG = 60.0  # seconds


def warn_if_long(X: RowsInMemory, objective: Objective, n_starts: int) -> None:
    """Warn if the search will take more than a minute, by the time of one call of the objective."""
    layout = objective.layout
    if not layout.covariances.correlated or layout.n_features <= _WIDE:
        return
    if layout.covariances.n_factors:
        n_starts = _RUNS_OF_FACTORS
    is_thin = X.n_rows < layout.n_components * layout.n_features
    calls = n_starts * (_CALLS_IF_THIN if is_thin else _CALLS_A_START)
    seconds = calls * _seconds_a_call(X, objective)
    if seconds > _LONG:
        tied = (
            "" if layout.covariances.n_matrices == 1 else " one matrix for all components (Tied()),"
        )
        warn(
            f"The search for the mode from {counted(n_starts, 'start')} will take some "
            f"{counted(max(1, round(seconds / 60)), 'minute')}, and draws from the posterior take "
            f"longer: {counted(layout.n_features, 'feature')} have {layout.size} parameters. "
            f"Faster options: few factors (Factors(2)), no correlations (Diagonal()),{tied} fewer "
            "columns, such as the first principal components, or fewer starts: EM(n_starts=3)."
        )


def _seconds_a_call(X: RowsInMemory, objective: Objective) -> float:
    function, position = objective.function_of(X), np.zeros(objective.layout.size)
    times = []
    for _ in range(3):  # the first loads what is compiled
        begun = time.process_time()
        function(position)
        times.append(time.process_time() - begun)
    return min(times)


Goal = Literal["posterior", "likelihood"]
InitMethod = Literal["mixed", "k-means++", "random"]
Acceleration = Literal["quasi-newton", "none"]

_MOST_ALTERNATIVES = 7  # with the best, one each for eight chains
_FINALISTS = 3  # optima of a sample of the rows that are continued on all rows,
_HOPE = 3.0  # if they could still be the best after gaining this multiple of another's gain
_DIRECT, _DIRECT_OF_MANY = 10, 4  # starts that also optimize the objective itself,
_DIRECT_OF_FACTORS = 2  # of factor analyzers, where runs from bad starts are long
_MANY = 10_000  # rows, above which each takes a good part of a second
_MOST_REPAIRS = 3  # of the best optimum, each starting from the previous one
_MOST_LEADS = 8  # of the surrogate, from which the objective is optimized to convergence,
_NEAR = 20.0  # if they are so near the best of them; the finalists may be further away
_NEAR_EACH = 0.05  # by so much for every parameter, which has a prior that the surrogate leaves out
_ROUNDING = 1e-6  # of an objective, between two orders of the components


def _to_nobody() -> None:
    """Report nothing."""


@dataclass(frozen=True)
class EM:
    """Expectation-maximization from several starts; the best result is kept.

    Every start first optimizes a surrogate of the objective, which is fast. From the best optima
    of the surrogate one component is removed, merged with another or left out, and another one is
    split, while that increases the surrogate (Ueda et al., 2000). The objective itself is optimized
    from the results; starts with the same result share one run, and those far below the best are
    dropped. One component has one optimum, and one start.

    If the priors of components differ, components of a start are ordered by the highest prior
    density. The best result with two of them exchanged is one more start if that may be another
    mode, up to three such.

    For more than 20 000 rows (more for models with many parameters), the starts are optimized on a
    sample of this size, and the best optima on all rows.

    Parameters
    ----------
    objective : {"posterior", "likelihood"}, default "posterior"
        The mode of the posterior (MAP), or maximum likelihood without any prior.
    n_starts : int, default 20
        Number of starting points. One in three is repaired, until three have reached the highest
        optimum.
    init : {"mixed", "k-means++", "random"}, default "mixed"
        How starting points are found: from clusters of k-means, from rows picked at random, or
        from either in turn; half of them on whitened rows, whose covariance matrix is the identity.
        k-means finds compact clusters; if components overlap, or are elongated, random rows often
        lead to better optima.
    tolerance : float, default 1e-9
        EM stops when an iteration raises the objective by less than this, relative to
        1 + its absolute value.
    max_iterations : int, default 2000
        Maximum number of iterations of the objective. If it is reached, there is a
        :class:`ConvergenceWarning`.
    acceleration : {"quasi-newton", "none"}, default "quasi-newton"
        After a few steps of EM, quasi-Newton steps lead to the same optimum in a fraction of the
        passes over the rows (Jamshidian & Jennrich, 1997), and EM confirms it. ``"none"`` takes
        EM steps only.

    Raises
    ------
    SpecificationError
        If an option is not one of the above, or not positive.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
    data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Jamshidian, M. and Jennrich, R. I. (1997). Acceleration of the EM algorithm by using
    quasi-Newton methods. Journal of the Royal Statistical Society B 59, 569-587.

    Ueda, N., Nakano, R., Ghahramani, Z. and Hinton, G. E. (2000). SMEM algorithm for mixture
    models. Neural Computation 12, 2109-2128.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.EM(objective="likelihood", n_starts=50).n_starts
    50
    """

    objective: Goal = "posterior"
    n_starts: int = 20
    init: InitMethod = "mixed"
    tolerance: float = 1e-9
    max_iterations: int = 2000
    acceleration: Acceleration = "quasi-newton"

    def __post_init__(self) -> None:
        expect_member(self, "objective", get_args(Goal))
        expect_member(self, "init", get_args(InitMethod))
        expect_member(self, "acceleration", get_args(Acceleration))
        expect_whole(self, "n_starts")
        expect_whole(self, "max_iterations")
        expect_between(self, "tolerance", 0.0, 1.0)

    @property
    def uses_prior(self) -> bool:
        """Whether the priors take part."""
        return self.objective == "posterior"

    def run(
        self,
        spec: MixtureSpec,
        data: Dataset,
        *,
        seed: RandomSeed,
        report: Callable[[], None] = _to_nobody,
    ) -> PointEstimate:
        """Find the best of several optima, in the units of ``data``.

        ``data`` should be on the standard scale, and every prior of ``spec`` resolved. ``report``
        is called after every optimization run.
        """
        return self.maximize(self.objective_of(spec, data), data, seed=seed, report=report)

    def objective_of(self, spec: MixtureSpec, data: Dataset) -> Objective:
        """Return what is maximized, the posterior density or the likelihood."""
        return Objective(spec, data.n_features, self.uses_prior, data.spread)

    def maximize(
        self,
        objective: Objective,
        data: Dataset,
        *,
        seed: RandomSeed,
        warm: Sequence[MixtureParameters] = (),
        report: Callable[[], None] = _to_nobody,
    ) -> PointEstimate:
        """Find the best of the optima from all starts, and from ``warm`` points."""
        n_starts = self.n_starts_for(objective.spec)
        *seeds, sample_seed = spawn(seed, n_starts + 1)
        rows, labels = data.fitted_rows, data.label_log_likelihoods
        groups = exchangeable_groups(objective.spec.of_each_component(data.n_features), labels)
        sample = rows_to_start_on(rows, objective, np.random.default_rng(sample_seed))
        warn_if_long(sample, objective, n_starts)
        compiled = self._accelerated and suits_compiled_steps(sample, objective)
        methods = [
            (self._method(number), np.random.default_rng(child))
            for number, child in enumerate(seeds)
        ]
        with nullcontext() if compiled else one_thread_for_small_algebra():
            concentration = objective.spec.weights.expanded(objective.spec.n_components)
            same = exchangeable_groups(concentration[:, None], labels)
            search = Search.of(filled(sample), objective, methods, same)
            results = [self.optimize(sample, parameters, objective) for parameters in warm]
            results += self._optimized(search, sample, objective, report)
            results = self._repaired(search, sample, results, objective)
            if objective.tells_apart:
                results = self._settled(sample, results, objective)
            if sample.n_rows < rows.n_rows:
                results = self._on_all_rows(rows, results, objective, groups)
            results += self._exchanged(rows, results, objective, groups)
        results.sort(key=lambda result: -result.starts.objectives[0])
        starts, alternative_modes = _compared(results, groups), _alternative_modes(results, groups)
        best = _in_canonical_order(
            replace(results[0], starts=starts, alternative_modes=alternative_modes), groups
        )
        if best.status is Status.COLLAPSED:
            best = replace(
                best, collapse=collapse_of(data, best.parameters, objective.smallest_scales)
            )
        return best

    def _optimized(
        self, search: Search, rows: RowsInMemory, objective: Objective, report: Callable[[], None]
    ) -> list[PointEstimate]:
        """Optimize the objective from the optima of the surrogate.

        Starts with the same optimum share one run. Runs far below the best are stopped, with the
        objective that they have reached. The first starts optimize the objective directly, too:
        the surrogate misses components that are far narrower than clusters of k-means.
        """
        leads: list[Lead] = search.leads()
        results: dict[int, PointEstimate] = {}
        compiled = self._accelerated and suits_compiled_steps(rows, objective)
        for number, lead in enumerate(leads):
            behind = leads[0].mode.height - lead.mode.height
            is_near = (number < _MOST_LEADS and behind < _NEAR) or (
                number < _FINALISTS and behind < _NEAR + _NEAR_EACH * objective.layout.size
            )
            place = search.start_of(lead, objective)
            if number == 0 or is_near or compiled:
                result = self.optimize(rows, place, objective)
            else:
                result = em_steps(rows, place, objective, tolerance=1.0, limit=0).as_estimate()
            for start in lead.starts:
                results[start] = result
                report()
        for start in search.failed:
            results[start] = self._from_partition(search, start, rows, objective)
            report()
        if all(result.status is Status.COLLAPSED for result in results.values()):
            # Starting from its rows shows best how a component collapses onto them.
            results[0] = self._from_partition(search, 0, rows, objective)
        elif not compiled and len(results) > 1:
            n_direct = _DIRECT if rows.n_rows < _MANY else _DIRECT_OF_MANY
            if objective.layout.covariances.n_factors:
                n_direct = _DIRECT_OF_FACTORS
            for start in range(min(n_direct, len(results))):
                direct = self._from_partition(search, start, rows, objective)
                if direct.starts.objectives[0] > results[start].starts.objectives[0]:
                    results[start] = direct
        return list(results.values())

    def _from_partition(
        self, search: Search, number: int, rows: RowsInMemory, objective: Objective
    ) -> PointEstimate:
        labels = search.partitions[number]
        path = optimize_from_partition(rows, search.complete, labels, objective, **self._options())
        return path.as_estimate()

    def _repaired(
        self, search: Search, rows: RowsInMemory, results: list[PointEstimate], objective: Objective
    ) -> list[PointEstimate]:
        """Continue from the best result with repairs that have not been tried."""
        for _ in range(_MOST_REPAIRS):
            best = max(results, key=lambda result: result.starts.objectives[0])
            if best.status is Status.COLLAPSED:
                break
            better = best
            for lead in search.beyond(best.parameters):
                found = self.optimize(rows, search.start_of(lead, objective), objective)
                if found.starts.objectives[0] > better.starts.objectives[0] + _ROUNDING:
                    better = found
            if better is best:
                break
            results = [better if result is best else result for result in results]
        return results

    def _settled(
        self, rows: RowsInMemory, results: list[PointEstimate], objective: Objective
    ) -> list[PointEstimate]:
        """Continue runs in which the best order of components under the priors has changed.

        The order was the best at the start; means and weights have moved since.
        """
        least = max(result.starts.objectives[0] for result in results) - _NEAR
        settled: dict[int, PointEstimate] = {}  # starts that met share one result
        for result in results:
            height = result.starts.objectives[0]
            settled.setdefault(id(result), result)
            if settled[id(result)] is not result or not height > least:
                continue
            ordered_anew = in_best_places(rows, result.parameters, objective)
            if ordered_anew is not result.parameters:
                again = self.optimize(rows, ordered_anew, objective)
                if again.starts.objectives[0] > height - _ROUNDING:
                    settled[id(result)] = again
        return [settled[id(result)] for result in results]

    def _exchanged(
        self,
        X: RowsInMemory,
        results: list[PointEstimate],
        objective: Objective,
        groups: Int[np.ndarray, " k"],
    ) -> list[PointEstimate]:
        """Optimize from the best result with two components exchanged that differ a priori.

        All starts have components in the best order under the priors. If priors overlap,
        another order may be a mode too, which chains would not reach.
        """
        best = max(results, key=lambda result: result.starts.objectives[0])
        if not objective.uses_prior or best.status is Status.COLLAPSED:
            return []
        others = exchanges(X, best.parameters, objective, groups)
        return [self.optimize(X, parameters, objective) for parameters in others]

    def n_starts_for(self, spec: MixtureSpec) -> int:
        """Return the number of starts: one component has one optimum."""
        return 1 if spec.n_components == 1 else self.n_starts

    def _on_all_rows(
        self,
        X: RowsInMemory,
        results: list[PointEstimate],
        objective: Objective,
        groups: Int[np.ndarray, " k"],
    ) -> list[PointEstimate]:
        """Continue from the best optima of a sample of the rows.

        Starts with the same optimum of the sample share one run. Optima that are not among
        the best, or far below them on all rows, get the objective after one step on all rows.
        """
        finite = [result for result in results if np.isfinite(result.starts.objectives[0])]
        followers = [result for result in results if not np.isfinite(result.starts.objectives[0])]
        leaders: list[PointEstimate] = []
        finished: list[PointEstimate] = []
        highest, gain = -np.inf, 0.0
        for result in sorted(finite, key=lambda result: -result.starts.objectives[0]):
            met = [distance(leader.parameters, result.parameters, groups) for leader in leaders]
            if met and min(met) < Starts.reach:
                followers.append(finished[int(np.argmin(met))])
                continue
            end = replace(self, max_iterations=1 if leaders else self.max_iterations).optimize(
                X, result.parameters, objective
            )
            if 0 < len(leaders) < _FINALISTS and end.trace[-1] + _HOPE * gain >= highest:
                end = self.optimize(X, result.parameters, objective)
            leaders.append(result)
            finished.append(end)
            highest = max(highest, end.starts.objectives[0])
            gain = max(gain, end.trace[-1] - end.trace[0])
        return finished + followers

    def _method(self, number: int) -> str:
        """Return how the starting point of this number is found."""
        if self.init != "mixed":
            return self.init
        return "random" if number % 2 else "k-means++"

    def optimize(
        self,
        X: RowsInMemory | Float[np.ndarray, "n d"],
        parameters: MixtureParameters,
        objective: Objective,
    ) -> PointEstimate:
        """Optimize from one starting point, on the standard scale of the rows."""
        return optimize(as_rows(X), parameters, objective, **self._options()).as_estimate()

    def _options(self) -> dict[str, Any]:
        return {
            "tolerance": self.tolerance,
            "max_iterations": self.max_iterations,
            "accelerated": self._accelerated,
        }

    @property
    def _accelerated(self) -> bool:
        return self.acceleration == "quasi-newton"


def _compared(results: list[PointEstimate], groups: Int[np.ndarray, " k"]) -> Starts:
    """Compare the optima of all starts, best first, with the best of them."""
    objectives = np.concatenate([result.starts.objectives for result in results])
    if not np.isfinite(objectives[0]):
        return Starts(objectives, np.full(objectives.size, np.inf))
    best = results[0].parameters
    distances = [
        distance(best, result.parameters, groups) if np.isfinite(objective) else np.inf
        for result, objective in zip(results[1:], objectives[1:], strict=True)
    ]
    return Starts(objectives, np.array([0.0, *distances]))


def _alternative_modes(
    results: list[PointEstimate], groups: Int[np.ndarray, " k"]
) -> tuple[MixtureParameters, ...]:
    """Return the optima other than the best, each once, best first."""
    optima = results[:1]
    for result in results[1:]:
        if not np.isfinite(result.starts.objectives[0]) or len(optima) > _MOST_ALTERNATIVES:
            break
        if not any(_is_same(optimum, result, groups) for optimum in optima):
            optima.append(result)
    return tuple(optimum.parameters for optimum in optima[1:])


def _is_same(one: PointEstimate, other: PointEstimate, groups: Int[np.ndarray, " k"]) -> bool:
    gap = abs(one.starts.objectives[0] - other.starts.objectives[0])
    apart = distance(one.parameters, other.parameters, groups)
    return gap <= Starts.tolerance and apart < Starts.reach


def _in_canonical_order(estimate: PointEstimate, groups: Int[np.ndarray, " k"]) -> PointEstimate:
    """Sort exchangeable components by weight, largest first."""
    order = ordered(-estimate.weights, groups)
    return replace(estimate, parameters=estimate.parameters.reordered(order))
