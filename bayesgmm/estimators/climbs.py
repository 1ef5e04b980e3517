"""The two hills that ``GaussianMixture`` climbs: the likelihood, and the posterior density.

Either turns a start into parameters, and climbs from there; the estimator knows no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesgmm.data.dataset import Dataset
from bayesgmm.errors import SpecificationError
from bayesgmm.estimation.ascent import climb
from bayesgmm.estimation.em import EM
from bayesgmm.estimation.objective import Objective
from bayesgmm.estimation.point_estimate import Status
from bayesgmm.estimation.problem import Problem
from bayesgmm.estimation.regularized import (
    Ascent,
    FactoredMixture,
    climb_regularized,
    from_picked_rows,
    from_shares,
)
from bayesgmm.estimation.starts import from_shares as from_shares_under_prior
from bayesgmm.estimators.starts import PICKED, picked_rows, shares
from bayesgmm.numerics.annotated_rows import AnnotatedRows, Rows, total_weight, values_of
from bayesgmm.numerics.filling import filled
from bayesgmm.parameters import MixtureParameters
from bayesgmm.priors.covariances import CovarianceStructure
from bayesgmm.priors.spec import MixtureSpec

_RELATIVE = 1e-6
"""What makes of the tolerance of plain EM one of quasi-Newton steps, see ``GaussianMixture``."""

Note = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class LikelihoodClimb:
    """Maximum likelihood with a ridge, step by step as scikit-learn."""

    rows: Rows
    structure: CovarianceStructure
    n_components: int
    ridge: float

    @cached_property
    def _complete(self) -> Rows:
        return filled(self.rows)

    def start(self, method: str, random_state: np.random.RandomState) -> FactoredMixture:
        """Return where a method of scikit-learn's starts."""
        question = (*_counted(self._complete), self.n_components, method, random_state)
        if method in PICKED:
            picked = picked_rows(*question)
            return from_picked_rows(self._complete, picked, self.structure, self.ridge)
        return from_shares(self._complete, shares(*question), self.structure, self.ridge)

    def climb(
        self,
        start: FactoredMixture,
        *,
        tolerance: float,
        max_iterations: int,
        lower_bound: float,
        note: Note,
    ) -> Ascent:
        """Climb from a start."""
        return climb_regularized(
            self.rows, start, ridge=self.ridge, tolerance=tolerance,
            max_iterations=max_iterations, lower_bound=lower_bound, note=note,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PosteriorClimb:
    """The posterior mode, on the standard scale, with quasi-Newton steps."""

    problem: Problem

    @classmethod
    def of(cls, data: Dataset, spec: MixtureSpec) -> PosteriorClimb:
        """Pose the problem."""
        return cls(Problem.of(data, spec))

    @cached_property
    def _objective(self) -> Objective:
        return EM().objective_of(self.problem.scaled_spec, self.problem.scaled_data)

    @cached_property
    def _complete(self) -> Rows:
        return filled(self.problem.scaled_data.evidence)

    def start(self, method: str, random_state: np.random.RandomState) -> FactoredMixture:
        """Return the best parameters under the prior where a method of scikit-learn's starts."""
        n_components = self.problem.spec.n_components
        question = (*_counted(self._complete), n_components, method, random_state)
        if method in PICKED:
            table = np.zeros((self._complete.shape[0], n_components))
            table[picked_rows(*question), np.arange(n_components)] = 1.0
        else:
            table = shares(*question)
        scaled = from_shares_under_prior(self._complete, table, self._objective)
        return self._factored(self.problem.scaling.restore(scaled))

    def climb(
        self,
        start: FactoredMixture,
        *,
        tolerance: float,
        max_iterations: int,
        lower_bound: float,
        note: Note,
    ) -> Ascent:
        """Climb from a start; whatever came before it, and without notes on the way."""
        rows = self.problem.scaled_data.evidence
        scaled = self.problem.scaling.standardize_parameters(self._parameters(start))
        path = climb(
            rows, scaled, self._objective, tolerance=_RELATIVE * tolerance,
            max_iterations=max_iterations, accelerated=True,
        )  # fmt: skip
        if path.status is Status.COLLAPSED:
            raise SpecificationError(f"EM found no mode: {path.status.text}.")
        point = self.problem.restore(path.as_estimate(), uses_prior=True)
        if max_iterations == 0:
            return Ascent(start, [], converged=False)
        # The first value is that of the start, and one step more than allowed may confirm the end.
        bounds = (point.trace[1:] / total_weight(rows)).tolist()[-max_iterations:]
        return Ascent(self._factored(point.parameters), bounds, point.converged)

    def _factored(self, parameters: MixtureParameters) -> FactoredMixture:
        structure, layout = self.problem.spec.covariances, self.problem.layout
        if structure.correlated:
            covariances = parameters.covariances[: layout.n_matrices]
        else:
            covariances = parameters.scales[: layout.n_matrices, : layout.n_scales] ** 2
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
            parameters if self.problem.layout.correlated else replace(parameters, correlations=None)
        )


def _counted(complete: Rows) -> tuple[np.ndarray, np.ndarray | None]:
    """Return cells and counts as scikit-learn takes them."""
    if isinstance(complete, AnnotatedRows) and complete.weights.size:
        return complete.values, complete.weights
    return values_of(complete), None
