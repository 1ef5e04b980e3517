"""Expectation-maximisation: the point estimate that the rest of the package starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from bayesgmm.data.dataset import Dataset
from bayesgmm.estimation.maximization import SMALLEST_SCALE, maximize
from bayesgmm.estimation.objective import Objective
from bayesgmm.estimation.point_estimate import PointEstimate, Starts, Status
from bayesgmm.estimation.starts import start
from bayesgmm.numerics.statistics import sufficient_statistics
from bayesgmm.options import expect_between, expect_member, expect_whole
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.spec import MixtureSpec
from bayesgmm.seeds import RandomSeed, spawn

Goal = Literal["posterior", "likelihood"]
StartMethod = Literal["k-means++", "random"]


@dataclass(frozen=True)
class EM:
    """Expectation-maximisation from several starts; the best result is kept.

    Parameters
    ----------
    objective : {"posterior", "likelihood"}, default "posterior"
        The mode of the posterior (MAP), or maximum likelihood without any prior.
    n_starts : int, default 10
        Number of starting points.
    start : {"k-means++", "random"}, default "k-means++"
        How starting points are found.
    tolerance : float, default 1e-9
        EM stops when an iteration raises the objective by less than this, relative to
        1 + its absolute value.
    max_iterations : int, default 2000
        Iterations allowed from each start.

    Raises
    ------
    SpecificationError
        If an option is not one of the above, or not positive.

    References
    ----------
    Dempster, A. P., Laird, N. M. and Rubin, D. B. (1977). Maximum likelihood from incomplete
    data via the EM algorithm. Journal of the Royal Statistical Society B 39, 1-38.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> bg.EM(objective="likelihood", n_starts=20).n_starts
    20
    """

    objective: Goal = "posterior"
    n_starts: int = 10
    start: StartMethod = "k-means++"
    tolerance: float = 1e-9
    max_iterations: int = 2000

    def __post_init__(self) -> None:
        expect_member(self, "objective", get_args(Goal))
        expect_member(self, "start", get_args(StartMethod))
        expect_whole(self, "n_starts")
        expect_whole(self, "max_iterations")
        expect_between(self, "tolerance", 0.0, 1.0)

    @property
    def uses_prior(self) -> bool:
        """Whether the priors take part."""
        return self.objective == "posterior"

    def run(self, spec: MixtureSpec, data: Dataset, *, seed: RandomSeed) -> PointEstimate:
        """Find the best of several optima, in the units of ``data``.

        ``data`` should be on the standard scale, and every prior of ``spec`` resolved.
        """
        objective = Objective(spec, data.n_features, self.uses_prior)
        results = []
        for child in spawn(seed, self.n_starts):
            first = start(data.values, objective, self.start, np.random.default_rng(child))
            results.append(self.climb(data.values, first, objective))
        results.sort(key=lambda result: -result.starts.objectives[0])
        objectives = np.concatenate([result.starts.objectives for result in results])
        return _in_canonical_order(results[0], spec, Starts(objectives))

    def climb(
        self, X: np.ndarray, parameters: MixtureParameters, objective: Objective
    ) -> PointEstimate:
        """Iterate from one starting point until convergence, collapse or the limit."""
        trace: list[float] = []
        status = Status.ITERATION_LIMIT
        for _ in range(self.max_iterations + 1):
            if _has_collapsed(parameters):
                status = Status.COLLAPSED
                break
            statistics = sufficient_statistics(X, parameters)
            trace.append(statistics.log_likelihood + objective.log_prior(parameters))
            best = parameters, statistics.log_likelihood
            if len(trace) > 1 and trace[-1] - trace[-2] < self.tolerance * (1 + abs(trace[-1])):
                status = Status.CONVERGED
                break
            parameters = maximize(statistics, parameters, objective)
        if not trace:
            best, trace = (parameters, -np.inf), [-np.inf]
        final = -np.inf if status is Status.COLLAPSED else trace[-1]
        return PointEstimate(*best, trace[-1], np.array(trace), status, Starts(np.array([final])))


def _has_collapsed(parameters: MixtureParameters) -> bool:
    """Whether a component is (nearly) a point, a line or a plane, on the standard scale."""
    if not np.all(parameters.scales > 1.001 * SMALLEST_SCALE):  # also where a scale is NaN
        return True
    if parameters.correlations is None:
        return False
    smallest = np.linalg.eigvalsh(parameters.correlations)[:, 0]
    return not bool(np.all(smallest > SMALLEST_SCALE))


def _in_canonical_order(
    estimate: PointEstimate, spec: MixtureSpec, starts: Starts
) -> PointEstimate:
    """Sort components by weight, largest first, unless the prior gives them an identity."""
    parameters = estimate.parameters
    if spec.weights.exchangeable:
        parameters = parameters.reordered(np.argsort(-parameters.weights, kind="stable"))
    return PointEstimate(
        parameters,
        estimate.log_likelihood,
        estimate.objective,
        estimate.trace,
        estimate.status,
        starts,
    )
